// SPDX-License-Identifier: Apache-2.0
// Holds what a crash has left against the ledger. Each function returns what is wrong, a sentence each, and
// stops after a few.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/crash/ledger.hpp"

namespace promised::test {

using Wrong = std::vector<std::string>;

/// Fails the running test for each.
void expect_nothing_wrong(const Wrong& wrong);

/// The store of a daemon that is gone, which is left as it is: every job that was accepted is there, unless
/// it is unnamed and its submitter has its outcome; every name is there and stands for its own job, or is a
/// tombstone if it was forgotten; no name stands for nothing; an outcome that was told of a name is there. A
/// store that cannot be opened is wrong.
[[nodiscard]] Wrong audit_store(const std::filesystem::path& state_dir, const Ledger& ledger,
                                const std::vector<LedgerEntry>& entries);
/// The same of a store that may lack the newest of what was accepted, because the test has taken it away:
/// what is there is whole.
[[nodiscard]] Wrong audit_older_store(const std::filesystem::path& state_dir);

/// The running daemon: what each of these names gives is what its submitter was told, or will be, byte for
/// byte, with all that the job has told; forgotten names are. Waits for jobs that have not ended.
[[nodiscard]] Wrong audit_names(const std::string& endpoint, const Ledger& ledger,
                                const std::vector<LedgerEntry>& entries);

/// What is wrong with what a job that talks has told, if it has succeeded; empty if nothing is: the worker's
/// note and all parts are those of the run whose outcome it is, and a note that the daemon has said it has is
/// there.
[[nodiscard]] std::string audit_told(const LedgerEntry& entry, const AnyFuture& future);

/// What the workers have written: a line for each run.
class Runs {
 public:
  explicit Runs(const std::filesystem::path& file);
  [[nodiscard]] int of(const std::string& key) const;
  /// The number of the line of its first run; -1 if there is none.
  [[nodiscard]] int first(const std::string& key) const;

 private:
  struct Of {
    int count = 0;
    int first = -1;
  };
  std::map<std::string, Of> runs_;
};

/// Watches over the runs through many lives of a daemon.
class RunsAudit {
 public:
  explicit RunsAudit(std::filesystem::path file) : file_(std::move(file)) {}

  /// At-most-once jobs have begun once at most; jobs whose outcome was told under a name have not begun again
  /// since (of an unnamed one it is told before the disk knows it, so it may); in the queue of one
  /// worker nothing begins before what was accepted before it was submitted.
  [[nodiscard]] Wrong check(const std::vector<LedgerEntry>& entries);
  /// At the end, when all have ended: each has run, and has the outcome of one of its own runs.
  [[nodiscard]] Wrong check_ended(const std::vector<LedgerEntry>& entries);

  [[nodiscard]] int again() const { return again_; }  ///< jobs that have begun more than once
  [[nodiscard]] int again_after_told() const { return again_after_told_; }
  /// Jobs of the queue of one worker that another of their own wave has overtaken: neither had been accepted
  /// when both were submitted, and only one of them was on disk when the daemon died.
  [[nodiscard]] int overtaken() const { return overtaken_; }

 private:
  void check_order(const std::vector<LedgerEntry>& entries, const Runs& runs, Wrong& wrong);

  std::filesystem::path file_;
  std::map<std::string, int> told_;  ///< how often a job had run when its outcome was known to be told
  int again_ = 0;
  int again_after_told_ = 0;
  int overtaken_ = 0;
};

}  // namespace promised::test
