// SPDX-License-Identifier: Apache-2.0
// A daemon with the story worker, and promisectl to talk to it.
#pragma once

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/daemon.hpp"

namespace promised::test {

/// As docs/promisectl.md has them.
enum Code { kFine = 0, kFailed = 1, kNoDaemon = 2, kUsage = 3, kRefused = 4, kTimedOut = 5, kInternal = 6 };

class Shell {
 public:
  explicit Shell(int workers = 2);

  /// promisectl with these arguments; it must end by itself with `code`.
  Finished run(int code, const std::vector<std::string>& arguments) const;
  /// The one document on stdout of `--output json`, which must be of format 1; nothing on stderr.
  nlohmann::json json(int code, std::vector<std::string> arguments) const;
  /// `promisectl submit ARGUMENTS`: the job's id.
  std::string submit(std::vector<std::string> arguments) const;
  /// `promisectl show JOB --output quiet`.
  std::string state(const std::string& job) const;

  /// A file that the function wait_for waits for, and its making.
  [[nodiscard]] std::string gate() const { return daemon.directory() / "gate"; }
  void open_gate() const { write_file(gate(), ""); }

  TestDaemon daemon;
};

}  // namespace promised::test
