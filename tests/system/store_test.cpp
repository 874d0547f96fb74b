// SPDX-License-Identifier: Apache-2.0
// The store is checked, backed up and compacted while the daemon works, is stopped, and is killed.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <set>
#include <thread>
#include <vector>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

/// Jobs with `bytes` of arguments that wait for ever, accepted: a store of some size.
void fill(Client& client, int jobs, std::size_t bytes) {
  const std::string ballast(bytes, 'b');
  std::vector<AnyFuture> all;
  for (int i = 0; i < jobs; ++i) all.push_back(client.submit(Options().queue("ballast"), "echo", ballast));
  for (const AnyFuture& job : all) job.accepted(kPatience);
}

/// Nobody serves the queue of the ballast: its jobs stay in the store.
DaemonConfig config_with_ballast() {
  return story_config(2, {{"queues", "default"}});
}

/// Submits named jobs from its own thread, one at a time, and keeps how long each acceptance took.
class Submitter {
 public:
  /// The names are `prefix` with a number, from 0 on.
  explicit Submitter(const TestDaemon& daemon, std::string prefix = "job-")
      : client_(connect(daemon)), prefix_(std::move(prefix)), thread_([this] { run(); }) {}
  ~Submitter() { static_cast<void>(end()); }
  Submitter(const Submitter&) = delete;
  Submitter& operator=(const Submitter&) = delete;

  [[nodiscard]] std::uint64_t accepted() const { return accepted_.load(); }
  /// The times, sorted.
  std::vector<std::chrono::microseconds> end() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    std::sort(took_.begin(), took_.end());
    return took_;
  }

 private:
  void run() {
    while (!stop_) {
      const auto from = std::chrono::steady_clock::now();
      const auto job =
          client_.submit(Options().remember(prefix_ + std::to_string(accepted_), 10min), "add", 1, 1);
      job.accepted(kPatience);
      took_.push_back(
          std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - from));
      ++accepted_;
    }
  }
  Client client_;
  const std::string prefix_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> accepted_{0};
  std::vector<std::chrono::microseconds> took_;
  std::thread thread_;
};

/// Waits until a backup that was asked for has begun to copy.
bool has_begun(const std::filesystem::path& backup) {
  return eventually([&] { return std::filesystem::exists(backup.string() + ".unfinished/promised.db"); });
}

}  // namespace

