// SPDX-License-Identifier: Apache-2.0
// Results that nested resolves share, and those that stand under remembered names.
#include <doctest/doctest.h>

#include <stdexcept>
#include <thread>

#include "tests/unit/client/resolve_fixture.hpp"

namespace promised {
namespace {

using namespace test;
using Strings = std::vector<std::string>;

const JobId kHolder = *JobId::parse("01900000-0000-7000-8000-000000000001");

TEST_CASE_FIXTURE(Resolving,
                  "F6 a nested resolve sees what the outer passes resolved, and they see its results") {
  int inner_runs = 0;
  const auto part = [&](Pass& pass) {
    ++inner_runs;
    return pass.result<std::string>("outer", "unknown") + ", " +
           pass.result_or_submit<std::string>("inner", "", "echo", "of the inner");
  };
  Strings seen;
  // The part knows nothing of the pass that it is called in.
  const auto page = [&] { return resolve(client, part); };
  resolve(client, [&](Pass& pass) {
    seen.push_back(pass.result_or_submit<std::string>("outer", "…", "echo", "of the outer"));
    CHECK(pass.is_resolved("inner") == (pass.number() == 2));
    seen.push_back(page());
    CHECK(pass.result<std::string>("inner") == "of the inner");
  });
  CHECK(seen == Strings{"…", "unknown, of the inner", "of the outer", "of the outer, of the inner"});
  CHECK(inner_runs == 3);
  CHECK_MESSAGE(arguments() == (Strings{"of the inner", "of the outer"}),
                "the outer's promises wait for the end of its own pass");
}

TEST_CASE_FIXTURE(Resolving, "F6 a nested resolve that needs what the outer promised ends the outer pass") {
  const std::string text = resolve(client, [&](Pass& pass) {
    pass.result_or_submit<std::string>("outer", "", "echo", "outer");
    return resolve(client, [](Pass& inner) { return "inner of " + inner.result<std::string>("outer"); });
  });
  CHECK(text == "inner of outer");
}

TEST_CASE_FIXTURE(Resolving, "F6 a resolve within a pass takes over its client and options") {
  resolve(
      client,
      [&](Pass& pass) {
        const int sum =
            resolve(pass, [](Pass& inner) { return inner.result_or_submit<int>("a", 0, "echo", 1); });
        const int other = resolve(
            pass, [](Pass& inner) { return inner.result_or_submit<int>("b", 0, "echo", 2); },
            ResolveOptions());
        CHECK(sum + other == 3);
        CHECK(pass.result<int>("a") == 1);
        CHECK(pass.result<int>("b") == 2);
      },
      remember("page/", 1min));
  CHECK(submitted(1).options.name() == "page/a");
  CHECK(submitted(2).options.name().empty());
}

TEST_CASE_FIXTURE(Resolving,
                  "F6 a resolve within a pass is nested in it on any thread, others only on its own") {
  resolve(client, [&](Pass& pass) {
    if (pass.result_or_submit<std::string>("outer", "", "echo", "outer").empty()) return;
    std::thread other([&] {
      CHECK(resolve(pass, [](Pass& inner) { return inner.is_resolved("outer"); }));
      CHECK_FALSE(resolve(client, [](Pass& apart) { return apart.is_resolved("outer"); }));
    });
    other.join();
  });
}

TEST_CASE_FIXTURE(Resolving,
                  "F6 a result that was cleared by a nested resolve that threw runs anew all the same") {
  resolve(
      client,
      [&](Pass& pass) {
        if (pass.number() == 2) {
          CHECK_THROWS_AS(resolve(client,
                                  [](Pass& inner) {
                                    inner.clear("head");
                                    inner.submit("head", "fail");
                                    throw std::runtime_error("a bug");
                                  }),
                          std::runtime_error);
        }
        pass.result_or_submit<std::string>("head", "", "echo", "text");
      },
      remember("page/"));
  CHECK(std::get<message::Forget>(daemon.wait_for<message::Forget>().request.body).key.id == submitted(1).id);
  CHECK(functions() == Strings{"echo", "echo"});
}

TEST_CASE_FIXTURE(Resolving,
                  "F6 what a nested resolve promises in an outer's place is the outer's again if it throws") {
  const auto nested = [&](bool throws) {
    return resolve(client, [&](Pass& inner) {
      const auto text = inner.result_or_submit<std::string>("head", "", "echo", "inner");
      if (throws) throw std::runtime_error("a bug");
      return text;
    });
  };
  const auto page = [&](bool throws) {
    return resolve(client, [&](Pass& pass) {
      const auto text = pass.result_or_submit<std::string>("head", "", "echo", "outer");
      if (!throws) return nested(throws);
      CHECK_THROWS_AS(nested(throws), std::runtime_error);
      CHECK(pass.is_promised("head") == (pass.number() == 1));
      return text;
    });
  };
  CHECK(page(true) == "outer");
  CHECK(arguments() == Strings{"outer"});
  CHECK(page(false) == "inner");
  CHECK(arguments() == Strings{"outer", "inner"});
}

TEST_CASE_FIXTURE(Resolving,
                  "F6 what a nested resolve throws takes back its promises and leaves the outer's") {
  const std::string text = resolve(client, [&](Pass& pass) {
    const auto outer = pass.result_or_submit<std::string>("outer", "", "echo", "outer");
    CHECK_THROWS_AS(resolve(client,
                            [](Pass& inner) {
                              inner.submit("inner", "fail");
                              throw std::runtime_error("a bug");
                            }),
                    std::runtime_error);
    CHECK_FALSE(pass.is_promised("inner"));
    CHECK(pass.is_promised("outer") == (pass.number() == 1));
    return outer;
  });
  CHECK(text == "outer");
  CHECK(functions() == Strings{"echo"});
}

TEST_CASE_FIXTURE(Resolving, "F6 the outer timeout holds for the nested one") {
  CHECK(contains(message_of<TimeoutError>([&] {
                   return resolve(
                       client,
                       [&](Pass&) {
                         return resolve(client, [](Pass& inner) {
                           inner.submit("slow", "hold");
                           return 0;
                         });
                       },
                       ResolveOptions().timeout(1ms));
                 }),
                 "1 of 1 promises have not ended within 1 ms: \"slow\""));
}

TEST_CASE_FIXTURE(Resolving, "F6 resolves one after the other share nothing") {
  const auto head = [](Pass& pass) { return pass.result_or_submit<int>("head", 0, "echo", 1); };
  CHECK(resolve(client, head) + resolve(client, head) == 2);
  CHECK(functions().size() == 2);
}

TEST_CASE_FIXTURE(Resolving, "F8 keys are submitted under their names, to join who has them") {
  const auto handler = [](Pass& pass) {
    if (pass.number() > 1) return;
    pass.submit("head", "echo", "a");
    pass.submit("own", Options().remember("another", 5s, Duplicate::raise), "echo", "b");
  };
  resolve(client, handler, remember("page/ada/", 10min));
  CHECK(submitted(1).options == Options().remember("page/ada/head", 10min, Duplicate::attach));
  CHECK(submitted(2).options == Options().remember("another", 5s, Duplicate::raise));
  const auto name_of = [](std::string_view key) {
    return key == "head" ? std::string("heading") : std::string();
  };
  resolve(client, handler, remember(name_of));
  CHECK(submitted(3).options == Options().remember("heading", {}, Duplicate::attach));
  resolve(
      client, [](Pass& pass) { pass.result_or_submit<int>("unnamed", 0, "echo", 1); }, remember(name_of));
  CHECK(submitted(5).options.name().empty());
}

TEST_CASE_FIXTURE(Resolving, "F8 the result of the name's holder is the key's") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (!std::holds_alternative<message::Submit>(m.request.body)) return FakeDaemon::serve(d, m);
    d.answer(m, message::Known{kHolder, State::succeeded, false});
    d.answer(m, succeeded(kHolder), encoded(Value("from before")));
  });
  const auto head = [](Pass& pass) { return pass.result_or_submit<std::string>("head", "", "echo", "new"); };
  CHECK(resolve(client, head, remember("page/")) == "from before");
}

