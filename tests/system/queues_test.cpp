// SPDX-License-Identifier: Apache-2.0
// Q2, Q4, Q7, M3 Queues and quotas steered while the daemon works, over kills and reloads.
#include <doctest/doctest.h>

#include <vector>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

const Options kMail = Options{}.queue("mail");

QueueView queue_view(Client& client, const std::string& name) {
  for (QueueView& queue : client.status(kPatience).queues) {
    if (queue.name == name) return queue;
  }
  throw std::runtime_error("no queue " + name + " is shown");
}

std::vector<std::string> reasons(Client& client, const JobId& id) {
  std::vector<std::string> codes;
  for (const WaitReason& reason : client.explain(id, kPatience).reasons) codes.push_back(reason.code);
  return codes;
}

}  // namespace

TEST_CASE("Q2 a queue that is paused by hand is paused after a kill -9, and goes on when it is resumed") {
  TestDaemon daemon(story_config(1));
  JobId waits;
  {
    Client client = connect(daemon);
    CHECK(client.steer_queue("mail", {.paused = true}) == 0);
    auto held = client.submit<std::int64_t>(kMail, "add", 1, 2);
    held.accepted(kPatience);
    waits = held.id();
    CHECK(client.submit<std::int64_t>("add", 3, 4).result(kPatience) == 7);
  }
  daemon.restart_after_kill();
  Client client = connect(daemon);
  CHECK(queue_view(client, "mail").paused);
  CHECK(queue_view(client, "mail").length == 1);
  CHECK(reasons(client, waits) == std::vector<std::string>{"paused"});
  CHECK(client.show(waits, kPatience).state == State::pending);
  CHECK(client.steer_queue("mail", {.paused = false}) == 1);
  CHECK(client.future<std::int64_t>(waits).result(kPatience) == 3);
}

