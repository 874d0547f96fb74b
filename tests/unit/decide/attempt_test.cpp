// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <csignal>

#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("an exception is final, and comes with attempt, pid and duration") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client);
  Failure failure;
  failure.cause = Cause::exception;
  failure.type = "std::runtime_error";
  failure.message = "no such customer";
  failure.output = "last words";
  house.fail(house.workers()[0], failure);
  const auto ended = house.ended(client, id);
  CHECK(ended->state == State::failed);
  CHECK(ended->failure.type == "std::runtime_error");
  CHECK(ended->failure.output == "last words");
  CHECK(ended->failure.attempt == 1);
  CHECK(ended->failure.pid == 101);
  CHECK(ended->failure.ran == 5us);
}

TEST_CASE("a crash comes with its backtrace") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client);
  house.begin(house.workers()[0]);
  house.crashed(house.workers()[0], SIGSEGV, "#0 here\n#1 there", false);
  const auto ended = house.ended(client, id);
  REQUIRE(ended);
  CHECK(ended->failure.cause == Cause::crashed);
  CHECK(ended->failure.backtrace == "#0 here\n#1 there");
}

TEST_CASE("I3 a crash for want of memory has the cause memory, and names the limit and the peak") {
  for (const std::uint64_t limit : {std::uint64_t{0}, std::uint64_t{64} << 20}) {
    auto settings = one_pool();
    settings.pools[0].memory_limit = limit;
    ReadyHouse house(settings);
    const auto client = house.connect();
    const JobId id = house.submit(client);
    house.begin(house.workers()[0]);
    house.crashed(house.workers()[0], SIGABRT, "#0 abort", true, std::uint64_t{60} << 20);
    const auto ended = house.ended(client, id);
    REQUIRE(ended);
    CHECK(ended->failure.cause == Cause::memory);
    CHECK(ended->failure.signal == SIGABRT);
    CHECK(ended->failure.backtrace == "#0 abort");
    CHECK(ended->failure.message ==
          std::string(limit == 0 ? "out of memory: the peak was 60MiB"
                                 : "out of memory: memory_limit allows 64MiB, the peak was 60MiB") +
              ": the worker was killed by signal 6 (Aborted) after 0 ms");
  }
}

TEST_CASE(
    "A2 a crash fails the job that ran and that alone; the prefetched ones go back uncounted, in order") {
  ReadyHouse house(prefetching(4));
  const auto client = house.connect();
  std::vector<JobId> jobs;
  for (int i = 0; i < 6; ++i) jobs.push_back(house.submit(client));
  const WorkerId worker = house.workers()[0];
  house.begin(worker);
  house.gone(worker, SIGSEGV, 0, "about to crash\n");
  const auto ended = house.ended(client, jobs[0]);
  REQUIRE(ended);
  CHECK(ended->failure.cause == Cause::crashed);
  CHECK(ended->failure.signal == SIGSEGV);
  CHECK(ended->failure.output == "about to crash\n");
  CHECK(ended->failure.message == "the worker was killed by signal 11 (Segmentation fault) after 0 ms");
  // The pool refills at once, and the others run there in their order.
  const WorkerId next = house.workers().at(0);
  CHECK(next != worker);
  house.ready(next);
  for (std::size_t i = 1; i < jobs.size(); ++i) {
    CHECK(house.begin(next).attempt == 1);
    CHECK(house.finish(next) == jobs[i]);
  }
  CHECK(house.status(client).pools[0].crashes == 1);
}

TEST_CASE(
    "A2 of jobs that a worker began behind a torn channel the first is lost with it, the others go back") {
  ReadyHouse house(prefetching(4));
  const auto client = house.connect();
  std::vector<JobId> jobs;
  for (int i = 0; i < 4; ++i) jobs.push_back(house.submit(client));
  house.torn(house.workers()[0], 4);
  const auto ended = house.ended(client, jobs[0]);
  REQUIRE(ended);
  CHECK(ended->failure.message == "the worker broke its protocol after 0 ms: it stopped");
  const WorkerId next = house.workers().at(0);
  house.ready(next);
  for (std::size_t i = 1; i < jobs.size(); ++i) {
    CHECK(house.begin(next).attempt == 1);
    CHECK(house.finish(next) == jobs[i]);
  }
}

TEST_CASE("A5 a second answer to one job is not the fault of the job that runs behind it") {
  ReadyHouse house(prefetching(4));
  const auto client = house.connect();
  const JobId first = house.submit(client);
  const JobId second = house.submit(client);
  const WorkerId worker = house.workers()[0];
  const auto run = house.begin(worker);
  CHECK(house.finish(worker) == first);
  house.begin(worker);
  house.handle(event::AttemptEnded{worker, run.sequence, {}, 1us, {}});
  CHECK(house.hand(worker).signals == std::vector<int>{SIGKILL});
  house.gone(worker, SIGKILL);
  CHECK(house.logged ==
        std::vector<std::string>{"warning: a worker of pool main (pid 101) has broken its "
                                 "protocol and was killed: it reported of run 0, and runs 1"});
  CHECK(house.show(client, second).state == State::pending);
  CHECK(house.show(client, second).interruptions == 1);
  house.ready(house.workers().at(0));
  CHECK(house.finish(house.workers()[0]) == second);
}

