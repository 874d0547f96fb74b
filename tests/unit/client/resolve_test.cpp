// SPDX-License-Identifier: Apache-2.0
// Handlers that run in passes.
#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <thread>

#include "common/ids.hpp"
#include "tests/unit/client/resolve_fixture.hpp"

namespace promised {
namespace {

using namespace test;
using Strings = std::vector<std::string>;

TEST_CASE_FIXTURE(Resolving, "F5 a handler that promises nothing runs once") {
  CHECK(resolve(client, [](Pass& pass) { return pass.number(); }) == 1);
  int runs = 0;
  resolve(client, [&](Pass&) { ++runs; });
  CHECK(runs == 1);
  const auto owned = resolve(client, [](Pass&) { return std::make_unique<int>(7); });
  CHECK(*owned == 7);
}

TEST_CASE_FIXTURE(Resolving, "F5 passes follow each other until one promises nothing") {
  const Strings seen = resolve(client, [&](Pass& pass) -> Strings {
    const auto a = pass.result_or_submit<std::string>("a", "", "echo", "first");
    if (a.empty()) return {"dropped"};
    const auto b = pass.result_or_submit<std::string>("b", "", "echo", "after " + a);
    return {std::to_string(pass.number()), a, b};
  });
  CHECK(seen == Strings{"3", "first", "after first"});
  CHECK(arguments() == Strings{"first", "after first"});
}

TEST_CASE_FIXTURE(Resolving, "F5 all promises of a pass are out before the first of them is answered") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (!std::holds_alternative<message::Submit>(m.request.body)) return FakeDaemon::serve(d, m);
    const auto all = d.received<message::Submit>();
    if (all.size() < 5) return;
    for (const FakeDaemon::Message& submit : all) FakeDaemon::serve(d, submit);
  });
  const Strings texts = resolve(
      client,
      [&](Pass& pass) {
        Strings parts;
        for (const char* const key : {"e", "d", "c", "b", "a"}) {
          parts.push_back(pass.result_or_submit<std::string>(key, "", "echo", key));
        }
        return parts;
      },
      ResolveOptions().timeout(kPatience));
  CHECK(texts == Strings{"e", "d", "c", "b", "a"});
  CHECK_MESSAGE(arguments() == texts, "they are submitted in the order of promising");
}

TEST_CASE_FIXTURE(Resolving,
                  "F5 a missing future that leaves the handler ends a pass that promised something") {
  const std::string text = resolve(client, [&](Pass& pass) {
    if (!pass.is_resolved("head")) pass.submit("head", "echo", "text");
    return pass.result<std::string>("head");
  });
  CHECK(text == "text");
}

TEST_CASE_FIXTURE(Resolving, "F5 a missing future that leaves a handler without promises is thrown") {
  CHECK(contains(message_of<FutureNotSubmitted>(
                     [&] { return resolve(client, [](Pass& pass) { return pass.result<int>("never"); }); }),
                 "\"never\""));
}

TEST_CASE_FIXTURE(Resolving,
                  "F5 hooks of a dropped pass run in reverse, without the value, before its promises") {
  Strings story;
  const auto part = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = part;
  const auto value = resolve(client, [&](Pass& pass) {
    const std::string n = std::to_string(pass.number());
    story.push_back("begin " + n);
    pass.on_abort([&, n] {
      CHECK_MESSAGE(watched.use_count() == 1, "the value of the pass is gone");
      CHECK_MESSAGE(functions().empty(), "nothing runs before the pass is rolled back");
      story.push_back("undo first " + n);
    });
    pass.on_abort([&, n] { story.push_back("undo second " + n); });
    pass.result_or_submit<std::string>("a", "", "echo", "a");
    return part;
  });
  CHECK(story == Strings{"begin 1", "undo second 1", "undo first 1", "begin 2"});
  CHECK(value == part);
}

TEST_CASE_FIXTURE(Resolving, "F5 a hook that throws ends it after the others, and nothing runs") {
  Strings story;
  CHECK(message_of<std::runtime_error>([&] {
          return resolve(client, [&](Pass& pass) {
            pass.on_abort([&] {
              story.push_back("first");
              throw std::logic_error("too");
            });
            pass.on_abort([&] { story.push_back("second"); });
            pass.on_abort([] { throw std::runtime_error("no connection to roll back on"); });
            pass.submit("a", "echo", "a");
            return 0;
          });
        }) == "no connection to roll back on");
  CHECK(story == Strings{"second", "first"});
  CHECK(log.lines() == Strings{"an on_abort hook threw: too"});
  CHECK(client.close(kPatience).empty());
  CHECK(functions().empty());
}

TEST_CASE_FIXTURE(Resolving,
                  "F5 what a handler throws is thrown after its hooks, and its promises do not run") {
  Strings story;
  CHECK(message_of<std::runtime_error>([&] {
          return resolve(client, [&](Pass& pass) -> int {
            pass.on_abort([&] { story.push_back("undone"); });
            pass.on_abort([] { throw 7; });
            pass.submit("a", "echo", "a");
            throw std::runtime_error("a bug");
          });
        }) == "a bug");
  CHECK(story == Strings{"undone"});
  CHECK(log.lines() == Strings{"an on_abort hook threw: something that is no std::exception"});
  CHECK(client.close(kPatience).empty());
  CHECK(functions().empty());
}

