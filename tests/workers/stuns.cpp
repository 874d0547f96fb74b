// SPDX-License-Identifier: Apache-2.0
// A worker whose jobs end well, and leave it unable to begin another.
#include <signal.h>
#include <unistd.h>
#include <promised/worker.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "common/claim_page.hpp"

namespace {

// From a process of the job's own.
void stop_parent() {
  if (::kill(::getppid(), SIGSTOP) != 0) throw std::runtime_error("the worker cannot be stopped");
}

// As soon as the file is there, and the job has long ended.
void stop_later(const std::string& gate) {
  std::thread([gate] {
    while (!std::filesystem::exists(gate)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ::kill(::getpid(), SIGSTOP);
  }).detach();
}

// In the memory that the worker shares with the daemon.
promised::ClaimPage& page() {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (line.find("promised-page") == std::string::npos) {
    if (!std::getline(maps, line)) throw std::runtime_error("there is no page");
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  return *reinterpret_cast<promised::ClaimPage*>(std::stoull(line, nullptr, 16));
}

// Says that all that comes is taken back.
void revoke_all() {
  page().word |= 0x3fff'ffff;
}

// Says that all is taken back, and all has been begun.
void overrun_page() {
  page().word = 0x7f7f'7f7f'7f7f'7f7f;
}

}  // namespace

int main(int argc, char** argv) {
  promised::Worker worker(argc, argv);
  worker.define("stop_parent", stop_parent)
      .define("stop_later", stop_later)
      .define("revoke_all", revoke_all)
      .define("overrun_page", overrun_page)
      .define("parent", [] { return std::int64_t{::getppid()}; })
      .define("process", [] { return std::int64_t{::getpid()}; });
  return worker.run();
}
