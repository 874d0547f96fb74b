// SPDX-License-Identifier: Apache-2.0
// SEMANTICS S8: co_await of a future.
#include <doctest/doctest.h>

#include <atomic>
#include <coroutine>
#include <functional>
#include <thread>

#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

/// Starts when it is awaited, and goes on with who awaited it.
template <class T>
struct Task {
  struct promise_type {
    Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() { return {}; }
    auto final_suspend() noexcept {
      struct Back {
        bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> h) noexcept {
          return h.promise().awaiting;
        }
        void await_resume() noexcept {}
      };
      return Back{};
    }
    void return_value(T v) { value = std::move(v); }
    void unhandled_exception() { error = std::current_exception(); }
    std::coroutine_handle<> awaiting;
    std::exception_ptr error;
    T value{};
  };
  std::coroutine_handle<promise_type> handle;

  bool await_ready() { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> h) {
    handle.promise().awaiting = h;
    return handle;
  }
  T await_resume() {
    const std::exception_ptr error = handle.promise().error;
    T value = std::move(handle.promise().value);
    handle.destroy();
    if (error) std::rethrow_exception(error);
    return value;
  }
};

struct Seen {
  std::string text;
  std::thread::id thread;
  std::atomic<bool> there{false};
};

Task<std::string> text_of(Future<std::string> future) {
  co_return co_await future + "!";
}

template <class F>
Detached see(F what, Seen& seen) {
  try {
    seen.text = co_await what();
  } catch (const std::exception& e) {
    seen.text = e.what();
  }
  seen.thread = std::this_thread::get_id();
  seen.there = true;
}

void end(FakeDaemon& daemon, const AnyFuture& future, const std::string& value) {
  daemon.answer(daemon.wait_for<message::Submit>(), succeeded(future.id()), encoded(Value(value)));
}

TEST_CASE_FIXTURE(Fixture, "S8 co_await gives the result, on the thread for callbacks") {
  Client client(options());
  const auto future = client.submit<std::string>("hold");
  Seen seen;
  see([&] { return text_of(future); }, seen);
  CHECK_FALSE(seen.there);
  end(daemon, future, "done");
  REQUIRE(eventually([&] { return seen.there.load(); }));
  CHECK(seen.text == "done!");
  CHECK(seen.thread != std::this_thread::get_id());
}

TEST_CASE_FIXTURE(Fixture, "S8 co_await of a future that is done does not suspend") {
  Client client(options());
  const auto future = client.submit<std::string>("echo", "here");
  future.wait(kPatience);
  Seen seen;
  see([&] { return text_of(future); }, seen);
  CHECK(seen.text == "here!");
  CHECK(seen.thread == std::this_thread::get_id());
}

TEST_CASE_FIXTURE(Fixture, "S8 co_await throws what the job ended with") {
  Client client(options());
  Seen seen;
  see([&] { return text_of(client.submit<std::string>("fail")); }, seen);
  REQUIRE(eventually([&] { return seen.there.load(); }));
  CHECK(contains(seen.text, "std::runtime_error: disk full"));
}

Detached await_on(Future<std::string> future, std::function<void(std::function<void()>)> executor,
                  Seen& seen) {
  seen.text = co_await future.on(executor);
  seen.thread = std::this_thread::get_id();
  seen.there = true;
}

TEST_CASE_FIXTURE(Fixture, "S8 with on() the coroutine goes on where the executor runs it") {
  Client client(options());
  const auto future = client.submit<std::string>("hold");
  std::mutex mutex;
  std::vector<std::function<void()>> tasks;
  const auto executor = [&](std::function<void()> task) {
    const std::lock_guard lock(mutex);
    tasks.push_back(std::move(task));
  };
  Seen seen;
  await_on(future, executor, seen);
  end(daemon, future, "here");
  REQUIRE(eventually([&] {
    const std::lock_guard lock(mutex);
    return tasks.size() == 1;
  }));
  CHECK_FALSE(seen.there);
  tasks[0]();
  CHECK(seen.text == "here");
  CHECK(seen.thread == std::this_thread::get_id());
}

Detached sum(Client& client, std::atomic<int>& total) {
  int all = 0;
  for (int i = 1; i <= 100; ++i) all += co_await client.submit<int>("echo", i);
  total = all;
}

TEST_CASE_FIXTURE(Fixture, "S8 one coroutine may await many futures, also ones that nobody else holds") {
  Client client(options());
  std::atomic<int> total{0};
  sum(client, total);
  CHECK(eventually([&] { return total == 5050; }));
}

TEST_CASE_FIXTURE(Fixture,
                  "S8 S7 a daemon that is gone for too long ends a co_await, and so does a closed client") {
  ClientOptions hasty = options();
  hasty.connect_timeout = 30ms;
  Client client(hasty);
  await_greeting(client);
  const auto future = client.submit<std::string>("hold");
  future.accepted(kPatience);
  Seen gone;
  see([&] { return text_of(future); }, gone);
  daemon.stop();
  REQUIRE(eventually([&] { return gone.there.load(); }));
  CHECK(contains(gone.text, "has been gone for more than 30 ms"));
  Seen later;
  see([&] { return text_of(future); }, later);
  CHECK(later.there);
  CHECK(contains(later.text, "has been gone for more than 30 ms"));
  daemon.start();
  REQUIRE(eventually(
      [&] { return message_of<DisconnectedError>([&] { return client.cancel("x"); }) == "threw nothing"; }));
  Seen closed;
  see([&] { return text_of(future); }, closed);
  static_cast<void>(client.close());
  CHECK(closed.there);
  CHECK(contains(closed.text, "the client was closed before this came to an end"));
}

/// Lets its caller have what it throws. It is at its end then, and its handle has to be destroyed.
struct Careless {
  struct promise_type {
    Careless get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { throw; }
  };
  std::coroutine_handle<promise_type> handle;
};

Careless careless(Future<std::string> future) {
  co_await future;
  throw std::runtime_error("careless");
}

TEST_CASE_FIXTURE(Fixture, "S8 what a coroutine throws into the thread for callbacks is logged") {
  Client client(options());
  const auto future = client.submit<std::string>("hold");
  const Careless coroutine = careless(future);
  end(daemon, future, "done");
  CHECK(eventually([&] {
    return log.has("a coroutine that waited for hold (job " + future.id().text() + ") threw: careless");
  }));
  coroutine.handle.destroy();
}

TEST_CASE_FIXTURE(Fixture, "S8 a coroutine that is destroyed while it waits is not resumed") {
  Client client(options());
  const auto future = client.submit<std::string>("hold");
  bool resumed = false;
  {
    Task<std::string> task = [](Future<std::string> f, bool& r) -> Task<std::string> {
      std::string text = co_await f;
      r = true;
      co_return text;
    }(future, resumed);
    task.handle.resume();
    task.handle.destroy();
  }
  std::atomic<bool> told{false};
  future.add_done_callback([&](const AnyFuture&) { told = true; });  // comes after it
  end(daemon, future, "done");
  CHECK(eventually([&] { return told.load(); }));
  CHECK_FALSE(resumed);
}

}  // namespace
}  // namespace promised