TEST_CASE_FIXTURE(Resolving, "F5 the hooks of the last pass do not run") {
  resolve(client, [](Pass& pass) { pass.on_abort([] { FAIL("rolled back what is good"); }); });
}

TEST_CASE_FIXTURE(Resolving, "F5 more than max_passes passes throw and name the keys") {
  int runs = 0;
  int undone = 0;
  const auto endless = [&](Pass& pass) {
    ++runs;
    pass.on_abort([&] { ++undone; });
    pass.submit("key " + std::to_string(pass.number()), "echo", "x");
    pass.submit("other " + std::to_string(pass.number()), "null");
    return 0;
  };
  CHECK(message_of<TooManyPasses>([&] { return resolve(client, endless); }) ==
        "the handler still promised something in pass 8, the last that max_passes allows: \"key 8\" (echo); "
        "\"other 8\" (null); does it ask for each result under the key that it was promised under?");
  CHECK(runs == 8);
  CHECK(undone == 8);
  CHECK_MESSAGE(functions().size() == 14, "those of the last pass do not run");
  try {
    resolve(client, endless, ResolveOptions().max_passes(2));
  } catch (const TooManyPasses& e) {
    CHECK(e.keys() == Strings{"key 2", "other 2"});
  }
  CHECK(runs == 10);
  CHECK(message_of<Error>([&] { return resolve(client, endless, ResolveOptions().max_passes(0)); }) ==
        "max_passes: expected at least 1, found 0");
}

TEST_CASE_FIXTURE(Resolving, "F5 of very many keys a message names the first ten") {
  const std::string text = message_of<TooManyPasses>([&] {
    return resolve(
        client,
        [](Pass& pass) {
          for (int i = 0; i < 13; ++i) pass.submit(std::to_string(i), "f");
          return 0;
        },
        ResolveOptions().max_passes(1));
  });
  CHECK(contains(text, "\"0\" (f); \"1\" (f);"));
  CHECK(contains(text, "\"9\" (f); and 3 more; does"));
}

TEST_CASE_FIXTURE(Resolving, "F5 jobs that take longer than the timeout are named, and left alone") {
  const std::string text = message_of<TimeoutError>([&] {
    return resolve(
        client,
        [](Pass& pass) {
          pass.submit("slow", "hold");
          return 0;
        },
        ResolveOptions().timeout(1ms));
  });
  CHECK(text == "1 of 1 promises have not ended within 1 ms: \"slow\", which is hold (job " +
                    submitted().id.text() + "); their jobs are left alone");
  CHECK(client.close(kPatience).empty());
  CHECK(daemon.received<message::Cancel>().empty());
}

TEST_CASE_FIXTURE(Resolving, "F5 S6 a timeout tells of jobs that are cancelled with their client") {
  const std::string text = message_of<TimeoutError>([&] {
    return resolve(
        client,
        [](Pass& pass) {
          pass.submit("slow", Options().abandon(Abandon::cancel), "hold");
          return 0;
        },
        ResolveOptions().timeout(1ms));
  });
  CHECK(contains(text,
                 "; their jobs go on; 1 of 1 is cancelled if its client goes before it has ended "
                 "(abandon)"));
}

TEST_CASE_FIXTURE(Resolving, "F5 jobs without a name are cancelled at the timeout where that is said") {
  const std::string text = message_of<TimeoutError>([&] {
    return resolve(
        client,
        [](Pass& pass) {
          pass.submit("named", Options().remember("x"), "hold");
          pass.submit("unnamed", "hold");
          return 0;
        },
        ResolveOptions().timeout(1ms).unfinished(Unfinished::cancel));
  });
  CHECK(contains(text, "2 of 2 promises have not ended within 1 ms: "));
  CHECK(contains(text, "; those without a name are cancelled"));
  const auto cancel = std::get<message::Cancel>(daemon.wait_for<message::Cancel>().request.body);
  CHECK(cancel.key.id == submitted(2).id);
  CHECK(client.close(kPatience).empty());
  CHECK(daemon.received<message::Cancel>().size() == 1);
}

TEST_CASE_FIXTURE(Resolving, "F5 a daemon that is gone for too long ends it") {
  ClientOptions impatient = options();
  impatient.connect_timeout = 20ms;
  Client other(impatient);
  await_greeting(other);
  std::thread killer([&] {
    static_cast<void>(daemon.wait_for<message::Submit>());
    daemon.stop();
  });
  CHECK_THROWS_AS(resolve(other,
                          [](Pass& pass) {
                            pass.submit("a", "hold");
                            return 0;
                          }),
                  DisconnectedError);
  killer.join();
}

