// SPDX-License-Identifier: Apache-2.0
// A worker that does not begin what it was given, or says that it has begun what it has not: it is stopped,
// or somebody has written into the page in which it says what it has begun.
#include <doctest/doctest.h>

#include <csignal>

#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

/// start_timeout is half a minute. The worker has run a job.
struct ProvenHouse : ReadyHouse {
  explicit ProvenHouse(Settings s = one_pool()) : ReadyHouse(std::move(s)), client(connect()) {
    submit(client);
    finish(worker);
  }

  SessionId client;
  const WorkerId worker = workers()[0];
};

/// A job that runs, and two behind it in its worker's channel; one of these is cancelled, so that the worker
/// is asked what it has begun.
struct ForgersHouse : ProvenHouse {
  ForgersHouse() : ProvenHouse(prefetching(4)) { begin(worker); }

  void ask_with(std::uint32_t claimed) {
    hand(worker).claimed = claimed;
    ask(client, message::Cancel{{cancelled, {}}});
  }
  void check_that_neighbours_notice_nothing() {
    CHECK(ended(client, forger)->failure.cause == Cause::crashed);
    CHECK(ended(client, cancelled)->state == State::cancelled);
    CHECK(show(client, overdue).state == State::expired);
    ready(workers().at(0));
    CHECK(finish(workers()[0]) == last);
    CHECK(show(client, last).attempts == 1);
  }

  const JobId forger = submit(client);
  const JobId cancelled = submit(client);
  const JobId overdue = submit(client, "f", Options{}.timeout(1s));
  const JobId last = submit(client);
};

}  // namespace

TEST_CASE("I a worker that does not begin its job within start_timeout is replaced; the job is uncounted") {
  ProvenHouse house;
  const JobId id = house.submit(house.client);
  house.wait(30s - 1ms);
  CHECK(house.hand(house.worker).signals.empty());
  CHECK(house.show(house.client, id).state == State::running);
  house.wait(1ms);
  CHECK(house.hand(house.worker).signals == std::vector<int>{SIGKILL});
  house.gone(house.worker, SIGKILL);
  CHECK(house.show(house.client, id).state == State::pending);
  CHECK(house.logged.back() ==
        "warning: a worker of pool main (pid 101) has broken its protocol and was killed: it did not begin "
        "what it was given within start_timeout (30000 ms)");
  const WorkerId next = house.workers().at(0);
  house.ready(next);
  CHECK(house.show(house.client, id).state == State::running);
  CHECK(house.show(house.client, id).attempts == 1);
  CHECK(house.finish(next) == id);
  CHECK(house.status(house.client).pools[0].state == "ready");
  CHECK(house.status(house.client).pools[0].crashes == 0);
}

TEST_CASE("A3 a job that is said not to have begun for start_timeout is taken for the cause the third time") {
  ProvenHouse house;
  const JobId id = house.submit(house.client);
  for (int i = 0; i < 3; ++i) {
    CHECK(house.show(house.client, id).state == State::running);
    house.wait(30s);
    house.gone(house.workers()[0], SIGKILL);
    if (house.workers().empty()) house.wait(house.status(house.client).pools[0].retry_in);
    house.ready(house.workers()[0]);
  }
  const auto ended = house.ended(house.client, id);
  REQUIRE(ended);
  CHECK(ended->failure.cause == Cause::crashed);
  CHECK(ended->failure.message.ends_with(
      "it did not begin what it was given within start_timeout (30000 ms); so "
      "its workers went 3 times in a row before they had said that they began it"));
}

TEST_CASE("I a job that has begun may take as long as it likes, and it is asked for once") {
  ProvenHouse house;
  const JobId id = house.submit(house.client);
  house.begin(house.worker);
  for (int i = 0; i < 5; ++i) house.wait(30s);
  CHECK(house.hand(house.worker).signals.empty());
  CHECK_FALSE(house.scheduler.next_due(house.now));
  CHECK(house.finish(house.worker) == id);
}

TEST_CASE("I jobs that are taken back again and again do not keep a worker that begins none") {
  ProvenHouse house;
  const auto not_begun = [&](Nanos duration) {
    const JobId id = house.submit(house.client);
    house.wait(duration);
    house.ask(house.client, message::Cancel{{id, {}}});
    house.wait(10min);  // without a job there is nothing to begin
  };
  not_begun(20s);
  CHECK(house.hand(house.worker).signals.empty());
  SUBCASE("what it has failed to begin adds up") {
    not_begun(9s);
    CHECK(house.hand(house.worker).signals.empty());
    not_begun(1s);
    CHECK(house.hand(house.worker).signals == std::vector<int>{SIGKILL});
  }
  SUBCASE("a job that it begins clears it") {
    house.submit(house.client);
    house.finish(house.worker);
    not_begun(29s);
    CHECK(house.hand(house.worker).signals.empty());
  }
}

TEST_CASE("I a worker that has not begun what was taken back from it holds one job until it begins that") {
  ProvenHouse house(prefetching(4));
  for (int i = 0; i < 8; ++i) house.submit(house.client);
  REQUIRE(house.hand(house.worker).channel.size() == 4);
  house.changes.clear();
  house.wait(10ms);  // nobody knows whether the first has begun: those behind it go back, and it with them
  REQUIRE(house.hand(house.worker).channel.size() == 1);
  const auto handed_out = house.hand(house.worker).channel.front().sequence;
  for (int i = 0; i < 100; ++i) house.wait(10ms);
  CHECK(house.hand(house.worker).channel.size() == 1);
  CHECK(house.hand(house.worker).channel.front().sequence == handed_out);
  CHECK(house.written<change::StartJob>().size() <= 2);
  house.finish(house.worker);
  CHECK(house.hand(house.worker).channel.size() == 4);
}

