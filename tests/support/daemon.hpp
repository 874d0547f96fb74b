// SPDX-License-Identifier: Apache-2.0
// The real daemon as a test subject: the binary `promised` with a configuration of its own in a fresh
// directory. It is ready when the constructor returns, and nothing of it is left when the destructor has run.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/fd.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_directory.hpp"

namespace promised::test {

/// The configuration file to be, section by section. `endpoint` and `state_dir` are the fixture's.
class DaemonConfig {
 public:
  using Lines = std::vector<std::pair<std::string, std::string>>;

  DaemonConfig& set(const std::string& section, const std::string& key, const std::string& value);
  /// The same for a key that may stand there several times.
  DaemonConfig& add(const std::string& section, const std::string& key, const std::string& value);
  /// A pool of worker processes of `program`; `lines` are further keys of its section.
  DaemonConfig& pool(const std::string& name, const std::string& program, const Lines& lines = {});
  DaemonConfig& limit(const std::string& name, const std::string& value) {
    return set("limits", name, value);
  }
  /// Any local user may submit, and reaches the socket.
  DaemonConfig& for_everyone();

  [[nodiscard]] std::string text() const;

 private:
  std::map<std::string, Lines> sections_;
};

class TestDaemon {
 public:
  /// Starts it and returns when it has said READY; throws std::runtime_error with its log if it does not.
  explicit TestDaemon(DaemonConfig config = {});
  /// The same files, but not started yet: see start().
  struct NotStarted {};
  TestDaemon(DaemonConfig config, NotStarted);
  /// Stops it, kills what SIGTERM does not end, and fails the test if that was needed or if any process of it
  /// is left.
  ~TestDaemon();
  TestDaemon(const TestDaemon&) = delete;
  TestDaemon& operator=(const TestDaemon&) = delete;

  /// With `environment` on top of the test's own.
  void start(const std::map<std::string, std::optional<std::string>>& environment = {});
  /// The same for one that may end before it is ready: how it ended then.
  [[nodiscard]] std::optional<Exit> try_start(
      const std::map<std::string, std::optional<std::string>>& environment = {});
  /// Waits until it has ended by itself, and all its workers are gone; fails the test if it does not within
  /// `deadline`.
  [[nodiscard]] std::optional<Exit> await_end(std::chrono::milliseconds deadline = kPatience);
  /// SIGTERM; how it ended. Kills it, and fails the test, when it does not end within kPatience.
  Exit stop();
  /// SIGKILL, and waits until it and all its workers are gone.
  void kill9();
  /// kill9() and start(): as after a power cut.
  void restart_after_kill();

  [[nodiscard]] std::string endpoint() const { return "ipc://" + socket_path().string(); }
  [[nodiscard]] std::filesystem::path socket_path() const {
    return directory_.path() / "run" / "promised.sock";
  }
  [[nodiscard]] std::filesystem::path state_dir() const { return directory_ / "state"; }
  [[nodiscard]] std::filesystem::path config_file() const { return directory_ / "promised.conf"; }
  [[nodiscard]] const TempDirectory& directory() const { return directory_; }
  /// Of the running daemon.
  [[nodiscard]] pid_t pid() const { return process_->pid(); }
  [[nodiscard]] bool running() { return process_ && !process_->poll(); }
  [[nodiscard]] std::optional<Exit> wait(std::chrono::milliseconds deadline = kPatience);
  void signal(int number) { process_->signal(number); }
  /// Everything that it has written, over all its lives.
  [[nodiscard]] std::string log() const { return read_file(directory_ / "log"); }
  /// What it has told systemd so far, a message a line ("READY=1", "STATUS=...").
  [[nodiscard]] std::string notifications();
  /// From the next start() on it is in this cgroup.
  void join(const std::filesystem::path& cgroup) { cgroup_ = cgroup; }
  /// Writes another configuration, for SIGHUP or the next start().
  void configure(const DaemonConfig& config);

 private:
  void expect_nothing_left();

  TempDirectory directory_;
  Fd notify_socket_;
  std::string notifications_;
  std::filesystem::path cgroup_;
  std::unique_ptr<Process> process_;
};

/// promisectl with these arguments, talking to `daemon`.
[[nodiscard]] Finished promisectl(const TestDaemon& daemon, std::vector<std::string> arguments,
                                  std::optional<uid_t> user = {});
/// The path of the daemon's own binary, of promisectl, and of a worker program of tests/workers.
[[nodiscard]] std::string daemon_binary();
[[nodiscard]] std::string promisectl_binary();
[[nodiscard]] std::string worker_binary(const std::string& name);

}  // namespace promised::test
