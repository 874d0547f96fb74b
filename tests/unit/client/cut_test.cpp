// SPDX-License-Identifier: Apache-2.0
// No wait hangs when the connection is cut under it (SEMANTICS S7): each call that blocks is under way when
// the daemon's end of the connection goes, and ends once there is one again.
#include <doctest/doctest.h>
#include <promised/resolve.hpp>

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

Detached await_it(Future<int> future, std::promise<int> value) {
  try {
    value.set_value(co_await future);
  } catch (...) {
    value.set_exception(std::current_exception());
  }
}

/// What is done once is not asked for again: it may have been done (Client::check_store).
void check_interrupted(const std::function<void()>& call) {
  try {
    call();
    FAIL_CHECK("it was done, or done twice");
  } catch (const RefusedError& e) {
    CHECK(e.code() == "interrupted");
  }
}

int resolved(Client& client) {
  return resolve(client, [](Pass& pass) { return pass.result_or_submit<int>("key", 0, "silent"); });
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
      {"by name", [](Client& client, Job) { CHECK(client.future<int>("n").result() == 1); }, true},
      {"take by name", [](Client& client, Job) { CHECK(client.future<int>("n").take() == 1); }, true},
      {"parts: next", [](Client&, Job job) { CHECK(job.parts<int>().next() == 1); }, true},
      {"parts: iterate",
       [](Client&, Job job) {
         for (const int part : job.parts<int>()) CHECK(part == 1);
       },
       true},
      {"output", [](Client&, Job job) { CHECK(job.output() == "said"); }, true},
      {"follow_output",
       [](Client&, Job job) {
         for (const OutputPiece& piece : job.follow_output()) CHECK(piece.bytes == "said");
       },
       true},
      {"resolve", [](Client& client, Job) { CHECK(resolved(client) == 1); }, true},
      {"accepted", [](Client& client, Job) { client.submit("silent").accepted(); }, true},
      {"map",
       [](Client& client, Job) {
         for (const int n : client.map<int>("silent", std::vector{1})) CHECK(n == 1);
       },
       true},
      {"accepted by id", [](Client& client, Job job) { client.future(job.id()).accepted(); }, true},
      {"state", [](Client&, Job job) { CHECK(is_ended(job.state())); }, true},
      {"running", [](Client&, Job job) { CHECK_FALSE(job.running()); }, true},
      {"progress", [](Client&, Job job) { CHECK(job.progress().percent == 50); }, true},
      {"note: write", [](Client&, Job job) { CHECK(job.note("k", 1)); }, true},
      {"note: read", [](Client&, Job job) { CHECK(job.note<int>("k") == 1); }, true},
      {"notes", [](Client&, Job job) { CHECK(job.notes().size() == 1); }, true},
      {"timeout", [](Client&, Job job) { job.timeout(std::chrono::hours(1)); }, true},
      {"run_timeout", [](Client&, Job job) { job.run_timeout(std::chrono::hours(1)); }, true},
      {"future.cancel", [](Client&, Job job) { CHECK(job.cancel()); }, true},
      {"future.forget", [](Client&, Job job) { CHECK(job.forget()); }, true},
      {"future.remember", [](Client&, Job job) { job.remember("n"); }, true},
      {"cancel", [](Client& client, Job job) { CHECK(client.cancel(job.id())); }, true},
      {"cancel by name", [](Client& client, Job) { CHECK(client.cancel("n")); }, true},
      {"forget", [](Client& client, Job job) { CHECK(client.forget(job.id())); }, true},
      {"forget by name", [](Client& client, Job) { CHECK(client.forget("n")); }, true},
      {"remember", [](Client& client, Job job) { client.remember(job.id(), "n"); }, true},
      {"status", [](Client& client, Job) { CHECK(client.status().pid == 7); }, true},
      {"jobs", [](Client& client, Job) { CHECK(client.jobs().jobs.empty()); }, true},
      {"show", [](Client& client, Job job) { CHECK(client.show(job.id()).name == "n"); }, true},
      {"show_prefix", [](Client& client, Job) { CHECK(client.show_prefix("0190").name == "n"); }, true},
      {"show_last", [](Client& client, Job) { CHECK(client.show_last().name == "n"); }, true},
      {"check_store",
       [](Client& client, Job) { check_interrupted([&] { static_cast<void>(client.check_store()); }); },
       true},
      {"back_up_store", [](Client& client, Job) { check_interrupted([&] { client.back_up_store(); }); },
       true},
      {"compact_store", [](Client& client, Job) { check_interrupted([&] { client.compact_store(); }); },
       true},
      {"futures: size", [](Client& client, Job) { CHECK(client.futures().size() == 3); }, true},
      {"futures: find", [](Client& client, Job) { CHECK(client.futures().contains("n")); }, true},
      {"futures: at", [](Client& client, Job) { CHECK(client.futures().at("n").name() == "n"); }, true},
      {"futures: iterate",
       [](Client& client, Job) {
         const Futures futures = client.futures();
         CHECK(futures.begin() == futures.end());
       },
       true},
      {"shutdown", [](Client& client, Job) { client.shutdown(); }, false},
      {"shutdown: cancel", [](Client& client, Job) { client.shutdown(Shutdown::leave, NotBegun::cancel); },
       true},
      {"close",
       [](Client& client, Job) {
         const auto unaccepted = client.submit("silent");
         CHECK(client.close(kPatience).empty());
       },
       true},
      {"the destructor",
       [](Client& client, Job) {
         Client last = std::move(client);
         static_cast<void>(last.submit("silent"));
       },
       true},
  };
  return all;
}

/// Welcomes, accepts what is to be held, and says no more.
void say_little(FakeDaemon& daemon, const FakeDaemon::Message& m) {
  const bool hello = std::holds_alternative<message::Hello>(m.request.body);
  if (hello || std::holds_alternative<message::Submit>(m.request.body)) FakeDaemon::serve(daemon, m);
}

/// Answers everything: the jobs have ended, and each has streamed one part.
void say_all(FakeDaemon& daemon, const FakeDaemon::Message& m) {
  const auto end = [&](const JobId& id) {
    message::Ended ended = succeeded(id.empty() ? new_job_id() : id);
    ended.told.run = ended.told.parts = 1;
    daemon.answer(m, ended, encoded(to_value(1)));
  };
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
    one.jobs[0].progress = 50;
    one.jobs[0].notes = {{"k", encoded(to_value(1))}};
    daemon.answer(m, one);
  } else if (const auto* follow = std::get_if<message::Follow>(&m.request.body)) {
    message::News news;
    const std::string part = follow->parts ? encoded(to_value(1)) : std::string();
    news.run = 1;
    if (follow->parts) news.sizes = {static_cast<std::uint32_t>(part.size())};
    if (follow->output) news.output = "said";
    news.output_total = news.output.size();
    news.last = true;
    daemon.answer(m, news, part);
  } else if (const auto* note = std::get_if<message::SetNote>(&m.request.body)) {
    daemon.answer(m, message::Known{note->key.id, State::running, true});
  } else if (std::holds_alternative<message::Withdraw>(m.request.body)) {
    daemon.answer(m, message::Count{1});
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

TEST_CASE("S7 reach does not hang when the connection is cut before the daemon has greeted") {
  Fixture scene;
  scene.daemon.become([](FakeDaemon&, const FakeDaemon::Message&) {});
  Client client(scene.options());
  std::jthread blocked([&] { client.reach(); });
  REQUIRE(eventually([&] { return scene.daemon.requests() > 0; }));
  scene.daemon.stop();
  scene.daemon.become(say_all);
  scene.daemon.start();
}

}  // namespace
}  // namespace promised
