// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

std::vector<JobId> list(House& house, SessionId session, message::List query) {
  house.ask(session, std::move(query));
  std::vector<JobId> ids;
  for (const auto& view : house.last<message::Jobs>(session).jobs) ids.push_back(view.id);
  return ids;
}

}  // namespace

TEST_CASE("E2 filters and keys have no more bytes than what they are to find") {
  ReadyHouse house;
  const auto client = house.connect();
  const auto refused = [&](auto body) {
    house.ask(client, std::move(body));
    return house.last<message::Refused>(client).message;
  };
  CHECK(refused(message::List{.function = std::string(256, '*')})
            .starts_with("a filter has at most as many bytes as what it is to find"));
  CHECK(refused(message::List{.name_prefix = std::string(513, 'n')}).starts_with("a filter has at most"));
  CHECK(refused(message::Watch{.key = {{}, std::string(513, 'n')}}) ==
        "a name has 1 to max_name (512) bytes, given 513");
  CHECK(refused(message::Show{.prefix = std::string(5000, 'a')}) ==
        "the beginning of an id has 4 to 36 characters, given 5000: \"" + std::string(36, 'a') + "\"");
}

TEST_CASE("E2 the texts of failures count as bytes, and are not kept at any length") {
  auto settings = one_pool();
  settings.limits.max_bytes = 1 << 20;
  ReadyHouse house(settings);
  const auto client = house.connect(0);
  Failure failure;
  failure.cause = Cause::exception;
  failure.message = std::string(1 << 20, 'm');
  failure.output = std::string(1 << 20, 'o') + "end";
  const JobId id = house.submit(client, "f", Options{}.remember("n"), "");
  house.fail(house.workers()[0], failure);
  const JobView view = house.show(client, id);
  CHECK(view.failure.message.size() == 65536);
  CHECK(view.failure.output.size() == 65536);
  CHECK(view.failure.output.ends_with("end"));
  CHECK(house.status(client).limits[1].used == 131072);

  house.ask(client, message::Remember{
                        new_job_id(), "fat", 1min, Duplicate::raise,
                        message::KnownOutcome{.function = "f", .state = State::failed, .failure = failure}});
  CHECK(house.last<message::Refused>(client).message ==
        "the texts of a failure have at most 64 KiB, its type and its reason 1 KiB");
  house.ask(client, message::Forget{.key = {id, {}}});
  house.wait(house.settings.limits.keep_unfetched);
  CHECK(house.status(client).limits[1].used == 0);
}

TEST_CASE("E2 R8 a large result that nobody is there to take is in the store alone") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client);
  house.wait(1s);
  house.disconnect(client);
  const std::string large(100'000, 'x');
  house.finish(house.workers()[0], large);
  const auto other = house.connect();
  CHECK(house.status(other).limits[1].used < 1000);
  house.load = [&](const JobId&) { return std::optional(Payload(large)); };
  house.ask(other, message::Watch{.key = {id, {}}});
  CHECK(house.sent(other).back().payload == large);
}

TEST_CASE("M6 a user sees the own jobs, an administrator all") {
  ReadyHouse house;
  const auto alice = house.connect(1001);
  const auto bob = house.connect(1002);
  const auto root = house.connect(0);
  const JobId a = house.submit(alice);
  const JobId b = house.submit(bob);
  CHECK(list(house, alice, {}) == std::vector{a});
  CHECK(list(house, bob, {}) == std::vector{b});
  CHECK(list(house, root, {}) == std::vector{b, a});
  house.ask(bob, message::Show{.key = {a, {}}});
  CHECK(house.last<message::Refused>(bob).message == "there is no job " + a.text());
  house.ask(bob, message::Cancel{{a, {}}});
  CHECK(house.last<message::Refused>(bob).message == "there is no job " + a.text());
  house.ask(bob, message::Watch{.key = {a, {}}});
  CHECK(house.last<message::Refused>(bob).message == "there is no job " + a.text());
  house.ask(root, message::Cancel{{a, {}}});
  CHECK(house.last<message::Known>(root).effect);
}