TEST_CASE("a backup under load is a state directory with everything that was accepted before it began") {
  TestDaemon daemon(config_with_ballast());
  Client client = connect(daemon);
  fill(client, 20'000, 8000);
  Submitter before(daemon);
  REQUIRE(eventually([&] { return before.accepted() >= 200; }));
  const auto usual = before.end();
  const std::uint64_t accepted = before.accepted();
  Submitter meanwhile(daemon, "meanwhile-");
  const std::filesystem::path there = daemon.directory() / "backup";
  auto backup = std::async(std::launch::async, [&] { return client.back_up_store(there.string()); });
  // How many had been accepted, at each look while pages were copied.
  std::set<std::uint64_t> while_copying;
  Client looker = connect(daemon);
  while (backup.wait_for(0ms) != std::future_status::ready) {
    const std::uint32_t percent = looker.status(kPatience).maintenance_percent;
    if (percent > 0 && percent < 70) while_copying.insert(meanwhile.accepted());
  }
  const StoreReport report = backup.get();
  const std::uint64_t of_those = meanwhile.accepted();
  const auto took = meanwhile.end();
  CHECK(report.damages == 0);
  CHECK(report.path == there);
  CHECK(report.jobs >= 20'000 + accepted);
  CHECK(report.bytes > 160'000'000);
  // It did go on while pages were copied, and hardly anybody waited for long.
  CHECK(while_copying.size() >= 2);
  CHECK(took[took.size() * 99 / 100] < report.took / 2);
  const auto p99 = [](const auto& sorted) {
    return std::to_string(sorted[sorted.size() * 99 / 100].count());
  };
  MESSAGE("accepted within, p99: usually " << p99(usual) << " us; during a backup of " << report.took.count()
                                           << " ms: " << p99(took) << " us, at most " << took.back().count()
                                           << " us of " << of_those << " jobs");

  // A second daemon starts on it as it is.
  TestDaemon second(config_with_ballast(), TestDaemon::NotStarted{});
  std::filesystem::rename(there, second.state_dir());
  second.start();
  Client other = connect(second);
  CHECK(other.status().jobs_by_state[static_cast<std::size_t>(State::pending)] >= 20'000);
  for (std::uint64_t i = 0; i < accepted; ++i) {
    const std::string name = "job-" + std::to_string(i);
    CAPTURE(name);
    CHECK(other.future<std::int64_t>(name).result(kPatience) == 2);
  }
  CHECK(other.check_store().damages == 0);
}

TEST_CASE("a second task is refused and names the first, which the status shows") {
  TestDaemon daemon(config_with_ballast());
  Client client = connect(daemon);
  fill(client, 10'000, 8000);
  const std::filesystem::path there = daemon.directory() / "backup";
  Client other = connect(daemon);
  other.reach(kPatience);
  auto first = std::async(std::launch::async, [&] { return client.back_up_store(there.string()); });
  REQUIRE(has_begun(there));
  const StatusView status = other.status();
  const std::string refused = thrown_by([&] { static_cast<void>(other.check_store()); });
  CHECK(first.get().damages == 0);
  CHECK(status.maintenance == "backup");
  CHECK(status.maintenance_percent < 100);
  CHECK(refused.starts_with("RefusedError busy: the daemon has been backing up the store for user "));
  CHECK(refused.find(" % of it is done; try again when that has ended") != std::string::npos);
  CHECK(other.status().maintenance.empty());
  CHECK(other.check_store().damages == 0);
}

TEST_CASE("E6 a daemon that is stopped gives up a backup, says so, and leaves nothing of it") {
  TestDaemon daemon(config_with_ballast());
  Client client = connect(daemon);
  fill(client, 10'000, 8000);
  const std::filesystem::path there = daemon.directory() / "backup";
  auto backup = std::async(std::launch::async, [&] {
    return thrown_by([&] { static_cast<void>(client.back_up_store(there.string())); });
  });
  REQUIRE(has_begun(there));
  CHECK(daemon.stop() == Exit{});
  CHECK(backup.get() ==
        "RefusedError interrupted: the daemon is stopping and has given this up; nothing of it is left");
  CHECK_FALSE(std::filesystem::exists(there));
  CHECK_FALSE(std::filesystem::exists(there.string() + ".unfinished"));
  CHECK(daemon.log().find("store backup: the daemon is stopping and has given this up") != std::string::npos);
}

TEST_CASE(
    "a daemon that is killed in a backup leaves none under its name, and removes the rest when it starts "
    "again") {
  TestDaemon daemon(config_with_ballast());
  Client client = connect(daemon);
  fill(client, 10'000, 8000);
  for (const std::string task : {"backup", "check"}) {
    CAPTURE(task);
    const std::filesystem::path there = daemon.directory() / "backup";
    const std::filesystem::path unfinished = task == "backup"
                                                 ? there.string() + ".unfinished"
                                                 : (daemon.state_dir() / "check.unfinished").string();
    auto asked = std::async(std::launch::async, [&] {
      return thrown_by([&] {
        static_cast<void>(task == "backup" ? client.back_up_store(there.string()) : client.check_store());
      });
    });
    REQUIRE(eventually([&] { return std::filesystem::exists(unfinished / "promised.db"); }));
    daemon.kill9();
    CHECK_FALSE(std::filesystem::exists(there));
    CHECK(std::filesystem::exists(unfinished));
    daemon.start();
    CHECK_FALSE(std::filesystem::exists(unfinished));
    CHECK(asked.get().starts_with(
        "RefusedError interrupted: the daemon went, or the connection to it, before it"));
    CHECK_FALSE(std::filesystem::exists(daemon.state_dir() / "backup.unfinished"));
  }
  CHECK(client.check_store().jobs == 10'000);
}

TEST_CASE("what a daemon cannot remove at its start it tells, and starts") {
  TestDaemon daemon(story_config(), TestDaemon::NotStarted{});
  std::filesystem::create_directories(daemon.state_dir() / "check.unfinished");
  write_file(daemon.state_dir() / "check.unfinished" / "somebody's", "");
  daemon.start();
  CHECK(daemon.log().find(
            "what a check or a backup of the store has left unfinished: cannot remove the directory " +
            (daemon.state_dir() / "check.unfinished").string() + ": Directory not empty") !=
        std::string::npos);
}

TEST_CASE("compacting under load gives the space back, and the daemon goes on") {
  TestDaemon daemon(config_with_ballast());
  Client client = connect(daemon);
  const std::string ballast(8000, 'b');
  {
    Client other = connect(daemon);
    std::vector<AnyFuture> all;
    for (int i = 0; i < 3000; ++i) all.push_back(other.submit(Options().queue("ballast"), "echo", ballast));
    for (const AnyFuture& job : all) job.accepted(kPatience);
    // Less than half: what is free beyond that goes back by itself.
    for (std::size_t i = 0; i < 1200; ++i) static_cast<void>(all[i].cancel());
  }
  Submitter meanwhile(daemon);
  REQUIRE(eventually([&] { return meanwhile.accepted() >= 20; }));
  const StoreReport report = client.compact_store();
  static_cast<void>(meanwhile.end());
  CHECK(report.bytes + 8'000'000 < report.bytes_before);
  CHECK(client.check_store().damages == 0);
}

TEST_CASE("M6 ordinary users may not have anything done to the store" * doctest::skip(::geteuid() != 0)) {
  TestDaemon daemon(story_config().for_everyone());
  daemon.directory().open_to_everyone();
  const std::string said = in_other_process(
      [&] {
        Client client = connect(daemon);
        return thrown_by([&] { static_cast<void>(client.check_store()); }) + "\n" +
               thrown_by([&] { client.back_up_store("/tmp/promised-never"); }) + "\n" +
               thrown_by([&] { client.compact_store(); });
      },
      kStranger);
  const std::string refused =
      "RefusedError not_permitted: only an administrator may have the store checked, backed up or compacted, "
      "and "
      "user 65534 is none (section [access], key admins, says who is)";
  CHECK(said == refused + "\n" + refused + "\n" + refused);
}
