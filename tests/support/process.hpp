// SPDX-License-Identifier: Apache-2.0
// Programs as tests run them: started with their output in files, waited for with a deadline, never left
// behind.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/eventually.hpp"

namespace promised::test {

/// The exit code of a daemon whose store has failed.
inline constexpr int kStoreFailed = 74;

/// How a process ended: exactly one of the two is meaningful.
struct Exit {
  int code = 0;
  int signal = 0;  ///< not 0: it was killed by this signal
  friend bool operator==(const Exit&, const Exit&) = default;
};
[[nodiscard]] std::string to_string(const Exit& exit);

/// A program to start.
struct Program {
  std::vector<std::string> command;  ///< the path first
  /// On top of the test's own environment; a value that is absent removes the variable.
  std::map<std::string, std::optional<std::string>> environment;
  std::filesystem::path output;       ///< file for stdout, appended to; empty: /dev/null
  std::filesystem::path errors;       ///< file for stderr, appended to; empty: where stdout goes
  std::optional<uid_t> user;          ///< also its gid, without supplementary groups; needs root
  std::filesystem::path cgroup = {};  ///< (version 2) that it is started in; empty: the test's own
};

/// A running child. The destructor kills and reaps it.
class Process {
 public:
  /// Throws std::system_error where it cannot be started at all; a program that is not there exits with 127.
  explicit Process(const Program& program);
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// How it ended, if it has.
  [[nodiscard]] std::optional<Exit> poll();
  /// How it ended; nothing if it has not within `deadline`.
  [[nodiscard]] std::optional<Exit> wait(std::chrono::milliseconds deadline = kPatience);
  /// Nothing happens if it has ended.
  void signal(int number);

 private:
  pid_t pid_ = -1;
  std::optional<Exit> exit_;
};

/// What a program that ran to its end has said.
struct Finished {
  Exit exit;
  std::string out;
  std::string err;
};
/// Runs `program` to its end; one that is not done by then is killed and reported as such. Sets output and
/// errors itself.
[[nodiscard]] Finished run(Program program, std::chrono::milliseconds deadline = kPatience);

/// Makes orphans of everything that this process starts its own children, so that orphans() can see them.
void adopt_orphans();
/// Descendants that have lost their parents and are still alive, with their command lines; reaps those that
/// are not. Children that a Process holds are not meant.
[[nodiscard]] std::map<pid_t, std::string> orphans();

}  // namespace promised::test
