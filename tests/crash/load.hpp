// SPDX-License-Identifier: Apache-2.0
// Submitters that keep a daemon busy, on a thread and a client each, whatever happens to the daemon.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/crash/ledger.hpp"

namespace promised::test {

class Load {
 public:
  /// Waits for go_on_until(); everything that is accepted goes into `ledger`, which must outlive this.
  /// Workers write their runs to `runs`.
  Load(Ledger& ledger, std::string endpoint, std::filesystem::path runs, int submitters, std::uint64_t seed);
  /// Ends as stop() does.
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  /// Goes on until about so many jobs are in the ledger, and then waits for the next call.
  void go_on_until(std::size_t count);
  /// Returns when what was submitted is accepted.
  void stop();

 private:
  /// Waits while there are enough jobs; false: it is time to stop.
  [[nodiscard]] bool may_go_on();
  void submit_until_stopped(int submitter, std::uint64_t seed);

  Ledger& ledger_;
  std::string endpoint_;
  std::filesystem::path runs_;
  std::mutex mutex_;
  std::condition_variable moved_;
  std::size_t enough_ = 0;       // guarded by mutex_
  bool stop_ = false;            // guarded by mutex_
  std::vector<Client> clients_;  ///< kept as long as their futures are asked for outcomes
  std::vector<std::thread> threads_;
};

}  // namespace promised::test
