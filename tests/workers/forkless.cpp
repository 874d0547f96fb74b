// SPDX-License-Identifier: Apache-2.0
// A worker for which there is no process as long as the file exists that its first argument names. Each time
// it was refused one is a line of FILE.refused. With the second argument "pidfd" one that is started
// meanwhile gets processes, and no descriptor of them. Each run of "attempt" is a line of FILE.ran.
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <promised/worker.hpp>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/workers/refuse_call.hpp"

namespace {
std::string full;
bool no_pidfd = false;
}  // namespace

// In the place of libc's, for the worker library too.
extern "C" __attribute__((visibility("default"))) pid_t fork() noexcept {
  std::error_code error;
  if (!full.empty() && !no_pidfd && std::filesystem::exists(full, error)) {
    std::ofstream(full + ".refused", std::ios::app) << '\n';
    errno = EAGAIN;
    return -1;
  }
  using Fork = pid_t();
  static auto* const real = reinterpret_cast<Fork*>(::dlsym(RTLD_NEXT, "fork"));
  return real();
}

int main(int argc, char** argv) {
  if (argc > 1) full = argv[1];
  no_pidfd = argc > 2 && argv[2] == std::string_view("pidfd");
  if (no_pidfd && std::filesystem::exists(full)) refuse_call(SYS_pidfd_open, SECCOMP_RET_ERRNO | EMFILE);
  promised::Worker worker(argc, argv);
  worker.define("attempt", [](promised::Job& job) {
    std::ofstream(full + ".ran", std::ios::app) << '\n';
    return job.attempt();
  });
  return worker.run();
}
