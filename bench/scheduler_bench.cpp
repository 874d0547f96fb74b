// SPDX-License-Identifier: Apache-2.0
// The scheduler alone, without a socket, a disk or a process: how many jobs a second it takes in, gives out
// and ends, and what a job that waits takes in memory.
//
//   scheduler-bench [--check] [JOBS]     default: 10000000 jobs of 64 bytes, at most 1000000 at a time
//
// --check: exit 1 when a goal is missed (bytes a job; many queues beside one).
#include <malloc.h>

#include <array>
#include <cstdlib>
#include <deque>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bench/child.hpp"
#include "daemon/decide/scheduler.hpp"

namespace {

using namespace promised;
using promised::bench::Clock;

constexpr std::uint64_t kAtOnce = 1'000'000;
constexpr std::size_t kQueues = 10'000;
constexpr std::size_t kQuotas = 1'000;
/// Events that a busy loop finds in one turn.
constexpr std::uint64_t kTurn = 256;
constexpr std::chrono::microseconds kTurnTakes{200};
constexpr std::size_t kPayload = 64;
/// DESIGN 7: over the payload.
constexpr double kMostBytes = 300;
/// Of the jobs a second of one long queue, with as many jobs in many.
constexpr double kLeastRatio = 0.5;

Settings settings_for_many() {
  Settings settings;
  settings.access.everyone = true;
  Limits& limits = settings.limits;
  limits.max_in_memory = limits.max_jobs = limits.max_jobs_per_owner = 4 * kAtOnce;
  limits.max_bytes = limits.max_bytes_per_owner = std::uint64_t{64} << 30;
  PoolSettings pool;
  pool.name = "main";
  pool.program = "/bin/true";
  pool.size = 2;
  settings.pools.push_back(pool);
  return settings;
}

std::uint64_t bytes_in_use() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// One client, and two workers that need no time.
class Simulation {
 public:
  Simulation() : settings_(settings_for_many()), scheduler_(settings_, around_, 999, 42) {
    scheduler_.start(now_, plan_);
    turn();
    say(message::Hello{message::kClientProtocol, id_of(0), "bench"});
    for (const auto& [worker, channel] : std::unordered_map(channels_)) {
      scheduler_.handle(event::WorkerStarted{worker, 100}, now_, plan_);
      scheduler_.handle(event::WorkerReady{worker, {{"f", "() -> text"}}}, now_, plan_);
    }
    turn();
  }

  /// Jobs that wait in so many queues, and of which each has one of so many quotas; no worker ends any
  /// meanwhile.
  void fill(std::uint64_t jobs, std::size_t queues, std::size_t quotas) {
    for (std::uint64_t i = 0; i < jobs; ++i) {
      submit(queues == 1 ? 0 : i * 7919 % queues, quotas == 0 ? 0 : 1 + i % quotas);
      if (i % kTurn == kTurn - 1) turn();
    }
    turn();
  }
  /// Lets the workers work until nothing waits.
  void drain() {
    while (ended_ < submitted_) work();
  }
  /// Jobs that come and go: few wait.
  void stream(std::uint64_t jobs) {
    for (std::uint64_t i = 0; i < jobs; i += kTurn) {
      for (std::uint64_t k = 0; k < kTurn; ++k) submit(0);
      work();
    }
    drain();
  }
  [[nodiscard]] std::uint64_t ended() const { return ended_; }

 private:
  static JobId id_of(std::uint64_t number) {
    std::array<std::uint8_t, JobId::kSize> bytes{};
    for (std::size_t i = 0; i < 8; ++i)
      bytes[8 + i] = static_cast<std::uint8_t>((number * 0x9e3779b97f4a7c15U) >> (8 * i));
    for (std::size_t i = 0; i < 4; ++i) bytes[2 + i] = static_cast<std::uint8_t>(number >> (8 * (3 - i)));
    return JobId(bytes);
  }
  template <class Body>
  void say(Body body, Payload payload = {}) {
    message::Request request{++number_, 0, std::move(body)};
    scheduler_.handle(
        event::Requested{SessionId{1}, {1000, 1000, 4711}, std::move(request), std::move(payload)}, now_,
        plan_);
  }
  void submit(std::size_t queue, std::size_t quota = 0) {
    Options options;
    options.durability(Durability::memory);
    if (queue > 0) options.queue("queue-" + std::to_string(queue));
    if (quota > 0) options.quota("quota-" + std::to_string(quota), 1000);
    say(message::Submit{id_of(++submitted_), "f", std::move(options)}, Payload(payload_));
  }
  /// Everything that is in the workers' channels ends, and the client has had all that it was told.
  void work() {
    for (auto& [worker, channel] : channels_) {
      for (const std::uint32_t sequence : std::exchange(channel, {})) {
        scheduler_.handle(
            event::AttemptEnded{worker, sequence, {}, std::chrono::microseconds(1), Payload("done"), {}},
            now_, plan_);
        ++ended_;
      }
    }
    scheduler_.handle(
        event::Requested{SessionId{1}, {1000, 1000, 4711}, {++number_, received_, std::monostate{}}, {}},
        now_, plan_);
    turn();
  }
  /// The scheduler has decided; the world does what it says, and a moment passes.
  void turn() {
    std::vector<event::Revoked> revoked;
    scheduler_.end_turn(now_, plan_);
    now_.steady += kTurnTakes;
    now_.wall += kTurnTakes;
    if (!plan_.changes.empty()) around_.store.committed = ++around_.submitted;
    for (const Effect& effect : plan_.effects) {
      if (const auto* send = std::get_if<effect::Send>(&effect)) {
        received_ = std::max(received_, send->reply.delivery);
      } else if (const auto* start = std::get_if<effect::StartWorker>(&effect)) {
        channels_[start->worker];
      } else if (const auto* dispatch = std::get_if<effect::Dispatch>(&effect)) {
        channels_[dispatch->worker].push_back(dispatch->run.sequence);
      } else if (const auto* revoke = std::get_if<effect::RevokeUnclaimed>(&effect)) {
        // It has begun the first, and no other.
        std::vector<std::uint32_t>& channel = channels_[revoke->worker];
        if (!channel.empty()) channel.resize(1);
        revoked.push_back({revoke->worker, channel.empty() ? revoke->sent : channel.front() + 1});
      }
    }
    plan_.clear();
    for (const event::Revoked& event : revoked) scheduler_.handle(event, now_, plan_);
  }

