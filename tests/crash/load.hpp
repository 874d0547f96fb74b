// SPDX-License-Identifier: Apache-2.0
// Clients that keep a daemon busy, on a thread and a client each, whatever happens to the daemon: submitters
// of all kinds of jobs, one submitter to a queue of one worker, and waiters, who ask for the submitters' jobs
// by name.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <limits>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/crash/ledger.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/eventually.hpp"

namespace promised::test {

/// Of those who wait while a test looks at what a daemon has left.
inline constexpr std::chrono::milliseconds kLoadPatience = 2 * kPatience;
/// The queue of one worker.
inline constexpr const char* kOrderedQueue = "ordered";
/// A daemon for a load: a pool of two workers, and one of one for kOrderedQueue.
[[nodiscard]] DaemonConfig config_for_load();
/// Options of a client that is patient, and for which the ledger hears what it logs.
[[nodiscard]] ClientOptions options_for_load(const std::string& endpoint, Ledger& ledger);

class Load {
 public:
  static constexpr std::size_t kWithoutEnd = std::numeric_limits<std::size_t>::max();

  /// Waits for go_on_until(); everything that is accepted goes into `ledger`, which must outlive this.
  /// Workers write their runs to `runs`.
  Load(Ledger& ledger, const std::string& endpoint, std::filesystem::path runs, int submitters, int waiters,
       std::uint64_t seed);
  /// Ends as stop() does.
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  /// Goes on until about so many jobs are in the ledger, and then waits for the next call.
  void go_on_until(std::size_t count);
  /// Returns when what was submitted is accepted, and what is waited for has come.
  void stop();

  /// Outcomes that the waiters were told; each was what the submitter was told.
  [[nodiscard]] std::uint64_t outcomes_waited_for() const { return waited_for_; }
  /// Submissions that were refused because the disk was full.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  /// Waits while there are enough jobs; false: it is time to stop.
  [[nodiscard]] bool may_go_on();
  template <class Work>
  void run(const std::string& who, Work work);
  void submit_until_stopped(int submitter, std::uint64_t seed);
  void submit_wave(Client& client, std::vector<LedgerEntry> wave, std::mt19937_64& random);
  void wait_until_closed(int waiter);

  Ledger& ledger_;
  std::filesystem::path runs_;
  std::mutex mutex_;
  std::condition_variable moved_;
  std::size_t enough_ = 0;  // guarded by mutex_
  bool stop_ = false;       // guarded by mutex_
  std::atomic<std::uint64_t> waited_for_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
  std::vector<Client> clients_;  ///< kept as long as their futures are asked for outcomes
  std::vector<std::thread> submitters_, waiters_;
};

}  // namespace promised::test