TEST_CASE(
    "A5 what is wrong with a report is in the log: the first time, and whenever there are twice as many") {
  ReadyHouse house;
  const auto client = house.connect();
  for (int i = 0; i < 5; ++i) {
    const WorkerId worker = house.workers()[0];
    house.submit(client);
    house.finish(worker);
    house.handle(event::AttemptEnded{worker, 7, {}, 1us, {}});
    CHECK(house.hand(worker).signals == std::vector<int>{SIGKILL});
    house.gone(worker, SIGKILL);
    house.ready(house.workers().at(0));
  }
  const std::string why = " has broken its protocol and was killed: it reported of run 7, and has none";
  CHECK(house.logged ==
        std::vector<std::string>{"warning: a worker of pool main (pid 101)" + why,
                                 "warning: a worker of pool main (pid 102)" + why + " (2 times so far)",
                                 "warning: a worker of pool main (pid 104)" + why + " (4 times so far)"});
}

TEST_CASE("T3 a worker whose job has ended after SIGTERM makes room at once") {
  auto settings = one_pool();
  settings.pools[0].run_timeout = 1s;
  settings.pools[0].kill_grace = 1h;
  ReadyHouse house(settings);
  const auto client = house.connect();
  house.submit(client);
  const WorkerId worker = house.workers()[0];
  house.begin(worker);
  house.wait(1s);
  CHECK(house.hand(worker).signals == std::vector<int>{SIGTERM});
  house.finish(worker, "late", 2s);
  CHECK(house.hand(worker).signals == std::vector<int>{SIGTERM, SIGKILL});
}

TEST_CASE("A2 a worker that dies before it began its job costs no attempt") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client);
  house.wait(2s);
  house.gone(house.workers()[0], SIGKILL);
  CHECK(house.show(client, id).state == State::pending);
  house.ready(house.workers().at(0));
  CHECK(house.begin(house.workers()[0]).attempt == 1);
  CHECK(house.finish(house.workers()[0]) == id);
}

TEST_CASE(
    "a worker that exits with 0 between two jobs has left, which is no crash; with anything else it is one") {
  for (const int exit_code : {0, 1}) {
    ReadyHouse house;
    const auto client = house.connect();
    const JobId id = house.submit(client);
    CHECK(house.finish(house.workers()[0]) == id);
    house.gone(house.workers()[0], 0, exit_code);
    CHECK(house.status(client).pools[0].crashes == (exit_code == 0 ? 0 : 1));
    CHECK(house.workers().size() == 1);
  }
}

TEST_CASE("a worker that exits without an answer fails its job as exited, with the status") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client);
  house.begin(house.workers()[0]);
  house.wait(20ms);
  house.gone(house.workers()[0], 0, 3);
  CHECK(house.ended(client, id)->failure.cause == Cause::exited);
  CHECK(house.ended(client, id)->failure.exit_code == 3);
  CHECK(house.ended(client, id)->failure.message ==
        "the worker exited with status 3 after 20 ms without an answer");
}

TEST_CASE("A5 a report of an attempt that never was is refused and counted, and fails the job that runs") {
  ReadyHouse house;
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId id = house.submit(client);
  const auto run = house.begin(worker);
  std::uint32_t forged = 0;
  SUBCASE("that comes later") {
    forged = run.sequence + 1;
  }
  SUBCASE("far from all that there are") {
    forged = 99;
  }
  SUBCASE("that would be earlier, of a worker that has run nothing") {
    forged = run.sequence - 1;
  }
  house.handle(event::AttemptEnded{worker, forged, {}, 1us, Payload("forged")});
  CHECK_FALSE(house.ended(client, id));
  CHECK(house.status(client).stale_reports == 1);
  CHECK(house.hand(worker).signals == std::vector<int>{SIGKILL});
  house.gone(worker, SIGKILL);
  const auto ended = house.ended(client, id);
  REQUIRE(ended);
  CHECK(ended->failure.cause == Cause::crashed);
  CHECK(ended->failure.message == "the worker broke its protocol after 0 ms: it reported of run " +
                                      std::to_string(forged) + ", and runs 0");
  CHECK(house.status(client).pools.at(0).crashes == 0);
}

TEST_CASE("X1 a queued job is cancelled at once, and says who did it") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client);
  const JobId id = house.submit(client);
  house.ask(client, message::Cancel{{id, {}}});
  CHECK(house.last<message::Known>(client).effect);
  CHECK(house.ended(client, id)->state == State::cancelled);
  CHECK(house.ended(client, id)->reason == "cancelled by user 1000 (test, pid 4711)");
  house.ask(client, message::Cancel{{id, {}}});
  CHECK_FALSE(house.last<message::Known>(client).effect);
}

