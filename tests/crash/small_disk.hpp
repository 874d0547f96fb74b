// SPDX-License-Identifier: Apache-2.0
// A disk of a few megabytes for a daemon's state directory, which can be filled up and freed while the daemon
// runs: a tmpfs of its own where the test may mount one (as root), and else the fault library, which lets
// every write fail as if the disk were full.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "tests/crash/faults.hpp"

namespace promised::test {

class SmallDisk {
 public:
  /// For `daemon`, which has not been started yet, must be started with environment(), and outlives this.
  explicit SmallDisk(TestDaemon& daemon);
  /// Stops the daemon if it runs, which is to end well, and takes the disk away.
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  [[nodiscard]] std::map<std::string, std::optional<std::string>> environment();
  /// From now on there is no room for another page.
  void fill();
  void free();
  [[nodiscard]] bool is_real() const { return mounted_; }

 private:
  [[nodiscard]] std::filesystem::path filler() const { return daemon_.state_dir() / "filler"; }

  TestDaemon& daemon_;
  bool mounted_ = false;
  Faults faults_;
};

}  // namespace promised::test
