// SPDX-License-Identifier: Apache-2.0
// The worker program of the system tests: functions that succeed, fail, wait for a file, and harm their own
// process.
#include <sys/wait.h>
#include <unistd.h>
#include <promised/worker.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/story_types.hpp"

namespace {

using promised::test::Customer;
using namespace std::chrono_literals;

std::int64_t add(std::int64_t a, std::int64_t b) {
  return a + b;
}

promised::Value echo(promised::Value value) {
  return value;
}

Customer older(Customer customer, int years) {
  customer.age += years;
  return customer;
}

std::int64_t fail(std::string message) {
  std::puts("about to fail");
  throw std::runtime_error(message);
}

// Runs until `gate` exists, and returns its process: how long a job runs is the test's choice.
std::int64_t wait_for(std::string gate) {
  while (!std::filesystem::exists(gate)) std::this_thread::sleep_for(1ms);
  return ::getpid();
}

// One line in `file` for each time that it runs.
std::int64_t tally(std::string file) {
  std::ofstream(file, std::ios::app) << "ran\n" << std::flush;
  return ::getpid();
}

std::int64_t tally_and_wait(std::string file, std::string gate) {
  tally(file);
  return wait_for(gate);
}

std::int64_t raise_signal(int number) {
  std::puts("last words");
  std::fflush(stdout);
  ::signal(number, SIG_DFL);  // sanitizers catch some
  ::raise(number);
  return 0;
}

std::int64_t leave(int code) {
  ::_exit(code);
}

std::int64_t spin() {
  for (volatile bool on = true; on;) {
  }
  return 0;
}

// Leaves a process behind that does not end by itself, in the background.
std::int64_t leave_a_child() {
  const pid_t pid = ::fork();
  if (pid == 0) {
    while (true) ::pause();
  }
  return pid;
}

std::uint64_t allocate(std::uint64_t mebibytes) {
  std::vector<char> much(mebibytes << 20, 'x');
  return much.size();
}

std::string large(std::uint64_t size) {
  return std::string(size, 'x');
}

// The arguments that were given by name come as one map.
std::string described(std::string what, std::map<std::string, promised::Value> named) {
  for (const auto& [name, value] : named) {
    const auto* flag = value.get_if<bool>();
    what += " " + name + "=" +
            (flag != nullptr ? (*flag ? "true" : "false") : std::to_string(promised::from_value<int>(value)));
  }
  return what;
}

std::int64_t who() {
  return ::getuid();
}

}  // namespace

int main(int argc, char** argv) {
  promised::Worker worker(argc, argv);
  worker.define("add", add)
      .define("echo", echo)
      .define("customer.older", older)
      .define("fail", fail)
      .define("wait_for", wait_for)
      .define("tally", tally)
      .define("tally_and_wait", tally_and_wait)
      .define("raise", raise_signal)
      .define("leave", leave)
      .define("spin", spin)
      .define("leave_a_child", leave_a_child)
      .define("allocate", allocate)
      .define("large", large)
      .define("described", described)
      .define("who", who);
  return worker.run();
}