TEST_CASE("M6 a user's status counts the own jobs and shows no queues") {
  ReadyHouse house;
  const auto alice = house.connect(1001);
  const auto bob = house.connect(1002);
  house.submit(alice);
  house.submit(alice);
  CHECK(house.status(bob).jobs_by_state[static_cast<std::size_t>(State::pending)] == 0);
  CHECK(house.status(bob).queues.empty());
  const auto root = house.connect(0);
  CHECK(house.status(root).jobs_by_state[static_cast<std::size_t>(State::pending)] == 1);
  CHECK(house.status(root).queues[0].length == 1);
}

TEST_CASE("M2 jobs are filtered by state, function glob, queue and name prefix") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId running = house.submit(client, "f");
  const JobId named = house.submit(client, "g", Options{}.remember("report-1", 1min));
  const JobId queued = house.submit(client, "f", Options{}.queue("q"));
  CHECK(list(house, client, {.states = 1U << static_cast<unsigned>(State::running)}) == std::vector{running});
  CHECK(list(house, client, {.function = "g*"}) == std::vector{named});
  CHECK(list(house, client, {.queue = "q"}) == std::vector{queued});
  CHECK(list(house, client, {.name_prefix = "report"}) == std::vector{named});
  CHECK(list(house, client, {.remembered = true}) == std::vector{named});
  CHECK(list(house, client, {.name_prefix = "x"}).empty());
}

TEST_CASE("M2 pages follow one another, newest first, and miss nothing") {
  ReadyHouse house;
  const auto client = house.connect();
  std::vector<JobId> all;
  for (int i = 0; i < 25; ++i) all.insert(all.begin(), house.submit(client));
  std::vector<JobId> seen;
  JobId after;
  do {
    for (const JobId& id : list(house, client, {.most = 10, .after = after})) seen.push_back(id);
    after = seen.back();
  } while (house.last<message::Jobs>(client).more);
  CHECK(seen == all);
}

TEST_CASE("M5 a job is shown by the unique beginning of its id, and the newest by last") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId first = house.submit(client);
  const JobId second = house.submit(client);
  house.ask(client, message::Show{.last = true});
  CHECK(house.last<message::Jobs>(client).jobs[0].id == second);
  house.ask(client, message::Show{.prefix = first.text().substr(0, 30)});
  CHECK(house.last<message::Jobs>(client).jobs[0].id == first);
  house.ask(client, message::Show{.prefix = first.text().substr(0, 4)});
  CHECK(house.last<message::Refused>(client).code == "ambiguous");
  CHECK(house.last<message::Refused>(client).message ==
        "2 jobs have an id that begins with " + first.text().substr(0, 4) + "; give more of it");
  house.ask(client, message::Show{.prefix = "0"});
  CHECK(house.last<message::Refused>(client).message ==
        "the beginning of an id has 4 to 36 characters, given 1: \"0\"");
  house.ask(client, message::Show{.prefix = "ffff"});
  CHECK(house.last<message::Refused>(client).message == "there is no job whose id begins with ffff");
  const auto other = house.connect(1002);
  house.ask(other, message::Show{.last = true});
  CHECK(house.last<message::Refused>(other).message == "you have submitted no job that is still known");
}

TEST_CASE("M3 a job that is not running says why") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client);
  const JobId waits = house.submit(client);
  CHECK(house.show(client, waits).reason == "pool main has no free worker");
}

TEST_CASE("M1 status tells the queue's length and age, the pool's load, and the last minute's durations") {
  ReadyHouse house;
  const auto root = house.connect(0);
  house.submit(root);
  house.submit(root);
  house.wait(3s);
  auto status = house.status(root);
  CHECK(status.queues[0].name == "default");
  CHECK(status.queues[0].length == 1);
  CHECK(status.queues[0].oldest == 3s);
  CHECK(status.pools[0].busy == 1);
  house.finish(house.workers()[0]);
  status = house.status(root);
  CHECK(status.finished == 1);
  CHECK(status.ran.count == 1);
  CHECK(status.ran.p50 > 2700ms);
  CHECK(status.ran.p50 < 3300ms);
  house.wait(61s);
  CHECK(house.status(root).ran.count == 0);
}

TEST_CASE("a limit that is nearly reached makes the status degraded, and is named") {
  auto settings = one_pool();
  settings.limits.max_jobs = 10;
  ReadyHouse house(settings);
  const auto root = house.connect(0);
  for (int i = 0; i < 9; ++i) house.submit(root);
  const auto status = house.status(root);
  CHECK(status.health == "degraded");
  CHECK(status.problems == std::vector<std::string>{"max_jobs is nearly reached"});
}
