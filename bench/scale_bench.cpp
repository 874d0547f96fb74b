// SPDX-License-Identifier: Apache-2.0
// What a long queue costs everybody else: a daemon in which a million durable jobs wait in ten thousand
// queues under a thousand quotas, beside an empty one. Both are measured in turn, so that a machine that
// slows down does so for both.
//
//   scale-bench [--check] [JOBS] [QUEUES] [DIRECTORY]     default: 1000000 jobs, 10000 queues, below /tmp
//
// --check: exit 1 when a goal is missed.
#include <algorithm>
#include <deque>
#include <exception>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/subject.hpp"

namespace {

using namespace promised;
using namespace promised::bench;

constexpr int kRounds = 5;
constexpr std::chrono::milliseconds kSlice{600};
constexpr std::size_t kWindow = 2000;
constexpr std::uint64_t kQuotas = 1000;
/// DESIGN 7: within 20 % of empty.
constexpr double kLeast = 0.8;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Jobs of `echo` in the queues of the pool `held`, whose only worker is busy, wait.
class Scene {
 public:
  explicit Scene(const std::filesystem::path& folder)
      : subject_(folder, "[pool.work]\nprogram = " PROMISED_BENCH_WORKER
                         "\nsize = 2\nqueues = default\nkill_grace = 100ms\n"
                         "[pool.held]\nprogram = " PROMISED_BENCH_WORKER "\nkill_grace = 100ms\n"),
        client_(subject_.client()) {
    wait_for_workers(client_);
    hold_ = client_.submit(Options{}.queue("held").durability(Durability::memory), "hold");
    const auto end = Clock::now() + kPatience;
    while (!hold_.running()) {
      if (Clock::now() > end) throw std::runtime_error("the job that keeps a worker busy does not run");
    }
  }

  /// Has `jobs` accepted into the queues q0, q1 and so on; returns how many a second.
  double fill(std::uint64_t jobs, std::uint64_t queues, Clock::time_point end = Clock::time_point::max()) {
    std::deque<AnyFuture> under_way;
    const auto begin = Clock::now();
    std::uint64_t accepted = 0;
    const auto accept_first = [&] {
      under_way.front().accepted(kPatience);
      under_way.pop_front();
      ++accepted;
    };
    for (std::uint64_t i = 0; i < jobs && Clock::now() < end; ++i) {
      under_way.push_back(
          client_.submit(Options{}.queue("q" + std::to_string(i * 7919 % queues)), "echo", payload_));
      if (under_way.size() == kWindow) {
        while (under_way.size() > kWindow / 2) accept_first();
      }
    }
    while (!under_way.empty()) accept_first();
    return static_cast<double>(accepted) / seconds_since(begin);
  }
  /// Jobs a second that are submitted, run and answered, beside all that waits.
  double pipelined(Durability durability) {
    const Options options = Options{}.durability(durability);
    std::deque<Future<std::string>> under_way;
    const auto begin = Clock::now();
    const auto end = begin + kSlice;
    std::uint64_t done = 0;
    const auto finish_first = [&] {
      if (under_way.front().result(kPatience) != payload_)
        throw std::runtime_error("echo returns something else");
      under_way.pop_front();
      ++done;
    };
    while (Clock::now() < end) {
      while (under_way.size() < kWindow)
        under_way.push_back(client_.submit<std::string>(options, "echo", payload_));
      for (std::size_t i = 0; i < kWindow / 4; ++i) finish_first();
    }
    while (!under_way.empty()) finish_first();
    return static_cast<double>(done) / seconds_since(begin);
  }
  /// Jobs a second that the only worker of `held` takes out of the queues, once it is free.
  double drain() {
    hold_.cancel(CancelOptions{}.now());
    const std::uint64_t before = finished();
    while (finished() == before) {
    }
    const std::uint64_t first = finished();
    const auto begin = Clock::now();
    std::uint64_t last = first;
    while (seconds_since(begin) < 2) last = finished();
    return static_cast<double>(last - first) / seconds_since(begin);
  }
  void expect_alive() { subject_.expect_alive(); }

 private:
  std::uint64_t finished() { return client_.status(kPatience).finished; }

  Subject subject_;
  Client client_;
  AnyFuture hold_;
  const std::string payload_ = std::string(64, 'x');
};

double median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  return percentile(samples, 0.5);
}

bool print(const std::string& what, double empty, double full) {
  const double ratio = full / empty;
  std::cout << "  " << std::left << std::setw(46) << what << std::right << std::fixed << std::setprecision(0)
            << std::setw(12) << empty << std::setw(12) << full << std::setprecision(2) << std::setw(8)
            << ratio << (ratio >= kLeast ? "  met" : "  MISSED") << '\n';
  return ratio >= kLeast;
}

int run(std::uint64_t jobs, std::uint64_t queues, const std::filesystem::path& directory, bool check) {
  const Folder folder(directory);
  Scene empty(folder.path() / "empty");
  Scene full(folder.path() / "full");
  const double filling = full.fill(jobs, queues);
  std::cout << jobs << " durable jobs of 64 B in " << queues << " queues, accepted at " << std::fixed
            << std::setprecision(0) << filling << " jobs/s; jobs/s, the goal is " << std::setprecision(1)
            << kLeast << "\n  " << std::left << std::setw(46) << "" << std::right << std::setw(12) << "empty"
            << std::setw(12) << "full" << std::setw(8) << "ratio" << '\n';
  std::vector<double> memory[2], durable[2], accepted[2];
  for (int round = 0; round < kRounds; ++round) {
    for (const int which : {0, 1}) {
      Scene& scene = which == 0 ? empty : full;
      memory[which].push_back(scene.pipelined(Durability::memory));
      durable[which].push_back(scene.pipelined(Durability::durable));
    }
  }
  // The empty one has what these rounds leave in one queue.
  for (int round = 0; round < kRounds; ++round) {
    for (const int which : {0, 1})
      accepted[which].push_back(
          (which == 0 ? empty : full).fill(UINT64_MAX, which == 0 ? 1 : queues, Clock::now() + kSlice / 2));
  }
  bool met = print("submitted, run and answered, memory", median(memory[0]), median(memory[1]));
  met &= print("submitted, run and answered, durable", median(durable[0]), median(durable[1]));
  met &= print("accepted, durable", median(accepted[0]), median(accepted[1]));
  const double short_queue = empty.drain();
  met &= print("taken out of one queue, out of all of them", short_queue, full.drain());
  empty.expect_alive();
  full.expect_alive();
  return check && !met ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::vector<std::string> given(argv + 1, argv + argc);
    const bool check = !given.empty() && given[0] == "--check";
    if (check) given.erase(given.begin());
    const auto number = [&](std::size_t at, std::uint64_t usual) {
      return given.size() > at ? std::stoull(given[at]) : usual;
    };
    return run(number(0, 1'000'000), number(1, 10'000), given.size() > 2 ? given[2] : "/tmp", check);
  } catch (const std::exception& e) {
    std::cerr << "scale-bench: " << e.what() << '\n';
    return 2;
  }
}
