// SPDX-License-Identifier: Apache-2.0
// The worker program: renders the parts of a page, slowly. Its environment (environment.NAME in the pool's
// section) says more:
//
//   TWO_PASS_RUNS=FILE  a line for the beginning and one for the end of each run: which, of what, by whom,
//   when TWO_PASS_GATE=FILE  a run takes until FILE is there, instead of half a second
#include <promised/worker.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "examples/two_pass/part.hpp"

namespace {

using namespace std::chrono_literals;
using two_pass::Part;
using Clock = std::chrono::steady_clock;

std::int64_t in_ms(Clock::duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

/// One run, from its construction to finish().
class Run {
 public:
  Run(std::string part, const std::string& user) : subject_(std::move(part) + " " + user) {
    record("began", began_);
  }

  /// What stands for a slow database or somebody else's slow server.
  void be_slow() const {
    const char* const gate = std::getenv("TWO_PASS_GATE");
    if (gate == nullptr) return std::this_thread::sleep_for(500ms);
    while (!std::filesystem::exists(gate)) std::this_thread::sleep_for(1ms);
  }

  [[nodiscard]] Part finish(std::string text) const {
    const Clock::time_point ended = Clock::now();
    record("ended", ended);
    return {std::move(text), ::getpid(), in_ms(ended - began_)};
  }

 private:
  void record(const char* what, Clock::time_point when) const {
    const char* const file = std::getenv("TWO_PASS_RUNS");
    if (file == nullptr) return;
    const std::string line = std::string(what) + " " + subject_ + " " + std::to_string(::getpid()) + " " +
                             std::to_string(in_ms(when.time_since_epoch())) + "\n";
    std::ofstream out(file, std::ios::app);
    if (!(out << line << std::flush)) throw std::runtime_error(std::string("cannot write to ") + file);
  }

  std::string subject_;
  Clock::time_point began_ = Clock::now();
};

Part greeting(std::string user) {
  const Run run("greeting", user);
  run.be_slow();
  return run.finish("Good day, " + user + "!");
}

Part news(std::string user) {
  const Run run("news", user);
  run.be_slow();
  return run.finish("Nothing has happened that " + user + " would have to know.");
}

Part prices(std::string user) {
  const Run run("prices", user);
  run.be_slow();
  if (user == "eve") throw std::out_of_range("eve has no account");
  return run.finish("Apples 3.20, pears 4.10");
}

Part advice(std::string user, std::string prices) {
  const Run run("advice", user);
  run.be_slow();
  return run.finish("At these prices (" + prices + ") take apples.");
}

}  // namespace

int main(int argc, char** argv) {
  promised::Worker worker(argc, argv);
  worker.define(two_pass::kGreeting, greeting)
      .define(two_pass::kNews, news)
      .define(two_pass::kPrices, prices)
      .define(two_pass::kAdvice, advice);
  return worker.run();
}
