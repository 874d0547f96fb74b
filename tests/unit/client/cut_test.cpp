// SPDX-License-Identifier: Apache-2.0
// No wait hangs when the connection is cut under it (SEMANTICS S7): each call that blocks is under way when
// the daemon's end of the connection goes, and ends once there is one again.
#include <doctest/doctest.h>

#include <coroutine>
#include <exception>
#include <future>
#include <thread>

#include "common/ids.hpp"
#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;
using Job = const Future<int>&;

struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { throw; }
  };
};

Detached await_it(Future<int> future, std::promise<int> value) {
  try {
    value.set_value(co_await future);
  } catch (...) {
    value.set_exception(std::current_exception());
  }
}

struct Case {
  const char* name;
  std::function<void(Client&, Job)> call;
  bool asks;  ///< with a request of its own
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"result", [](Client&, Job job) { CHECK(job.result() == 1); }, false},
      {"value", [](Client&, Job job) { CHECK(job.value() == to_value(1)); }, false},
      {"exception", [](Client&, Job job) { CHECK(job.exception() == nullptr); }, false},
      {"failure", [](Client&, Job job) { CHECK_FALSE(job.failure()); }, false},
      {"wait", [](Client&, Job job) { CHECK(job.wait()); }, false},
      {"wait()", [](Client&, Job job) { CHECK(promised::wait(std::vector{job}).done.size() == 1); }, false},
      {"as_completed",
       [](Client&, Job job) {
         for (auto& done : as_completed(std::vector{job})) CHECK(done.result() == 1);
       },
       false},
      {"co_await",
       [](Client&, Job job) {
         std::promise<int> value;
         std::future<int> awaited = value.get_future();
         await_it(job, std::move(value));
         CHECK(awaited.get() == 1);
       },
       false},
      {"take", [](Client&, Job job) { CHECK(job.take() == 1); }, false},
      {"accepted", [](Client& client, Job) { client.submit("silent").accepted(); }, true},
      {"map",
       [](Client& client, Job) {
         for (const int n : client.map<int>("silent", std::vector{1})) CHECK(n == 1);
       },
       true},
      {"accepted by id", [](Client& client, Job job) { client.future(job.id()).accepted(); }, true},
      {"state", [](Client&, Job job) { CHECK(is_ended(job.state())); }, true},
      {"running", [](Client&, Job job) { CHECK_FALSE(job.running()); }, true},
      {"cancel", [](Client& client, Job job) { CHECK(client.cancel(job.id())); }, true},
      {"forget", [](Client& client, Job job) { CHECK(client.forget(job.id())); }, true},
      {"remember", [](Client& client, Job job) { client.remember(job.id(), "n"); }, true},
      {"status", [](Client& client, Job) { CHECK(client.status().pid == 7); }, true},
      {"jobs", [](Client& client, Job) { CHECK(client.jobs().jobs.empty()); }, true},
      {"show", [](Client& client, Job job) { CHECK(client.show(job.id()).name == "n"); }, true},
      {"futures: size", [](Client& client, Job) { CHECK(client.futures().size() == 3); }, true},
      {"futures: find", [](Client& client, Job) { CHECK(client.futures().contains("n")); }, true},
      {"futures: iterate",
       [](Client& client, Job) {
         const Futures futures = client.futures();
         CHECK(futures.begin() == futures.end());
       },
       true},
      {"shutdown", [](Client& client, Job) { client.shutdown(); }, false},
      {"close", [](Client& client, Job) { static_cast<void>(client.close(kPatience)); }, false},
  };
  return all;
}

/// Welcomes, accepts what is to be held, and says no more.
void say_little(FakeDaemon& daemon, const FakeDaemon::Message& m) {
  const bool hello = std::holds_alternative<message::Hello>(m.request.body);
  if (hello || std::holds_alternative<message::Submit>(m.request.body)) FakeDaemon::serve(daemon, m);
}

/// Answers everything: the jobs have ended.
void say_all(FakeDaemon& daemon, const FakeDaemon::Message& m) {
  const auto end = [&](const JobId& id) { daemon.answer(m, succeeded(id), encoded(to_value(1))); };
  if (const auto* watch = std::get_if<message::Watch>(&m.request.body)) {
    end(watch->key.id);
  } else if (const auto* submit = std::get_if<message::Submit>(&m.request.body)) {
    end(submit->id);
  } else if (const auto* list = std::get_if<message::List>(&m.request.body)) {
    if (list->count) {
      daemon.answer(m, message::Count{3});
    } else {
      daemon.answer(m, message::Jobs{});
    }
  } else if (std::holds_alternative<message::Show>(m.request.body)) {
    message::Jobs one;
    one.jobs.resize(1);
    one.jobs[0].id = new_job_id();
    one.jobs[0].name = "n";
    daemon.answer(m, one);
  } else if (std::holds_alternative<message::StatusQuery>(m.request.body)) {
    message::Status status;
    status.view.pid = 7;
    daemon.answer(m, status);
  } else {
    FakeDaemon::serve(daemon, m);
  }
}

TEST_CASE("S7 no wait hangs when the connection is cut under it") {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    Fixture scene;
    scene.daemon.become(say_little);
    Client client(scene.options());
    const auto job = client.submit<int>("hold");
    job.accepted(kPatience);
    scene.daemon.forget_record();
    {
      std::jthread blocked([&] { c.call(client, job); });
      if (c.asks) {
        REQUIRE(eventually([&] { return scene.daemon.requests() > 0; }));
      }
      scene.daemon.stop();
      scene.daemon.become(say_all);
      scene.daemon.start();
    }
  }
}

}  // namespace
}  // namespace promised
