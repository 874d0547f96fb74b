// SPDX-License-Identifier: Apache-2.0
// Jobs beyond max_in_memory wait on disk, and nobody notices.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "common/ids.hpp"
#include "tests/flow/stored_house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

Settings small_memory(std::uint64_t most = 20) {
  Settings settings = one_pool();
  settings.limits.max_in_memory = most;
  settings.pools[0].prefetch = 1;
  return settings;
}

std::uint64_t in_backlog(House& house) {
  std::uint64_t count = 0;
  for (const auto& insert : house.written<change::InsertJob>()) count += insert.backlog ? 1 : 0;
  return count;
}

std::vector<JobId> submit_many(House& house, SessionId client, int count, const Options& options = {}) {
  std::vector<JobId> ids;
  for (int i = 0; i < count; ++i)
    ids.push_back(house.submit(client, "f", options, "arguments " + std::to_string(i)));
  return ids;
}

std::vector<JobId> finish_all(House& house, WorkerId worker, std::size_t most) {
  std::vector<JobId> done;
  while (done.size() < most && !house.hand(worker).channel.empty()) done.push_back(house.finish(worker));
  return done;
}

}  // namespace

TEST_CASE("Q1 jobs beyond max_in_memory wait on disk and leave their queue in the order of submission") {
  StoredHouse house(small_memory());
  const auto client = house->connect();
  const auto ids = submit_many(*house, client, 5000);
  CHECK(in_backlog(*house) > 4900);
  CHECK(house->status(house->connect(0)).queues.at(0).length == 4999);
  house.commit();
  CHECK(house->last<message::Accepted>(client).numbers.size() == 1);
  CHECK(finish_all(*house, house.worker(), 5000) == ids);
  CHECK(house->dispatched_arguments.size() == 5000);
  CHECK(house->dispatched_arguments.at(4321) == "arguments 4321");
  CHECK(house->count<message::Ended>(client) == 5000);
}

TEST_CASE(
    "Q5 jobs on disk keep their keys over a restart, and those that a key holds do not hold up others") {
  Settings settings = small_memory();
  settings.pools[0].prefetch = 4;
  StoredHouse house(settings);
  const auto client = house->connect();
  const auto held = submit_many(*house, client, 200, Options{}.exclusive("k"));
  const auto free = submit_many(*house, client, 200);
  CHECK(in_backlog(*house) > 300);
  house->wait(50ms);
  house.commit();
  house.restart_after();
  // The worker has one of the key in its channel, and three others while there are such.
  std::vector<JobId> expected;
  for (std::size_t i = 0, j = 0; i < held.size(); ++i) {
    expected.push_back(held[i]);
    for (int beside = 0; beside < 3 && j < free.size(); ++beside) expected.push_back(free[j++]);
  }
  CHECK(finish_all(*house, house.worker(), 400) == expected);
}

TEST_CASE("Q1 a higher priority comes first, also before what waits on disk") {
  StoredHouse house(small_memory());
  const auto client = house->connect();
  const auto low = submit_many(*house, client, 200);
  const auto high = submit_many(*house, client, 200, Options{}.priority(1));
  std::vector<JobId> expected(low.begin(), low.begin() + 1);
  expected.insert(expected.end(), high.begin(), high.end());
  expected.insert(expected.end(), low.begin() + 1, low.end());
  CHECK(finish_all(*house, house.worker(), 400) == expected);
}

TEST_CASE("Q1 jobs that live in memory keep their place among those on disk") {
  StoredHouse house(small_memory());
  const auto client = house->connect();
  std::vector<JobId> expected = submit_many(*house, client, 100);
  for (const auto& options : {Options{}.durability(Durability::memory), Options{}.remember("n"), Options{},
                              Options{}.timeout(1h), Options{}}) {
    expected.push_back(house->submit(client, "f", options));
  }
  CHECK(finish_all(*house, house.worker(), 105) == expected);
}

