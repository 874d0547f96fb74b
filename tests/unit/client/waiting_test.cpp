// SPDX-License-Identifier: Apache-2.0
// Waiting for one future and for many: SEMANTICS S3 and S4.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <thread>

#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

/// Several held jobs.
struct Several : Fixture {
  Client client{options()};
  std::vector<Future<int>> futures;

  explicit Several(std::size_t count = 3) {
    for (std::size_t i = 0; i < count; ++i) futures.push_back(client.submit<int>("hold"));
    static_cast<void>(daemon.wait_for<message::Submit>(count));
  }
  void end(std::size_t index) {
    daemon.answer(daemon.wait_for<message::Submit>(index + 1), succeeded(futures[index].id()),
                  encoded(Value(static_cast<std::int64_t>(index))));
  }
  void fail(std::size_t index) {
    Failure failure;
    failure.cause = Cause::exception;
    daemon.answer(daemon.wait_for<message::Submit>(index + 1),
                  message::Ended{futures[index].id(), State::failed, failure, {}});
  }
};

TEST_CASE_FIXTURE(Several, "S3 a timeout throws TimeoutError and leaves the job alone") {
  CHECK(message_of<TimeoutError>([&] { return futures[0].result(5ms); }) ==
        "hold (job " + futures[0].id().text() + ") has not ended within 5 ms; the job is left alone");
  const auto tied = client.submit(Options().abandon(Abandon::cancel), "hold");
  CHECK(
      message_of<TimeoutError>([&] { return tied.value(5ms); }) ==
      "hold (job " + tied.id().text() +
          ") has not ended within 5 ms; the job goes on, and is cancelled when its client goes before it has "
          "ended (abandon)");
  CHECK_THROWS_AS(static_cast<void>(futures[0].exception(1ms)), TimeoutError);
  CHECK_FALSE(futures[0].wait(1ms));
  CHECK_FALSE(futures[0].done());
  end(0);
  CHECK(futures[0].result(kPatience) == 0);
  CHECK(daemon.received<message::Cancel>().empty());
}

TEST_CASE_FIXTURE(Several, "waits in several threads end with their own job only") {
  std::atomic<int> ended{0};
  std::vector<std::jthread> threads;
  for (auto& future : futures) {
    threads.emplace_back([&] {
      static_cast<void>(future.result(kPatience));
      ++ended;
    });
  }
  end(1);
  CHECK(eventually([&] { return ended == 1; }));
  CHECK_FALSE(futures[0].done());
  end(0);
  end(2);
  threads.clear();
  CHECK(ended == 3);
}

TEST_CASE_FIXTURE(Several, "S4 as_completed hands out futures in the order in which they are done") {
  std::vector<int> order;
  end(2);
  futures[2].wait(kPatience);
  for (auto& future : as_completed(futures, kPatience)) {
    order.push_back(future.result(0ms));
    if (order.size() == 1) end(0);
    if (order.size() == 2) end(1);
  }
  CHECK(order == std::vector<int>{2, 0, 1});
}

TEST_CASE_FIXTURE(Several, "S4 as_completed throws when its timeout is over, and says how many are missing") {
  end(1);
  std::vector<int> seen;
  const std::string text = message_of<TimeoutError>([&] {
    for (auto& future : as_completed(futures, 50ms)) seen.push_back(future.result(0ms));
    return 0;
  });
  CHECK(text ==
        std::to_string(3 - seen.size()) + " of 3 futures have not ended in time; their jobs are left alone");
}

TEST_CASE_FIXTURE(Several,
                  "S4 S6 as_completed that throws tells of jobs that are cancelled with their client") {
  const auto told = [&](std::vector<Future<int>> all) {
    return message_of<TimeoutError>([&] {
      for (auto& future : as_completed(all, 0ms)) static_cast<void>(future);
      return 0;
    });
  };
  const auto tied = client.submit<int>(Options().abandon(Abandon::cancel), "hold");
  CHECK(told({futures[0], tied}) ==
        "2 of 2 futures have not ended in time; their jobs go on; 1 of 2 is cancelled if its client goes "
        "before it has ended (abandon)");
  CHECK(told({tied, tied}) ==
        "2 of 2 futures have not ended in time; their jobs go on; 2 of 2 are cancelled if their client goes "
        "before they have ended (abandon)");
}

