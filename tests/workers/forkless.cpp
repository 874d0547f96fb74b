// SPDX-License-Identifier: Apache-2.0
// A worker for which there is no process as long as the file exists that its argument names. Each time it was
// refused one is a line of FILE.refused.
#include <dlfcn.h>
#include <unistd.h>
#include <promised/worker.hpp>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

namespace {
std::string full;
}  // namespace

// In the place of libc's, for the worker library too.
extern "C" __attribute__((visibility("default"))) pid_t fork() noexcept {
  std::error_code error;
  if (!full.empty() && std::filesystem::exists(full, error)) {
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
  promised::Worker worker(argc, argv);
  worker.define("attempt", [](promised::Job& job) { return job.attempt(); });
  return worker.run();
}
