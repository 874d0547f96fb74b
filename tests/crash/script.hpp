// SPDX-License-Identifier: Apache-2.0
// One short conversation with a daemon that takes it through every kind of write: the same each time, so that
// the daemon can be stopped at each step of it in turn. The client does nothing about a daemon that dies;
// what is refused because the disk is full it says again when there is space.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "tests/crash/ledger.hpp"

namespace promised::test {

class Script {
 public:
  /// Begins at once, on a thread of its own.
  Script(Ledger& ledger, const std::string& endpoint, std::filesystem::path runs);
  ~Script();
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  /// Whether it has come to its end, well or with a complaint in the ledger.
  [[nodiscard]] bool over() const { return over_; }

 private:
  /// A submission, and how to repeat it.
  struct Submitted {
    LedgerEntry entry;
    Options options;
    int ms;
    std::size_t padding;
  };
  void run();
  Submitted submit(const std::string& key, Options options, int ms, std::size_t padding);
  void send(Submitted& submitted);
  /// Returns when the job is accepted; submits it again where the disk was full.
  void accept(Submitted& submitted);
  /// The same, and enters it into the ledger.
  void keep(Submitted& submitted);
  void wait_for_space();
  void remember_and_forget();
  void cancel_behind_another();
  void fill_the_log();

  Ledger& ledger_;
  std::string runs_;
  Client client_;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace promised::test
