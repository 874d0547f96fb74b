// SPDX-License-Identifier: Apache-2.0
#include "tests/support/daemon.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "tests/support/verdict.hpp"

namespace promised::test {
namespace {

Fd bind_datagram_socket(const std::string& path) {
  Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw std::runtime_error("the test directory's path is too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (!fd.valid() || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::system_error(errno, std::generic_category(), path);
  }
  return fd;
}

}  // namespace

DaemonConfig& DaemonConfig::set(const std::string& section, const std::string& key,
                                const std::string& value) {
  auto& lines = sections_[section];
  std::erase_if(lines, [&](const auto& line) { return line.first == key; });
  lines.emplace_back(key, value);
  return *this;
}

DaemonConfig& DaemonConfig::add(const std::string& section, const std::string& key,
                                const std::string& value) {
  sections_[section].emplace_back(key, value);
  return *this;
}

DaemonConfig& DaemonConfig::pool(const std::string& name, const std::string& program, const Lines& lines) {
  set("pool." + name, "program", program);
  for (const auto& [key, value] : lines) set("pool." + name, key, value);
  return *this;
}

DaemonConfig& DaemonConfig::for_everyone() {
  set("daemon", "endpoint_mode", "0666");
  return set("access", "everyone", "true");
}

std::string DaemonConfig::text() const {
  std::string out;
  for (const auto& [section, lines] : sections_) {
    out += "[" + section + "]\n";
    for (const auto& [key, value] : lines) out += key + " = " + value + "\n";
  }
  return out;
}

TestDaemon::TestDaemon(DaemonConfig config) : TestDaemon(std::move(config), NotStarted{}) {
  start();
}

TestDaemon::TestDaemon(DaemonConfig config, NotStarted) {
  adopt_orphans();
  notify_socket_ = bind_datagram_socket((directory_ / "notify").string());
  configure(config);
}

TestDaemon::~TestDaemon() {
  if (process_) {
    const bool had_to_be_stopped = running();
    const Exit exit = stop();
    if (had_to_be_stopped) CHECK_MESSAGE(exit == Exit{}, "promised, on SIGTERM: " << to_string(exit));
  }
  expect_nothing_left();
  if (!has_failed()) return;
  at_end_of_test([all = log()](bool failed) {
    constexpr std::size_t kMost = 8000;
    if (failed) {
      std::fprintf(stderr, "---- the end of promised's log ----\n%s----\n",
                   all.substr(all.size() - std::min(all.size(), kMost)).c_str());
    }
  });
}

void TestDaemon::configure(const DaemonConfig& config) {
  DaemonConfig whole = config;
  whole.set("daemon", "endpoint", endpoint());
  whole.set("daemon", "state_dir", state_dir().string());
  write_file(config_file(), whole.text());
}

void TestDaemon::start(const std::map<std::string, std::optional<std::string>>& environment) {
  const auto exit = try_start(environment);
  if (exit) throw std::runtime_error("promised did not start: " + to_string(*exit) + "\n" + log());
}

std::optional<Exit> TestDaemon::try_start(
    const std::map<std::string, std::optional<std::string>>& environment) {
  notifications_.clear();
  process_.reset();
  Program program;
  program.command = {daemon_binary(), "--config", config_file().string()};
  program.environment = environment;
  program.environment["NOTIFY_SOCKET"] = (directory_ / "notify").string();
  program.output = directory_ / "log";
  program.cgroup = cgroup_;
  process_ = std::make_unique<Process>(program);
  const auto is_ready = [this] { return notifications().find("READY=1") != std::string::npos; };
  const bool settled = eventually([&] { return is_ready() || process_->poll().has_value(); });
  if (is_ready()) return std::nullopt;
  const auto exit = process_->poll();
  process_.reset();
  if (!settled) throw std::runtime_error("promised did not start: neither ready nor gone\n" + log());
  expect_nothing_left();
  return exit;
}

std::optional<Exit> TestDaemon::await_end(std::chrono::milliseconds deadline) {
  const auto exit = process_->wait(deadline);
  CHECK_MESSAGE(exit.has_value(), "promised did not end");
  if (exit) expect_nothing_left();
  return exit;
}

Exit TestDaemon::stop() {
  process_->signal(SIGTERM);
  auto exit = process_->wait();
  if (!exit) {
    FAIL_CHECK("promised did not end on SIGTERM");
    process_->signal(SIGKILL);
    exit = process_->wait();
  }
  expect_nothing_left();
  return exit.value_or(Exit{});
}

void TestDaemon::kill9() {
  process_->signal(SIGKILL);
  const auto exit = process_->wait();
  CHECK(exit == Exit{0, SIGKILL});
  expect_nothing_left();
}

void TestDaemon::restart_after_kill() {
  kill9();
  start();
}

std::optional<Exit> TestDaemon::wait(std::chrono::milliseconds deadline) {
  return process_->wait(deadline);
}

std::string TestDaemon::notifications() {
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t n = ::recv(notify_socket_.get(), buffer.data(), buffer.size(), 0);
    if (n <= 0) return notifications_;
    notifications_.append(buffer.data(), static_cast<std::size_t>(n)).append("\n");
  }
}

void TestDaemon::expect_nothing_left() {
  // The spawner ends the workers when its daemon has gone, so they may be some milliseconds late.
  if (eventually([] { return orphans().empty(); })) return;
  for (const auto& [pid, command] : orphans()) {
    FAIL_CHECK("promised has left process " << pid << " behind: " << command);
    ::kill(pid, SIGKILL);
  }
}

Finished promisectl(const TestDaemon& daemon, std::vector<std::string> arguments, std::optional<uid_t> user) {
  Program program;
  program.command = {promisectl_binary()};
  program.command.insert(program.command.end(), arguments.begin(), arguments.end());
  program.environment["PROMISED_ENDPOINT"] = daemon.endpoint();
  program.user = user;
  return run(std::move(program));
}

std::string daemon_binary() {
  return PROMISED_DAEMON_BINARY;
}
std::string promisectl_binary() {
  return PROMISED_CTL_BINARY;
}
std::string worker_binary(const std::string& name) {
  return std::string(PROMISED_WORKER_BINARIES) + "/worker_" + name;
}

}  // namespace promised::test