TEST_CASE("Q2 a queue on disk is cleared to the last job, also those that the daemon has not in memory") {
  TestDaemon daemon(story_config(1).limit("max_in_memory", "20"));
  Client client = connect(daemon);
  client.steer_queue("mail", {.paused = true});
  std::vector<Future<std::int64_t>> futures;
  for (std::int64_t i = 0; i < 3'000; ++i) futures.push_back(client.submit<std::int64_t>(kMail, "add", i, 1));
  for (auto& future : futures) future.accepted(kPatience);
  auto other = client.submit<std::int64_t>("add", 1, 1);
  CHECK(queue_view(client, "mail").length == 3'000);
  CHECK(client.clear_queue("mail", kPatience) == 3'000);
  for (auto& future : futures) {
    REQUIRE(future.wait(kPatience));
    REQUIRE(future.cancelled());
  }
  CHECK(other.result(kPatience) == 2);
  CHECK(queue_view(client, "mail").length == 0);
  daemon.restart_after_kill();
  CHECK(queue_view(client, "mail").length == 0);
}

TEST_CASE("Q2 a draining and a full queue refuse, over a kill -9 too, and the file is told what to say") {
  DaemonConfig config = story_config(1);
  config.set("queue.mail", "max_length", "1");
  TestDaemon daemon(config);
  {
    Client client = connect(daemon);
    client.steer_queue("mail", {.paused = true});
    client.submit(kMail, "add", 1, 2).accepted(kPatience);
    CHECK(thrown_by([&] {
            client.submit(kMail, "add", 1, 2).accepted(kPatience);
          }).find("queue \"mail\" is full: max_length (1) jobs wait in it") != std::string::npos);
    client.steer_queue("mail", {.draining = true, .max_length = 5});
  }
  daemon.restart_after_kill();
  Client client = connect(daemon);
  CHECK(thrown_by([&] {
          client.submit(kMail, "add", 1, 2).accepted(kPatience);
        }).find("queue \"mail\" is draining") != std::string::npos);
  CHECK(queue_view(client, "mail").max_length == 5);
  config.set("queue.mail", "max_length", "7");
  daemon.configure(config);
  CHECK(client.reload(kPatience).changed == std::vector<std::string>{"queue.mail.max_length"});
  CHECK(queue_view(client, "mail").max_length == 7);
  CHECK(queue_view(client, "mail").draining);
}

TEST_CASE("Q4 a quota is made larger while jobs wait for it, and keeps its size over a kill -9") {
  DaemonConfig config = story_config(3);
  config.set("quota.server", "size", "1");
  TestDaemon daemon(config);
  const std::string gate = daemon.directory() / "gate";
  const Options named = Options{}.quota("server");
  {
    Client client = connect(daemon);
    auto first = client.submit(named, "wait_for", gate);
    auto second = client.submit(named, "wait_for", gate);
    REQUIRE(eventually([&] { return first.state(kPatience) == State::running; }));
    second.accepted(kPatience);
    Explanation why;
    REQUIRE(eventually([&] {
      why = client.explain(second.id(), kPatience);
      return why.reasons.size() == 1;  // more while workers start
    }));
    CHECK(why.reasons[0].text == "the quota \"server\" is full: 1 job of at most 1 holds it");
    CHECK(why.reasons[0].jobs == std::vector{first.id()});
    CHECK(client.set_quota("server", 2) == 1);
    CHECK(eventually([&] { return second.state(kPatience) == State::running; }));
    CHECK(client.status(kPatience).quotas == std::vector{QuotaView{"server", 2, 2}});
    write_file(gate, "");
    first.wait(kPatience);
    second.wait(kPatience);
  }
  daemon.restart_after_kill();
  Client client = connect(daemon);
  CHECK(client.status(kPatience).quotas == std::vector{QuotaView{"server", 2, 0}});
  CHECK(client.remove_quota("server") == 0);
  CHECK(thrown_by([&] { client.submit(named, "add", 1, 2).accepted(kPatience); }).find("server") !=
        std::string::npos);
}

TEST_CASE(
    "Q7 a call to a function that is not there yet waits in a queue that holds, until a pool offers it") {
  DaemonConfig config;
  config.set("queue.mail", "hold", "yes");
  TestDaemon daemon(config);
  Client client = connect(daemon);
  auto held = client.submit<std::int64_t>(kMail, "add", 1, 2);
  held.accepted(kPatience);
  CHECK(reasons(client, held.id()) == std::vector<std::string>{"no_function"});
  CHECK(thrown_by([&] { client.submit("add", 1, 2).accepted(kPatience); }).find("no pool offers") !=
        std::string::npos);
  daemon.configure(story_config(1).set("queue.mail", "hold", "yes"));
  CHECK(client.reload(kPatience).added == std::vector<std::string>{"story"});
  CHECK(held.result(kPatience) == 3);
}

TEST_CASE("M6 a user may not steer, and is told of the own job why it waits but not of whom it waits for") {
  TestDaemon daemon(story_config(1).for_everyone());
  daemon.directory().open_to_everyone();
  const std::string gate = daemon.directory() / "gate";
  const std::string told = in_other_process(
      [&] {
        Client client = connect(daemon);
        auto waits = client.submit(kMail, "add", 1, 2);
        waits.accepted(kPatience);
        const std::string refusal = thrown_by([&] { client.steer_queue("mail", {.paused = true}); });
        static_cast<void>(waits.result(kPatience));
        return refusal;
      },
      kStranger);
  CAPTURE(told);
  CHECK(told.find("only an administrator may steer queues and quotas, and user 65534 is none") !=
        std::string::npos);
  Client client = connect(daemon);
  auto runs = client.submit("wait_for", gate);
  REQUIRE(eventually([&] { return runs.state(kPatience) == State::running; }));
  auto waits = client.submit("add", 1, 2);
  waits.accepted(kPatience);
  CHECK(client.explain(waits.id(), kPatience).reasons.at(0).jobs == std::vector{runs.id()});
  write_file(gate, "");
  static_cast<void>(waits.result(kPatience));
}
