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

struct LedgerEntry {
  std::string key;   ///< its own in the whole test
  std::string name;  ///< empty: unnamed
  bool at_most_once = false;
  AnyFuture future;  ///< the submitter's
};

class Ledger {
 public:
  /// The daemon has said that it has accepted the job.
  void accepted(LedgerEntry entry);
  /// Something that must not happen.
  void complain(const std::string& what);

  /// Waits until so many jobs have been accepted; false if for as long as the tests' patience none is.
  [[nodiscard]] bool wait_for(std::size_t count) const;
  [[nodiscard]] std::size_t count() const;
  [[nodiscard]] std::vector<LedgerEntry> entries() const;
  [[nodiscard]] std::vector<std::string> complaints() const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable more_;
  std::vector<LedgerEntry> entries_;
  std::vector<std::string> complaints_;
};

/// Holds the store of a daemon that was killed against the ledger: every job that was accepted is there,
/// unless it is unnamed and its submitter has its outcome; every name is there and stands for its own job; no
/// name stands for nothing. Returns what is wrong.
[[nodiscard]] std::vector<std::string> audit_store(const std::filesystem::path& state_dir,
                                                   const std::vector<LedgerEntry>& entries);

/// Holds the running daemon against the ledger: what each of these names gives is what its submitter was
/// told, or will be. Waits for jobs that have not ended. Returns what is wrong.
[[nodiscard]] std::vector<std::string> audit_names(const std::string& endpoint,
                                                   const std::vector<LedgerEntry>& entries);

/// How often each job has run, from the file that the workers write.
[[nodiscard]] std::map<std::string, int> runs_of(const std::filesystem::path& file);

}  // namespace promised::test