TEST_CASE(
    "X1 a prefetched job that has not begun is cancelled at once, and its neighbours keep their order") {
  ReadyHouse house(prefetching(4));
  const auto client = house.connect();
  std::vector<JobId> jobs;
  for (int i = 0; i < 4; ++i) jobs.push_back(house.submit(client));
  const WorkerId worker = house.workers()[0];
  house.begin(worker);
  house.ask(client, message::Cancel{{jobs[2], {}}});
  CHECK(house.ended(client, jobs[2])->state == State::cancelled);
  for (const std::size_t i : {0U, 1U, 3U}) CHECK(house.finish(worker) == jobs[i]);
}

TEST_CASE(
    "X1 a cancelled job that had begun behind an unread report is stopped, its neighbour's outcome stays") {
  ReadyHouse house(prefetching(4));
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId a = house.submit(client);
  const JobId b = house.submit(client);
  const auto run_a = house.begin(worker);
  house.hand(worker).channel.pop_front();  // a has ended, its report is unread
  const auto run_b = house.begin(worker);
  house.ask(client, message::Cancel{{b, {}}});
  CHECK_FALSE(house.hand(worker).told_cancelled);
  house.handle(event::AttemptEnded{worker, run_a.sequence, {}, 1us, Payload("a")});
  CHECK(house.ended(client, a)->state == State::succeeded);
  CHECK(house.hand(worker).told_cancelled == run_b.sequence);
  house.fail(worker, {});
  CHECK(house.ended(client, b)->state == State::cancelled);
}

TEST_CASE("X1 cancelling a job whose report is unread does not end the one that has begun behind it") {
  ReadyHouse house(prefetching(4));
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId a = house.submit(client);
  const JobId b = house.submit(client);
  const auto run_a = house.begin(worker);
  house.hand(worker).channel.pop_front();
  house.begin(worker);
  house.ask(client, message::Cancel{{a, {}}});
  house.handle(event::AttemptEnded{worker, run_a.sequence, {}, 1us, Payload("a")});
  CHECK(house.ended(client, a)->state == State::cancelled);
  CHECK(house.finish(worker) == b);
  CHECK(house.ended(client, b)->state == State::succeeded);
  CHECK_FALSE(house.hand(worker).told_cancelled);
  CHECK(house.hand(worker).signals.empty());
}

TEST_CASE("P1 the progress of a running job is shown, and success sets 100") {
  ReadyHouse house;
  const auto client = house.connect();
  const WorkerId worker = house.workers()[0];
  const JobId id = house.submit(client, "f", Options{}.remember("n", 1min));
  const auto run = house.begin(worker);
  house.handle(event::AttemptProgress{worker, run.sequence, 42.5, "half way"});
  CHECK(house.show(client, id).progress == 42.5);
  CHECK(house.show(client, id).progress_message == "half way");
  house.finish(worker);
  CHECK(house.show(client, id).progress == 100);
}

TEST_CASE("a worker that is lost tells what it has used of processor and memory") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client);
  house.begin(house.workers()[0]);
  event::WorkerGone gone{house.workers()[0], 0, SIGSEGV, 0, 4096, {}, {}};
  gone.user = 3s;
  gone.system = 4ms;
  house.gone(std::move(gone));
  const auto ended = house.ended(client, id);
  REQUIRE(ended);
  CHECK(ended->failure.user == 3s);
  CHECK(ended->failure.system == 4ms);
  CHECK(ended->failure.peak_memory == 4096);
}

TEST_CASE(
    "I3 a worker that was killed for its memory fails its job with the cause memory, which names the limit") {
  auto settings = one_pool();
  settings.pools[0].memory_limit = 64 << 20;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const JobId id = house.submit(client);
  house.begin(house.workers()[0]);
  event::WorkerGone gone{house.workers()[0], 0, SIGKILL, 0, 0, {}, {}};
  gone.out_of_memory = true;
  house.gone(std::move(gone));
  const auto ended = house.ended(client, id);
  REQUIRE(ended);
  CHECK(ended->failure.cause == Cause::memory);
  CHECK(ended->failure.message ==
        "out of memory: memory_limit allows 64MiB: the worker was killed by signal 9 (Killed) after 0 ms");
}

TEST_CASE("T3 I3 a job that uses more of the processor than cpu_time is timed out, which names the limit") {
  auto settings = one_pool();
  for (const bool limited : {true, false}) {
    CAPTURE(limited);
    settings.pools[0].cpu_time = limited ? 90s : 0s;
    ReadyHouse house(settings);
    const auto client = house.connect();
    const JobId id = house.submit(client);
    house.begin(house.workers()[0]);
    house.gone(house.workers()[0], SIGXCPU);
    const auto ended = house.ended(client, id);
    REQUIRE(ended);
    CHECK(ended->failure.cause == (limited ? Cause::timed_out : Cause::crashed));
    CHECK(ended->failure.limit == (limited ? "cpu_time" : ""));
    if (limited) CHECK(ended->failure.message == "it used more than cpu_time (90s) of the processor");
  }
}
