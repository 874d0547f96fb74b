// SPDX-License-Identifier: Apache-2.0
#include "tests/workers/misbehave.hpp"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "tests/workers/refuse_call.hpp"

namespace {

// What others are measured by.
std::int64_t wait_for(promised::Job& job, const std::string& gate) {
  while (!std::filesystem::exists(gate)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return job.attempt();
}

promised::Value nest(int depth) {
  promised::Value value;
  for (int i = 0; i < depth; ++i) value = promised::Value(promised::Value::List{std::move(value)});
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  pid_t helper = 0;
  if (argc > 1 && std::string_view(argv[1]) == "--helper") {
    helper = ::fork();
    if (helper == 0) misbehave::sleep_for_ever();
  }
  if (argc > 1 && helper == 0) std::cout << argv[1] << std::flush;  // before any job
  // A file that another thread of the program makes while the umask is another one is not what it should be.
  if (argc > 1 && std::string_view(argv[1]) == "--dies-of-umask")
    refuse_call(SYS_umask, SECCOMP_RET_KILL_PROCESS, 077);
  promised::Worker worker(argc, argv);
  misbehave::define_deaths(worker);
  misbehave::define_output(worker);
  misbehave::define_processes(worker, helper);
  misbehave::define_state(worker);
  worker.define("attempt", [](promised::Job& job) { return job.attempt(); })
      .define("big", [](std::uint64_t n) { return std::string(n, 'b'); })
      .define("nap", [](int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); })
      .define("nest", nest)
      .define("process", [] { return std::int64_t{::getpid()}; })
      .define("quick", [](std::int64_t n) { return n; })
      .define("wait_for", wait_for);
  return worker.run();
}