TEST_CASE_FIXTURE(Resolving,
                  "F5 a published placeholder is returned at once, and what has no name does not run") {
  int undone = 0;
  const std::string text = resolve(
      client,
      [&](Pass& pass) {
        pass.publish_placeholder();
        pass.on_abort([&] { ++undone; });
        pass.submit("unnamed", "hold");
        return pass.result_or_submit<std::string>("named", "soon", Options().remember("x"), "hold");
      },
      ResolveOptions().unfinished(Unfinished::cancel));
  CHECK(text == "soon");
  CHECK(undone == 0);
  CHECK(client.close(kPatience).empty());
  CHECK(functions() == Strings{"hold"});
  CHECK(submitted().options.name() == "x");
  CHECK(daemon.received<message::Cancel>().empty());
}

TEST_CASE_FIXTURE(Resolving, "F5 a placeholder is published when the patience is over, not before") {
  const auto with = [&](const std::string& function, std::chrono::milliseconds patience) {
    return resolve(
        client,
        [&](Pass& pass) {
          pass.publish_placeholder(patience);
          return pass.result_or_submit<std::string>("part", "soon", function, "there");
        },
        ResolveOptions().unfinished(Unfinished::cancel));
  };
  CHECK(with("echo", kPatience) == "there");
  CHECK(with("hold", 1ms) == "soon");
  const auto cancel = std::get<message::Cancel>(daemon.wait_for<message::Cancel>().request.body);
  CHECK(cancel.key.id == submitted(2).id);
}

TEST_CASE_FIXTURE(Resolving, "F5 a pass that a missing future ends has no placeholder to publish") {
  const std::string text = resolve(client, [&](Pass& pass) {
    pass.publish_placeholder();
    if (!pass.is_resolved("part")) pass.submit("part", "echo", "there");
    return pass.result<std::string>("part");
  });
  CHECK(text == "there");
}

TEST_CASE_FIXTURE(Resolving, "F5 a daemon that is gone ends the patience, after the hooks") {
  ClientOptions impatient = options();
  impatient.connect_timeout = 20ms;
  Client other(impatient);
  await_greeting(other);
  int undone = 0;
  std::thread killer([&] {
    static_cast<void>(daemon.wait_for<message::Submit>());
    daemon.stop();
  });
  CHECK_THROWS_AS(resolve(other,
                          [&](Pass& pass) {
                            pass.publish_placeholder(kPatience);
                            pass.on_abort([&] { ++undone; });
                            pass.submit("a", "hold");
                            return 0;
                          }),
                  DisconnectedError);
  killer.join();
  CHECK(undone == 1);
}

TEST_CASE_FIXTURE(Resolving, "F5 a placeholder is published instead of one pass too many") {
  int undone = 0;
  const int last = resolve(
      client,
      [&](Pass& pass) {
        pass.publish_placeholder(kPatience);
        pass.on_abort([&] { ++undone; });
        pass.submit(std::to_string(pass.number()), "echo", "x");
        return pass.number();
      },
      ResolveOptions().max_passes(3));
  CHECK(last == 3);
  CHECK(undone == 2);
}

TEST_CASE_FIXTURE(Resolving,
                  "F7 a promise that fails is resolved: the next pass rethrows it, and it is logged") {
  const std::string text = resolve(client, [&](Pass& pass) {
    std::string head;
    try {
      head = pass.result_or_submit<std::string>("head", "", "fail");
    } catch (const JobFailed& e) {
      head = e.failure().message;
    }
    return head + ", and " + pass.result_or_submit<std::string>("tail", "", "echo", "tail");
  });
  CHECK(text == "disk full, and tail");
  CHECK(log.lines() == Strings{"the promise \"head\" came to no value: fail (job " + submitted(1).id.text() +
                               ") failed (exception): std::runtime_error: disk full\nlast output of the "
                               "worker:\nline 1\nline 2"});
}

TEST_CASE_FIXTURE(Resolving, "F7 a promise that is refused is resolved by that, and logged once") {
  resolve(client, [&](Pass& pass) {
    if (pass.number() == 1) return pass.submit("head", "refuse");
    CHECK(message_of<RefusedError>([&] { return pass.result("head"); }) == "no pool offers refuse");
  });
  CHECK(client.close(kPatience).empty());
  CHECK(log.lines() == Strings{"the promise \"head\" came to no value: no pool offers refuse"});
}

TEST_CASE_FIXTURE(Resolving, "several resolves in several threads share one client") {
  constexpr int kThreads = 8;
  std::vector<std::thread> threads;
  std::vector<Strings> results(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      results[static_cast<std::size_t>(t)] = resolve(client, [t](Pass& pass) {
        Strings parts;
        for (const std::string key : {"a", "b", "c"}) {
          parts.push_back(pass.result_or_submit<std::string>(key, "", "echo", key + std::to_string(t)));
        }
        return parts;
      });
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < kThreads; ++t) {
    const std::string n = std::to_string(t);
    CHECK(results[static_cast<std::size_t>(t)] == Strings{"a" + n, "b" + n, "c" + n});
  }
}

}  // namespace
}  // namespace promised
