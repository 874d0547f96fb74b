// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/load.hpp"

#include <deque>
#include <exception>
#include <random>
#include <stdexcept>
#include <utility>

#include "tests/support/eventually.hpp"

namespace promised::test {
namespace {

constexpr int kJobsAtOnce = 16;
/// Accepted jobs of one submitter that have not ended: enough to keep the workers busy, too few for a
/// backlog.
constexpr std::size_t kMostUnfinished = 64;

/// One more job of a mixed kind: named or not, quick or slow, small or large, run again after a kill or not.
LedgerEntry submit_one(Client& client, std::string key, const std::string& runs, std::mt19937_64& random) {
  LedgerEntry entry{.key = std::move(key), .name = {}, .at_most_once = random() % 8 == 0, .future = {}};
  Options options;
  options.at_most_once(entry.at_most_once);
  if (random() % 2 == 0) {
    entry.name = "name-" + entry.key;
    options.remember(entry.name, 10min);
  }
  const std::string function = random() % 10 == 0 ? "fail" : "run";
  const int ms = random() % 50 == 0 ? 20 : 0;
  const std::string padding(random() % 50 == 0 ? 100'000 : random() % 200, 'p');
  entry.future = client.submit(options, function, entry.key, runs, ms, padding);
  return entry;
}

}  // namespace

Load::Load(Ledger& ledger, std::string endpoint, std::filesystem::path runs, int submitters,
           std::uint64_t seed)
    : ledger_(ledger), endpoint_(std::move(endpoint)), runs_(std::move(runs)) {
  for (int i = 0; i < submitters; ++i) {
    ClientOptions options;
    options.endpoint = endpoint_;
    options.connect_timeout = kPatience;
    options.close_timeout = kPatience;
    options.log = [&ledger](std::string_view line) {
      ledger.complain("the client says: " + std::string(line));
    };
    clients_.emplace_back(options);
  }
  for (int i = 0; i < submitters; ++i) {
    threads_.emplace_back([this, i, seed] { submit_until_stopped(i, seed + static_cast<std::uint64_t>(i)); });
  }
}

Load::~Load() {
  stop();
}

void Load::go_on_until(std::size_t count) {
  const std::lock_guard lock(mutex_);
  enough_ = count;
  moved_.notify_all();
}

bool Load::may_go_on() {
  std::unique_lock lock(mutex_);
  moved_.wait(lock, [this] { return stop_ || ledger_.count() < enough_; });
  return !stop_;
}

void Load::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    moved_.notify_all();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Load::submit_until_stopped(int submitter, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Client& client = clients_[static_cast<std::size_t>(submitter)];
  int number = 0;
  try {
    std::deque<AnyFuture> unfinished;
    while (may_go_on()) {
      std::vector<LedgerEntry> wave;
      for (int i = 0; i < kJobsAtOnce; ++i) {
        const std::string key = std::to_string(submitter) + "-" + std::to_string(number++);
        wave.push_back(submit_one(client, key, runs_.string(), random));
      }
      for (LedgerEntry& entry : wave) {
        entry.future.accepted(kPatience);
        unfinished.push_back(entry.future);
        ledger_.accepted(std::move(entry));
      }
      for (; unfinished.size() > kMostUnfinished; unfinished.pop_front()) {
        if (!unfinished.front().wait(kPatience)) throw std::runtime_error("a job does not end");
      }
    }
  } catch (const std::exception& e) {
    ledger_.complain("submitter " + std::to_string(submitter) + ": " + e.what());
  }
}

}  // namespace promised::test