  Settings settings_;
  Surroundings around_;
  Scheduler scheduler_;
  Now now_{Instant(std::chrono::hours(1)), WallTime(std::chrono::hours(500'000))};
  Plan plan_;
  std::unordered_map<WorkerId, std::vector<std::uint32_t>> channels_;
  const std::string payload_ = std::string(kPayload, 'x');
  std::uint64_t number_ = 0, submitted_ = 0, ended_ = 0, received_ = 0;
};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

struct Line {
  double submitted = 0;  ///< jobs a second
  double ended = 0;      ///< jobs a second: dispatched, ended and told
  double bytes = 0;      ///< of a job that waits, over its payload
};

/// So many jobs pile up in the queues, then all of them run; again and again until `jobs` have.
Line pile_up(std::uint64_t jobs, std::size_t queues, std::size_t quotas) {
  Line line;
  double filling = 0, draining = 0;
  Simulation simulation;
  while (simulation.ended() < jobs) {
    const std::uint64_t before = bytes_in_use();
    const auto begin = Clock::now();
    simulation.fill(std::min(kAtOnce, jobs - simulation.ended()), queues, quotas);
    filling += seconds_since(begin);
    if (line.bytes == 0)
      line.bytes =
          static_cast<double>(bytes_in_use() - before) / static_cast<double>(std::min(kAtOnce, jobs)) -
          kPayload;
    const auto full = Clock::now();
    simulation.drain();
    draining += seconds_since(full);
  }
  line.submitted = static_cast<double>(jobs) / filling;
  line.ended = static_cast<double>(jobs) / draining;
  return line;
}

void print(const std::string& what, const Line& line) {
  std::cout << "  " << std::left << std::setw(34) << what << std::right << std::setw(12)
            << static_cast<std::uint64_t>(line.submitted) << std::setw(12)
            << static_cast<std::uint64_t>(line.ended) << std::setw(10) << std::setprecision(0) << line.bytes
            << '\n'
            << std::flush;
}

int run(std::uint64_t jobs, bool check) {
  std::cout << std::fixed << jobs << " jobs of " << kPayload << " B, of which at most "
            << std::min(jobs, kAtOnce) << " wait\n  " << std::left << std::setw(34) << "" << std::right
            << std::setw(12) << "accepted/s" << std::setw(12) << "ended/s" << std::setw(10) << "B/job"
            << '\n';
  {
    Simulation simulation;
    const auto begin = Clock::now();
    simulation.stream(jobs * 2 / 5);
    const double both = static_cast<double>(jobs * 2 / 5) / seconds_since(begin);
    std::cout << "  " << std::left << std::setw(34) << "as they come, none waits" << std::right
              << std::setw(24) << static_cast<std::uint64_t>(both) << '\n'
              << std::flush;
  }
  const Line one = pile_up(jobs / 5, 1, 0);
  print("one queue", one);
  const Line many = pile_up(jobs / 5, kQueues, 0);
  print(std::to_string(kQueues) + " queues", many);
  const Line capped = pile_up(jobs / 5, kQueues, kQuotas);
  print(std::to_string(kQueues) + " queues, " + std::to_string(kQuotas) + " quotas", capped);
  const double ratio = many.ended / one.ended;
  const bool small = std::max(one.bytes, many.bytes) < kMostBytes;
  const bool even = ratio >= kLeastRatio;
  std::cout << "goals\n  " << (small ? "met     " : "MISSED  ") << "a job that waits: below " << kMostBytes
            << " B over its payload\n  " << (even ? "met     " : "MISSED  ") << kQueues
            << " queues beside one: at least " << std::setprecision(2) << kLeastRatio << ", " << ratio
            << "x\n";
  return check && !(small && even) ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const bool check = argc > 1 && std::string(argv[1]) == "--check";
    const int jobs = check ? 2 : 1;
    return run(argc > jobs ? std::stoull(argv[jobs]) : 10'000'000, check);
  } catch (const std::exception& e) {
    std::cerr << "scheduler-bench: " << e.what() << '\n';
    return 2;
  }
}