TEST_CASE_FIXTURE(Resolving, "F8 a holder that is gone before its result is there is replaced by a new run") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    const bool first = d.received<message::Submit>().size() == 1;
    if (!std::holds_alternative<message::Submit>(m.request.body) || !first) return FakeDaemon::serve(d, m);
    d.answer(m, message::Known{kHolder, State::succeeded, false});
    d.answer(m, message::Refused{"no_such_future", "job has lapsed", {}, State::lapsed});
  });
  const auto head = [](Pass& pass) { return pass.result_or_submit<std::string>("head", "", "echo", "new"); };
  CHECK(resolve(client, head, remember("page/")) == "new");
  CHECK(log.lines().empty());
  CHECK(submitted(1).id != submitted(2).id);
}

TEST_CASE_FIXTURE(Resolving,
                  "F8 holders that are gone again and again are an error, and so is one of no name") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (!std::holds_alternative<message::Submit>(m.request.body)) return FakeDaemon::serve(d, m);
    d.answer(m, message::Refused{"no_such_future", "job has lapsed", {}, State::lapsed});
  });
  const auto head = [](Pass& pass) { return pass.result_or_submit<std::string>("head", "", "echo", "new"); };
  CHECK(message_of<NoSuchFuture>([&] { return resolve(client, head, remember("page/")); }) ==
        "job has lapsed");
  CHECK(functions().size() == 3);
  CHECK_THROWS_AS(resolve(client, head), NoSuchFuture);
  CHECK(functions().size() == 4);
  CHECK_THROWS_AS(resolve(client, head, remember("page/").options(Options().at_most_once())), NoSuchFuture);
  CHECK(functions().size() == 5);
}

TEST_CASE_FIXTURE(Resolving, "F8 a cleared result's name is taken from its job before the key runs again") {
  resolve(
      client,
      [&](Pass& pass) {
        if (pass.number() == 2) CHECK(pass.clear("head"));
        pass.result_or_submit<std::string>("head", "", "echo", "text");
      },
      remember("page/"));
  const FakeDaemon::Message forget = daemon.wait_for<message::Forget>();
  CHECK(std::get<message::Forget>(forget.request.body).key.id == submitted(1).id);
  CHECK(std::get<message::Forget>(forget.request.body).key.name.empty());
  const FakeDaemon::Message again = daemon.wait_for<message::Submit>(2);
  CHECK(forget.request.number < again.request.number);
  CHECK(std::get<message::Submit>(again.request.body).options.duplicate() == Duplicate::attach);
}

}  // namespace
}  // namespace promised