TEST_CASE("named and timed jobs beyond max_in_memory leave their arguments on disk, over a restart too") {
  StoredHouse house(small_memory());
  auto client = house->connect();
  std::vector<JobId> expected;
  const std::string arguments(10'000, 'a');
  for (int i = 0; i < 200; ++i) {
    Options options;
    if (i % 2 == 0) options.remember("name " + std::to_string(i), 1h);
    if (i % 3 == 0) options.timeout(i % 2 == 0 ? 1h : 24h);
    expected.push_back(house->submit(client, "f", options, arguments));
  }
  const auto bytes_in_memory = [&] {
    for (const LimitView& limit : house->status(house->connect(0)).limits)
      if (limit.name == "max_bytes") return limit.used;
    return std::uint64_t{0};
  };
  CHECK(bytes_in_memory() < 60 * arguments.size());
  house->wait(50ms);  // what has not been written is
  house.commit();
  CHECK(house->count<message::Accepted>(client) > 100);
  house.restart_after(2h);
  CHECK(bytes_in_memory() < 60 * arguments.size());
  client = house->connect();
  const auto is_due = [all = expected](const JobId& id) {
    return (std::find(all.begin(), all.end(), id) - all.begin()) % 6 == 0;
  };
  for (std::size_t i = 0; i < expected.size(); i += 2) {
    house->ask(client, message::Show{.key = {{}, "name " + std::to_string(i)}});
    const JobView& view = house->last<message::Jobs>(client).jobs.at(0);
    CHECK(view.id == expected[i]);
    CHECK(view.state == (is_due(expected[i]) ? State::expired : State::pending));
    CHECK(view.arguments_size == arguments.size());
  }
  std::erase_if(expected, is_due);
  CHECK(finish_all(*house, house.worker(), 200) == expected);
  CHECK(house->dispatched_arguments.back() == arguments);
}

TEST_CASE("R9 T1 a job on disk that was named or limited while it waited is so after a restart") {
  StoredHouse house(small_memory());
  auto client = house->connect();
  const auto ids = submit_many(*house, client, 200);
  house->ask(client, message::Remember{ids[150], "named", 1h, Duplicate::raise, {}});
  house->ask(client, message::Adjust{ids[151], 10s, {}});
  house->ask(client, message::Watch{.key = {ids[152], {}}});
  house->wait(50ms);  // what has not been written is
  house.commit();
  house.restart_after(11s);
  client = house->connect();
  house->ask(client, message::Show{.key = {{}, "named"}});
  CHECK(house->last<message::Jobs>(client).jobs.at(0).id == ids[150]);
  CHECK(house->show(client, ids[151]).state == State::expired);
  std::vector<JobId> expected = ids;
  expected.erase(expected.begin() + 151);
  CHECK(finish_all(*house, house.worker(), 200) == expected);
  CHECK(house->dispatched_arguments.at(150) == "arguments 150");
}

TEST_CASE(
    "Q1 jobs of several functions leave their queue in order, though the next has still to come from disk") {
  StoredHouse house(small_memory());
  const auto client = house->connect();
  std::vector<JobId> expected;
  for (int i = 0; i < 400; ++i) expected.push_back(house->submit(client, i % 7 == 0 ? "g" : "f"));
  expected.push_back(house->submit(client, "g", Options{}.durability(Durability::memory)));
  house->wait(50ms);  // what has not been written is
  CHECK(finish_all(*house, house.worker(), 100) ==
        std::vector<JobId>(expected.begin(), expected.begin() + 100));
  house.commit();
  house.restart_after();
  CHECK(finish_all(*house, house.worker(), 400) ==
        std::vector<JobId>(expected.begin() + 100, expected.end() - 1));
}

TEST_CASE("a backlog survives a restart, in its order, and is delivered to who comes back for it") {
  StoredHouse house(small_memory());
  const JobId same = new_job_id();
  auto client = house->connect(1000, same);
  const auto ids = submit_many(*house, client, 300);
  const JobId memory = house->submit(client, "f", Options{}.remember("after", 1h));
  house->wait(50ms);
  house.commit();
  const auto first = finish_all(*house, house.worker(), 10);
  house.commit();
  house.restart_after();
  client = house->connect(1000, same);
  CHECK(house->status(house->connect(0)).jobs_by_state[static_cast<std::size_t>(State::pending)] == 290);
  house->ask(client, message::Watch{.key = {ids.back(), {}}});
  auto rest = finish_all(*house, house.worker(), 301);
  CHECK(rest.back() == memory);
  rest.pop_back();
  // The one that the worker had in its hands was interrupted, and comes first again.
  CHECK(std::vector<JobId>(ids.begin() + 10, ids.end()) == rest);
  CHECK(house->ended(client, ids.back()));
}

TEST_CASE("C8 a job on disk can be waited for by a running one: it is read, and known from then on") {
  StoredHouse house(small_memory());
  const auto client = house->connect();
  const auto ids = submit_many(*house, client, 200);
  const auto other = house->connect(1001);
  const JobId theirs = house->submit(other);
  const auto run = house->begin(house.worker());
  REQUIRE(run.id == ids[0]);
  const auto wait_for = [&](const JobId& id) {
    house->handle(event::AttemptWaits{house.worker(), run.sequence, {id}});
  };
  auto& resumed = house->hand(house.worker()).resumed;
  wait_for(theirs);
  REQUIRE(resumed.size() == 1);
  CHECK(resumed[0].code == "no_such_future");
  wait_for(ids[150]);
  CHECK(resumed.size() == 1);
  CHECK(house->show(client, ids[0]).waits_for == std::vector<JobId>{ids[150]});
  house->ask(client, message::Cancel{.key = {ids[150], {}}});
  REQUIRE(resumed.size() == 2);
  CHECK(resumed[1].code.empty());
  CHECK(house->show(client, ids[0]).state == State::running);
}

TEST_CASE("a job on disk can be looked at, waited for, named and cancelled like any other") {
  StoredHouse house(small_memory());
  const auto client = house->connect();
  const auto ids = submit_many(*house, client, 200);
  const auto other = house->connect();
  CHECK(house->show(other, ids[150]).state == State::pending);
  CHECK(house->show(other, ids[151]).arguments_size == 13);
  house->ask(other, message::Watch{.key = {ids[152], {}}});
  house->ask(other, message::Cancel{.key = {ids[153], {}}});
  house->ask(other, message::Remember{ids[154], "named", 1h, Duplicate::raise, {}});
  house->ask(other, message::Adjust{ids[155], 1s, {}});
  house.commit();
  CHECK(house->ended(client, ids[153])->state == State::cancelled);
  house->ask(house->connect(1001), message::Cancel{.key = {ids[156], {}}});
  house->wait(1s);
  CHECK(house->ended(client, ids[155])->state == State::expired);

  std::vector<JobId> expected = ids;
  expected.erase(expected.begin() + 155);
  expected.erase(expected.begin() + 153);
  CHECK(finish_all(*house, house.worker(), 200) == expected);
  house.commit();
  CHECK(house->ended(other, ids[152]));
  house->ask(other, message::Watch{.key = {{}, "named"}});
  house.commit();
  CHECK(house->ended(other, ids[154]));
}

TEST_CASE(
    "M2 jobs on disk are listed among the others, page by page, and found by the beginning of their id") {
  StoredHouse house(small_memory());
  const auto client = house->connect();
  auto ids = submit_many(*house, client, 5000);
  ids.push_back(house->submit(client, "g", Options{}.remember("n")));
  const JobId other = house->submit(client, "g", Options{}.queue("q"));
  house->submit(house->connect(1001));
  const auto page = [&](message::List query) {
    house->ask(client, std::move(query));
    std::vector<JobId> found;
    for (const auto& view : house->last<message::Jobs>(client).jobs) found.push_back(view.id);
    return found;
  };
  CHECK(page({.queue = "q"}) == std::vector{other});
  CHECK(page({.function = "g"}) == std::vector{other, ids.back()});
  std::vector<JobId> seen;
  JobId after;
  do {
    for (const JobId& id : page({.queue = "default", .most = 700, .after = after})) seen.push_back(id);
    after = seen.back();
  } while (house->last<message::Jobs>(client).more);
  std::reverse(seen.begin(), seen.end());
  CHECK(seen == ids);
  house->ask(client, message::Show{.prefix = ids[4000].text()});
  CHECK(house->last<message::Jobs>(client).jobs.at(0).id == ids[4000]);
  CHECK(house->last<message::Jobs>(client).jobs.at(0).reason == "others are before it, and wait on disk");
  house->ask(client, message::Show{.prefix = ids[4000].text().substr(0, 4)});
  CHECK(house->last<message::Refused>(client).code == "ambiguous");
  const JobId newest = house->submit(client);
  house->ask(client, message::Show{.last = true});
  CHECK(house->last<message::Jobs>(client).jobs.at(0).id == newest);
}

TEST_CASE("S2 a submission of a job on disk that is repeated is the same job") {
  StoredHouse house(small_memory());
  const auto client = house->connect();
  const auto ids = submit_many(*house, client, 100);
  house->ask(client, message::Submit{ids[90], "f", {}}, "again");
  house->ask(client, message::Submit{ids[90], "f", {}}, "again");
  CHECK(finish_all(*house, house.worker(), 101) == ids);
  house->ask(house->connect(1001), message::Submit{ids[95], "f", {}}, "foreign");
}

TEST_CASE("E2 another user is told nothing of a job on disk") {
  StoredHouse house(small_memory());
  const auto client = house->connect();
  const auto ids = submit_many(*house, client, 100);
  const auto stranger = house->connect(1001);
  house->ask(stranger, message::Show{.key = {ids[90], {}}});
  CHECK(house->last<message::Refused>(stranger).message == "there is no job " + ids[90].text());
  CHECK(finish_all(*house, house.worker(), 101) == ids);
}

TEST_CASE(
    "a cancelled running job of the backlog is cancelled after a restart, one that ran is interrupted") {
  StoredHouse house(small_memory(1));
  auto client = house->connect();
  const auto ids = submit_many(*house, client, 100);
  CHECK(finish_all(*house, house.worker(), 50).size() == 50);
  house->begin(house.worker());
  house->wait(10ms);
  house.commit();
  SUBCASE("interrupted") {
    house.restart_after();
    CHECK(house->finish(house.worker()) == ids[50]);
    CHECK(house->dispatched_arguments.at(0) == "arguments 50");
  }
  SUBCASE("cancelled") {
    house->ask(client, message::Cancel{.key = {ids[50], {}}});
    house.commit();
    house.restart_after();
    client = house->connect();
    CHECK(house->show(client, ids[50]).state == State::cancelled);
    CHECK(house->finish(house.worker()) == ids[51]);
  }
}

TEST_CASE("a backlog in which everything happens at random loses nothing and keeps its order") {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    StoredHouse house(small_memory(1 + random() % 40));
    auto client = house->connect();
    std::vector<JobId> expected;
    std::size_t done = 0;
    for (int step = 0; step < 600; ++step) {
      switch (random() % 8) {
        case 0:
        case 1:
        case 2:
        case 3: {
          Options options;
          if (random() % 8 == 0) options.remember("name " + std::to_string(step), 1h);
          if (random() % 8 == 0) options.timeout(24h);
          expected.push_back(house->submit(client, "f", options));
          break;
        }
        case 4:
          if (!house->hand(house.worker()).channel.empty()) {
            const JobId id = house->finish(house.worker());
            REQUIRE(id == expected.at(done++));
          }
          break;
        case 5: {
          if (expected.size() <= done + 1) break;
          const std::size_t which = done + 1 + random() % (expected.size() - done - 1);
          house->ask(client, message::Cancel{.key = {expected[which], {}}});
          expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(which));
          break;
        }
        case 6:
          if (expected.size() > done)
            house->show(client, expected[done + random() % (expected.size() - done)]);
          break;
        default:
          if (random() % 10 == 0) {
            house->wait(50ms);  // what has not been written is
            house.commit();
            house.restart_after();
            client = house->connect();
          }
          break;
      }
    }
    while (done < expected.size()) REQUIRE(house->finish(house.worker()) == expected.at(done++));
    CHECK(house->hand(house.worker()).channel.empty());
  }
}
