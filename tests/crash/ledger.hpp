// SPDX-License-Identifier: Apache-2.0
// What the daemon has promised to a load of submitters: every job that it said it has accepted, and every
// outcome that it has told. After a kill the daemon and its store are held against it.
#pragma once

#include <promised/client.hpp>

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace promised::test {

/// How a job ended, as one text: equal for equal outcomes, and different for two runs of one job.
[[nodiscard]] std::string outcome_of(const AnyFuture& future);

/// Waits until the daemon has accepted the job, or has refused it because its disk is full: false. Throws
/// what else it comes to.
[[nodiscard]] bool is_accepted(const AnyFuture& future, std::chrono::milliseconds timeout);

/// Whether the entry's name is there. `going`: forget has been asked for, and the answer is not here yet.
enum class NameIs { kept, going, forgotten };

struct LedgerEntry {
  std::string key;   ///< its own in the whole test
  std::string name;  ///< empty: unnamed
  bool at_most_once = false;
  int wave = 0;  ///< in the queue of one worker: all of one wave were accepted before the next; 0: elsewhere
  AnyFuture future;  ///< the submitter's
  NameIs name_is = NameIs::kept;
  bool talks = false;                  ///< it streams parts and writes notes
  bool noted = false;                  ///< the daemon has said that it has its submitter's note
  std::optional<AnyFuture> follows{};  ///< the job after which it runs
  std::string ends_with{};             ///< of its result
};

class Ledger {
 public:
  /// The daemon has said that it has accepted the job.
  void accepted(LedgerEntry entry);
  void name_is(const std::string& key, NameIs now);
  void noted(const std::string& key);
  [[nodiscard]] NameIs name_is(const std::string& key) const;
  /// Something that must not happen.
  void complain(const std::string& what);

  /// Waits until so many jobs have been accepted; false if for as long as the tests' patience none is.
  [[nodiscard]] bool wait_for(std::size_t count) const;
  /// Waits until there is an entry with this number, from 0; nothing if there will be none: see close().
  [[nodiscard]] std::optional<LedgerEntry> wait_for_entry(std::size_t number) const;
  /// There will be no more entries.
  void close();
  [[nodiscard]] std::size_t count() const;
  [[nodiscard]] std::vector<LedgerEntry> entries() const;
  [[nodiscard]] std::vector<std::string> complaints() const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable more_;
  std::vector<LedgerEntry> entries_;
  std::map<std::string, std::size_t> by_key_;
  std::vector<std::string> complaints_;
  bool closed_ = false;
};

}  // namespace promised::test
