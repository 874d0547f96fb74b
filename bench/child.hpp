// SPDX-License-Identifier: Apache-2.0
// The processes that a benchmark starts, and their folders. Nothing outlives the benchmark: children die with
// it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace promised::bench {

using Clock = std::chrono::steady_clock;

/// A running program. The destructor sends SIGTERM, after 10 s SIGKILL, and reaps it.
class Child {
 public:
  /// `command[0]` is looked up in PATH and in the sbin folders. What it says goes to the end of `log`; the
  /// descriptor `keep` (none: -1) stays open in it. Throws std::runtime_error if it cannot be started.
  Child(std::vector<std::string> command, const std::filesystem::path& log, int keep = -1);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  /// Throws std::runtime_error, with the end of its log, once it has ended.
  void expect_alive();
  /// SIGKILL; it has ended afterwards.
  void kill();
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  [[nodiscard]] bool reap(bool wait);

  pid_t pid_ = -1;
  std::string name_;
  std::filesystem::path log_;
};

/// A fresh folder below `parent`; removed with all that is in it.
class Folder {
 public:
  explicit Folder(const std::filesystem::path& parent);
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The path of an installed program; empty if there is none.
[[nodiscard]] std::string find_program(const std::string& name);

/// A TCP port of the loopback interface that nobody listens on.
[[nodiscard]] std::uint16_t free_port();

/// A connection to 127.0.0.1:`port`, -1 if nobody listens.
[[nodiscard]] int connect_to(std::uint16_t port);

/// Waits until `child` listens on `port`; throws std::runtime_error when it ends or takes more than 10 s.
void wait_for_port(Child& child, std::uint16_t port);

/// Waits until `ready`; throws std::runtime_error when `child` ends or it takes more than 10 s.
void wait_until(Child& child, const std::string& what, const std::function<bool()>& ready);

}  // namespace promised::bench
