// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/load.hpp"

#include <deque>
#include <exception>
#include <stdexcept>
#include <utility>

namespace promised::test {
namespace {

constexpr int kJobsAtOnce = 16;
/// A submitter that was refused for want of space lets the others have the processor.
constexpr std::chrono::milliseconds kPauseWhenRefused{20};
/// Accepted jobs of one submitter that have not ended, and names that one waiter waits for: enough to keep
/// the workers busy.
constexpr std::size_t kMostUnfinished = 64;

/// Not before a moment, failing at first, or never beside another of its key.
LedgerEntry submit_held(Client& client, std::string key, const std::string& runs, std::mt19937_64& random) {
  LedgerEntry entry;
  entry.key = std::move(key);
  entry.name = "name-" + entry.key;
  Options options;
  options.remember(entry.name, 10min);
  if (random() % 2 == 0) options.delay(std::chrono::milliseconds(random() % 50));
  if (random() % 2 == 0) {
    options.retries(5).backoff(Backoff::fixed(std::chrono::milliseconds(1 + random() % 20)));
    entry.future = client.submit(options, "recover", entry.key, runs, 1 + random() % 3);
    entry.ends_with = " recovered";
  } else {
    const std::string lock = "lock-" + std::to_string(random() % 3);
    entry.future = client.submit(options.exclusive(lock), "alone", entry.key, runs, lock);
    entry.ends_with = " alone";
  }
  return entry;
}

/// Three jobs and what collects their outcomes, as one.
LedgerEntry submit_family(Client& client, std::string key, const std::string& runs, std::mt19937_64& random) {
  LedgerEntry entry;
  entry.key = std::move(key);
  entry.name = random() % 2 == 0 ? "name-" + entry.key : "";
  entry.ends_with = " gathered 3 of 3";
  const auto member = [&](int number) {
    return call("run", entry.key + "/" + std::to_string(number), runs, 0, std::string(random() % 3000, 'm'));
  };
  Call family = random() % 2 == 0 ? serial(member(0), member(1), member(2))
                                  : parallel(member(0), serial(member(1)), member(2));
  Options options;
  if (!entry.name.empty()) options.remember(entry.name, 10min);
  entry.future = client.submit(family.options(options).then(call("gather", entry.key, runs)));
  return entry;
}

/// One more job of a mixed kind: named or not, quick or slow, small or large, run again after a kill or not.
LedgerEntry submit_one(Client& client, std::string key, int wave, const std::string& runs,
                       std::mt19937_64& random) {
  if (wave == 0 && random() % 8 == 0) return submit_held(client, std::move(key), runs, random);
  if (wave == 0 && random() % 32 == 0) return submit_family(client, std::move(key), runs, random);
  LedgerEntry entry{
      .key = std::move(key), .name = {}, .at_most_once = random() % 8 == 0, .wave = wave, .future = {}};
  Options options;
  options.at_most_once(entry.at_most_once);
  if (wave != 0) options.queue(kOrderedQueue);
  if (random() % 2 == 0) {
    entry.name = "name-" + entry.key;
    options.remember(entry.name, 10min);
  }
  entry.talks = random() % 10 == 0;
  std::string function = random() % 10 == 0 ? "fail" : "run";
  if (entry.talks) function = "talk";
  const int ms = random() % 50 == 0 ? 20 : 0;
  const std::string padding(random() % 50 == 0 ? 100'000 : random() % 200, 'p');
  entry.future = client.submit(options, function, entry.key, runs, ms, padding);
  return entry;
}

/// Has a job run after this one.
void follow(Ledger& ledger, const LedgerEntry& entry, const std::string& runs) {
  LedgerEntry after;
  after.key = entry.key + "-after";
  after.follows = entry.future;
  after.future = entry.future.on_done(call("follow", after.key, runs));
  if (is_accepted(after.future, kLoadPatience)) ledger.accepted(std::move(after));
}

void forget(Client& client, Ledger& ledger, const LedgerEntry& entry) {
  ledger.name_is(entry.key, NameIs::going);
  try {
    // Without effect: the answer to the first asking was lost in a crash.
    client.forget(entry.future.id(), kLoadPatience);
  } catch (const NoSuchFuture&) {
    // The same, and the job has gone with its name.
  }
  ledger.name_is(entry.key, NameIs::forgotten);
}

void adjust(const AnyFuture& future) {
  try {
    Future<>(future).timeout(1h).run_timeout(1h);
  } catch (const TimeoutError&) {
    // No daemon was there for longer than it waits: files may be looked at that long.
  }
}

/// Waits for the end, and takes what the name holds.
void take(Ledger& ledger, const LedgerEntry& entry) {
  ledger.name_is(entry.key, NameIs::going);
  try {
    static_cast<void>(entry.future.take_value(kLoadPatience));
  } catch (const JobFailed&) {
    // Taken all the same.
  } catch (const CancelledError&) {
  }
  ledger.name_is(entry.key, NameIs::forgotten);
}

}  // namespace

DaemonConfig config_for_load() {
  DaemonConfig config;
  config.set("daemon", "large_result", "8KiB");  // so that some of the results are files,
  config.limit("max_in_memory", "40");           // and some of the jobs wait on disk
  config.pool("ledger", LEDGER_WORKER, {{"size", "2"}, {"kill_grace", "300ms"}, {"queues", "default"}});
  config.pool("single", LEDGER_WORKER, {{"size", "1"}, {"kill_grace", "300ms"}, {"queues", kOrderedQueue}});
  return config;
}

ClientOptions options_for_load(const std::string& endpoint, Ledger& ledger) {
  ClientOptions options;
  options.endpoint = endpoint;
  options.connect_timeout = kLoadPatience;
  options.close_timeout = kLoadPatience;
  options.log = [&ledger](std::string_view line) {
    ledger.complain("the client says: " + std::string(line));
  };
  return options;
}

Load::Load(Ledger& ledger, const std::string& endpoint, std::filesystem::path runs, int submitters,
           int waiters, std::uint64_t seed)
    : ledger_(ledger), runs_(std::move(runs)) {
  for (int i = 0; i < submitters + waiters; ++i) clients_.emplace_back(options_for_load(endpoint, ledger));
  for (int i = 0; i < submitters; ++i) {
    submitters_.emplace_back([this, i, seed] {
      run("submitter " + std::to_string(i),
          [&] { submit_until_stopped(i, seed + static_cast<std::uint64_t>(i)); });
    });
  }
  for (int i = submitters; i < submitters + waiters; ++i) {
    waiters_.emplace_back([this, i] { run("waiter " + std::to_string(i), [&] { wait_until_closed(i); }); });
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
  for (std::thread& thread : submitters_) {
    if (thread.joinable()) thread.join();
  }
  ledger_.close();
  for (std::thread& thread : waiters_) {
    if (thread.joinable()) thread.join();
  }
}

template <class Work>
void Load::run(const std::string& who, Work work) {
  try {
    work();
  } catch (const std::exception& e) {
    ledger_.complain(who + ": " + e.what());
  }
}

void Load::submit_until_stopped(int submitter, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Client& client = clients_[static_cast<std::size_t>(submitter)];
  int number = 0, waves = 0;
  std::deque<AnyFuture> unfinished;
  while (may_go_on()) {
    ++waves;
    std::vector<LedgerEntry> wave;
    for (int i = 0; i < kJobsAtOnce; ++i) {
      const std::string key = std::to_string(submitter) + "-" + std::to_string(number++);
      wave.push_back(submit_one(client, key, submitter == 0 ? waves : 0, runs_.string(), random));
      unfinished.push_back(wave.back().future);
    }
    submit_wave(client, std::move(wave), random);
    for (; unfinished.size() > kMostUnfinished; unfinished.pop_front()) {
      if (!unfinished.front().wait(kLoadPatience)) throw std::runtime_error("a job does not end");
    }
  }
}

void Load::submit_wave(Client& client, std::vector<LedgerEntry> wave, std::mt19937_64& random) {
  const std::size_t submitted = wave.size();
  std::erase_if(wave, [](const LedgerEntry& entry) { return !is_accepted(entry.future, kLoadPatience); });
  for (const LedgerEntry& entry : wave) ledger_.accepted(entry);
  for (const LedgerEntry& entry : wave) {
    if (entry.name.empty()) continue;
    if (random() % 8 == 0) follow(ledger_, entry, runs_.string());
    if (random() % 16 == 0)
      client.cancel(entry.future.id(), kLoadPatience);  // if it is still there to cancel
    if (entry.talks && random() % 2 == 0 && entry.future.note("client", entry.key)) ledger_.noted(entry.key);
    if (random() % 16 == 0) adjust(entry.future);
    if (random() % 16 == 0) {
      forget(client, ledger_, entry);
    } else if (random() % 32 == 0) {
      take(ledger_, entry);
    }
  }
  if (wave.size() == submitted) return;
  refused_ += submitted - wave.size();
  std::unique_lock lock(mutex_);
  moved_.wait_for(lock, kPauseWhenRefused, [this] { return stop_; });
}

void Load::wait_until_closed(int waiter) {
  Client& client = clients_[static_cast<std::size_t>(waiter)];
  std::deque<std::pair<LedgerEntry, AnyFuture>> waiting;
  const auto wait_for_first = [&] {
    const auto [entry, future] = std::move(waiting.front());
    waiting.pop_front();
    const std::string outcome = outcome_of(future);
    if (outcome == outcome_of(entry.future)) {
      ++waited_for_;
    } else if (ledger_.name_is(entry.key) == NameIs::kept) {
      ledger_.complain(entry.key + ": a waiter was told \"" + outcome.substr(0, 200) +
                       "\", its submitter another outcome");
    }
  };
  for (std::size_t number = 0;; ++number) {
    std::optional<LedgerEntry> entry = ledger_.wait_for_entry(number);
    if (!entry) break;
    if (entry->name.empty() || entry->name_is != NameIs::kept) continue;
    AnyFuture future = client.future(entry->name);
    waiting.emplace_back(*std::move(entry), std::move(future));
    if (waiting.size() > kMostUnfinished) wait_for_first();
  }
  while (!waiting.empty()) wait_for_first();
}

}  // namespace promised::test