TEST_CASE("A4 one that runs at most once and has not begun in its run_timeout may have: it is interrupted") {
  ProvenHouse house;
  const JobId id = house.submit(house.client, "f", Options{}.at_most_once().run_timeout(1s));
  house.wait(1s);
  house.wait(1min);
  CHECK(house.hand(house.worker).signals == std::vector<int>{SIGTERM, SIGKILL});
  house.gone(house.worker, SIGKILL);
  const auto ended = house.ended(house.client, id);
  REQUIRE(ended);
  CHECK(ended->failure.cause == Cause::interrupted);
  CHECK(ended->failure.limit.empty());
  CHECK(
      ended->failure.message ==
      "it cannot be told for certain whether it had begun, and it was submitted to run at most once: it ran "
      "for longer than run_timeout (1000 ms)");
}

TEST_CASE("I a worker that has not been told of its job, for want of the disk, is not to have begun it") {
  ProvenHouse house;
  house.hold_commits();
  const JobId id = house.submit(house.client, "f", Options{}.at_most_once());
  house.wait(30s);
  house.wait(29s);
  CHECK(house.hand(house.worker).signals.empty());
  house.commit();
  REQUIRE(house.hand(house.worker).channel.size() == 1);
  CHECK(house.hand(house.worker).channel[0].id == id);
  house.wait(1s);
  CHECK(house.hand(house.worker).signals.empty());
  house.wait(30s);
  CHECK(house.hand(house.worker).signals == std::vector<int>{SIGKILL});
  house.gone(house.worker, SIGKILL);
  CHECK(house.ended(house.client, id)->failure.cause == Cause::interrupted);
}

TEST_CASE("I7 a pool whose workers do not begin the first job of their life is failing") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client);
  house.wait(30s);
  house.gone(house.workers()[0], SIGKILL);
  CHECK(house.status(client).pools[0].state == "failing");
  CHECK(house.status(client).pools[0].reason ==
        "/bin/true: it broke the worker protocol: it did not begin what it was given within start_timeout "
        "(30000 ms)");
  CHECK(house.workers().empty());
  house.wait(house.status(client).pools[0].retry_in);
  CHECK(house.workers().size() == 1);
}

TEST_CASE("A2 a worker that says that it has begun what it was not given is killed; those behind go back") {
  ForgersHouse house;
  house.ask_with(1000);
  house.wait(1s);
  CHECK(house.hand(house.worker).signals == std::vector<int>{SIGKILL});
  house.gone(house.worker, SIGKILL);
  CHECK(house.logged.back().ends_with("it says that it has begun run 999, and was given none behind 4"));
  CHECK(house.ended(house.client, house.cancelled)->state == State::cancelled);
  house.ready(house.workers().at(0));
  // Nobody knows whether the first had begun: it is given back a few times.
  CHECK(house.finish(house.workers()[0]) == house.forger);
  CHECK(house.ended(house.client, house.overdue)->state == State::expired);
  CHECK(house.finish(house.workers()[0]) == house.last);
}

TEST_CASE("A2 a worker that says that it has begun all, and reports of none, is killed in time") {
  ForgersHouse house;
  house.ask_with(5);
  CHECK(house.hand(house.worker).signals.empty());
  SUBCASE("it does not report") {
    house.wait(30s - 1ms);
    CHECK(house.hand(house.worker).signals.empty());
    house.wait(1ms);
    CHECK(house.hand(house.worker).signals == std::vector<int>{SIGKILL});
    house.gone(house.worker, SIGKILL);
    CHECK(house.ended(house.client, house.forger)
              ->failure.message.ends_with(": it says that it has begun 4 jobs, and did not tell how the "
                                          "first has ended within start_timeout "
                                          "(30000 ms)"));
    house.check_that_neighbours_notice_nothing();
  }
  SUBCASE("whatever its job says meanwhile") {
    house.wait(20s);
    house.handle(
        event::AttemptProgress{house.worker, house.hand(house.worker).channel.front().sequence, 1, ""});
    house.wait(10s);
    CHECK(house.hand(house.worker).signals == std::vector<int>{SIGKILL});
    house.gone(house.worker, SIGKILL);
    house.check_that_neighbours_notice_nothing();
  }
  SUBCASE("the reports were on their way") {
    CHECK(house.finish(house.worker) == house.forger);
    CHECK(house.finish(house.worker) == house.cancelled);
    CHECK(house.finish(house.worker) == house.overdue);
    house.begin(house.worker);
    for (int i = 0; i < 3; ++i) house.wait(30s);
    CHECK(house.hand(house.worker).signals.empty());
    CHECK(house.finish(house.worker) == house.last);
  }
}

TEST_CASE(
    "A2 what stands first when its worker dies had not begun, also where others were taken back before") {
  ProvenHouse house;
  const JobId taken_back = house.submit(house.client);
  house.ask(house.client, message::Cancel{{taken_back, {}}});
  const JobId id = house.submit(house.client);
  REQUIRE(house.hand(house.worker).channel.size() == 1);
  house.gone(house.worker, SIGKILL);
  CHECK(house.show(house.client, id).state == State::pending);
  CHECK(house.show(house.client, id).attempts == 0);
}