TEST_CASE_FIXTURE(Several,
                  "S4 wait returns with what is done when the first is, the first fails, or all are") {
  end(0);
  const auto first = promised::wait(futures, kPatience, When::first_completed);
  CHECK(first.done == std::vector{futures[0]});
  CHECK(first.not_done.size() == 2);
  fail(1);
  const auto failed = promised::wait(futures, kPatience, When::first_exception);
  CHECK(std::find(failed.done.begin(), failed.done.end(), futures[1]) != failed.done.end());
  CHECK(failed.not_done == std::vector{futures[2]});
  end(2);
  const auto all = promised::wait(futures, kPatience);
  CHECK(all.done.size() == 3);
  CHECK(all.not_done.empty());
}

TEST_CASE_FIXTURE(Several, "S4 wait returns at its timeout with how things stand") {
  end(0);
  futures[0].wait(kPatience);
  const auto waited = promised::wait(futures, 1ms);
  CHECK(waited.done == std::vector{futures[0]});
  CHECK(waited.not_done.size() == 2);
}

TEST_CASE("S4 futures of several clients and types are waited for together") {
  Several one;
  Several other;
  std::vector<AnyFuture> all{one.futures[0], other.futures[0]};
  other.end(0);
  one.end(0);
  std::size_t count = 0;
  for (auto& future : as_completed(all, kPatience)) {
    CHECK(future.done());
    ++count;
  }
  CHECK(count == 2);
  CHECK(promised::wait(all, 0ms).done.size() == 2);
}

TEST_CASE("S4 nothing to wait for is done at once") {
  const std::vector<Future<int>> none;
  for (auto& future : as_completed(none)) FAIL(future.id().text());
  CHECK(promised::wait(none).done.empty());
}

TEST_CASE_FIXTURE(Several, "S3 a done-callback runs once its future is done, on a thread of its own") {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<int> seen;
  std::thread::id where;
  futures[0].add_done_callback([&](const Future<int>& done) {
    const int value = done.result(0ms);
    // A callback may wait for other futures.
    const int other = futures[1].result(kPatience);
    const std::lock_guard lock(mutex);
    seen = value + other;
    where = std::this_thread::get_id();
    changed.notify_one();
  });
  end(0);
  end(1);
  std::unique_lock lock(mutex);
  REQUIRE(changed.wait_for(lock, kPatience, [&] { return seen.has_value(); }));
  CHECK(seen == 1);
  CHECK(where != std::this_thread::get_id());
}

TEST_CASE_FIXTURE(Several, "S3 a done-callback added to a done future runs at once") {
  end(0);
  futures[0].wait(kPatience);
  std::thread::id where;
  futures[0].add_done_callback([&](const AnyFuture&) { where = std::this_thread::get_id(); });
  CHECK(where == std::this_thread::get_id());
}

TEST_CASE_FIXTURE(Several, "S3 an exception in a done-callback is logged and does not stop the others") {
  std::atomic<int> ran{0};
  futures[0].add_done_callback([](const AnyFuture&) { throw std::runtime_error("careless"); });
  futures[0].add_done_callback([](const AnyFuture&) { throw 42; });
  futures[0].add_done_callback([&](const AnyFuture&) { ++ran; });
  end(0);
  CHECK(eventually([&] { return ran == 1; }));
  const std::string subject = "a callback of hold (job " + futures[0].id().text() + ") threw";
  CHECK(log.has(subject + ": careless"));
  CHECK(log.has(subject + " something that is no std::exception"));
}

TEST_CASE_FIXTURE(Several, "a callback keeps its future alive until it has run") {
  std::atomic<int> value{-1};
  futures[2].add_done_callback([&](const Future<int>& done) { value = done.result(0ms); });
  const JobId id = futures[2].id();
  futures.pop_back();
  daemon.answer(daemon.wait_for<message::Submit>(3), succeeded(id), encoded(Value(std::int64_t{7})));
  CHECK(eventually([&] { return value == 7; }));
}

}  // namespace
}  // namespace promised
