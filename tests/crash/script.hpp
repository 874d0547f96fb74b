// SPDX-License-Identifier: Apache-2.0
// One short conversation with a daemon that takes it through every kind of write: the same each time, so that
// the daemon can be stopped at each step of it in turn. The client does nothing about a daemon that dies;
// what is refused because the disk is full it says again when there is space.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
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
    const char* function = "run";
  };
  void run();
  Submitted submit(const std::string& key, Options options, int ms, std::size_t padding,
                   const char* function = "run");
  void send(Submitted& submitted);
  /// Returns when the job is accepted; submits it again where the disk was full.
  void accept(Submitted& submitted);
  /// The same, and enters it into the ledger.
  void keep(Submitted& submitted);
  void wait_for_space();
  /// Does what the daemon may refuse because its disk is full, until it does not.
  void insist(const std::function<void()>& ask);
  void remember_and_forget();
  void talk();
  void take();
  void lapse_at_once();
  void name_one_of_the_backlog();
  void cancel_behind_another();
  void fill_the_log();

  Ledger& ledger_;
  std::string runs_;
  Client client_;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace promised::test
