// SPDX-License-Identifier: Apache-2.0
// What a handler can do with its keys.
#include <doctest/doctest.h>

#include <map>
#include <optional>

#include "tests/unit/client/resolve_fixture.hpp"

namespace promised {
namespace {

using namespace test;
using Strings = std::vector<std::string>;

TEST_CASE_FIXTURE(Resolving, "F1 the result of a key that nobody promised throws FutureNotSubmitted") {
  resolve(client, [&](Pass& pass) {
    CHECK(message_of<FutureNotSubmitted>([&] { return pass.result("head"); }) ==
          "the future \"head\" is not there: nobody has promised it; promise it with submit() or "
          "result_or_submit(), or give a default");
    try {
      static_cast<void>(pass.result("head"));
    } catch (const FutureNotReady& e) {
      CHECK(e.key() == "head");
    }
    CHECK_FALSE(pass.is_promised("head"));
    CHECK_FALSE(pass.is_resolved("head"));
  });
  CHECK(functions().empty());
}

TEST_CASE_FIXTURE(Resolving, "F1 the result of a key that is promised and not run throws FutureNotResolved") {
  resolve(client, [&](Pass& pass) {
    if (pass.is_resolved("head")) return;
    pass.submit("head", "echo", "text");
    CHECK(pass.is_promised("head"));
    CHECK(message_of<FutureNotResolved>([&] { return pass.result("head"); }) ==
          "the future \"head\" is promised (echo) and not resolved: it runs when the pass is over; leave the "
          "pass, or give a default");
    try {
      static_cast<void>(pass.result("head"));
    } catch (const FutureNotResolved& e) {
      CHECK(e.key() == "head");
      CHECK(e.function() == "echo");
    }
  });
}

TEST_CASE_FIXTURE(Resolving, "F1 a default stands for what is not there, and only for that") {
  const std::string text = resolve(client, [&](Pass& pass) {
    CHECK(pass.result<std::string>("never", "none") == "none");
    if (pass.number() == 1) {
      pass.submit("head", "echo", "text");
      pass.submit("broken", "fail");
      CHECK(pass.result<std::string>("head", "none") == "none");
    } else {
      CHECK_THROWS_AS(static_cast<void>(pass.result<std::string>("broken", "none")), JobFailed);
    }
    return pass.result<std::string>("head", "none");
  });
  CHECK(text == "text");
}

TEST_CASE_FIXTURE(Resolving, "F1 a result comes back as the type that was asked for") {
  using Map = std::map<std::string, std::vector<int>>;
  resolve(client, [&](Pass& pass) {
    if (pass.number() == 1) {
      pass.submit("map", "echo", Map{{"a", {1, 2}}});
      pass.submit("nothing", "anything");
      pass.submit("none", "echo", std::optional<int>());
      return;
    }
    CHECK(pass.result<Map>("map") == Map{{"a", {1, 2}}});
    CHECK(pass.result("map") == to_value(Map{{"a", {1, 2}}}));
    CHECK(pass.result<std::optional<int>>("none") == std::nullopt);
    pass.result<void>("nothing");
  });
}

TEST_CASE_FIXTURE(Resolving, "F1 a result of another type is a mismatch that names the key") {
  resolve(client, [&](Pass& pass) {
    if (pass.number() == 1) {
      pass.submit("head", "echo", "text");
      pass.submit("list", "echo", Strings{"x"});
      return;
    }
    const JobId head = submitted(1).id;
    const JobId list = submitted(2).id;
    CHECK(message_of<Mismatch>([&] { return pass.result<int>("head"); }) ==
          "\"head\", the result of echo (job " + head.text() + "): expected int32, given text");
    CHECK(message_of<Mismatch>([&] { return pass.result<std::vector<int>>("list"); }) ==
          "\"list\", the result of echo (job " + list.text() + ")[0]: expected int32, given text");
    CHECK(message_of<Mismatch>([&] { return pass.result_or_submit<int>("head", 0, "echo", 1); }) ==
          "\"head\", the result of echo (job " + head.text() + "): expected int32, given text");
  });
}

TEST_CASE_FIXTURE(Resolving, "F2 a key that has its result is not promised again") {
  resolve(client, [&](Pass& pass) {
    if (pass.number() == 1) return pass.submit("head", "echo", "text");
    CHECK(message_of<FutureAlreadyResolved>([&] {
            pass.submit("head", "echo", "other");
            return 0;
          }) == "the future \"head\" has its result already, of echo (job " + submitted().id.text() +
                    "): clear() it before it is promised again");
    try {
      pass.submit("head", "echo", "other");
    } catch (const FutureAlreadyResolved& e) {
      CHECK(e.key() == "head");
    }
  });
  CHECK(arguments() == Strings{"text"});
}

TEST_CASE_FIXTURE(Resolving, "F2 what is promised and has not run is replaced") {
  const std::string text = resolve(client, [&](Pass& pass) {
    if (pass.is_resolved("head")) return pass.result<std::string>("head");
    pass.submit("head", "fail");
    pass.submit("head", "echo", "the later one");
    return std::string();
  });
  CHECK(text == "the later one");
  CHECK(functions() == Strings{"echo"});
}

TEST_CASE_FIXTURE(Resolving,
                  "F3 result_or_submit returns the value, or promises and returns the placeholder") {
  Strings seen;
  const std::string text = resolve(client, [&](Pass& pass) {
    seen.push_back(pass.result_or_submit<std::string>("head", "…", "echo", "text"));
    CHECK(pass.is_promised("head") == (pass.number() == 1));
    return seen.back();
  });
  CHECK(seen == Strings{"…", "text"});
  CHECK(text == "text");
  CHECK(functions() == Strings{"echo"});
}

TEST_CASE_FIXTURE(Resolving, "F3 result_or_submit takes options, and rethrows a failure") {
  resolve(client, [&](Pass& pass) {
    const auto broken = [&] {
      return pass.result_or_submit<int>("broken", 0, Options().priority(7), "fail", 1);
    };
    if (pass.number() == 1) {
      CHECK(broken() == 0);
    } else {
      CHECK_THROWS_AS(static_cast<void>(broken()), JobFailed);
    }
  });
  CHECK(submitted().options.priority() == 7);
}

TEST_CASE_FIXTURE(Resolving, "F4 cancel takes back a promise and says whether there was one") {
  const int passes = resolve(client, [&](Pass& pass) {
    CHECK_FALSE(pass.cancel("head"));
    pass.submit("head", "echo", "text");
    CHECK_FALSE(pass.clear("head"));
    CHECK(pass.cancel("head"));
    CHECK_FALSE(pass.cancel("head"));
    CHECK_FALSE(pass.is_promised("head"));
    return pass.number();
  });
  CHECK(passes == 1);
  CHECK(client.close(kPatience).empty());
  CHECK(functions().empty());
}

TEST_CASE_FIXTURE(Resolving, "F4 clear takes back a result, which may then be promised again") {
  const std::string text = resolve(client, [&](Pass& pass) {
    if (pass.number() == 1) {
      CHECK_FALSE(pass.clear("head"));
      pass.submit("head", "echo", "first");
    } else if (pass.number() == 2) {
      CHECK_FALSE(pass.cancel("head"));
      CHECK(pass.clear("head"));
      CHECK_FALSE(pass.clear("head"));
      CHECK_THROWS_AS(static_cast<void>(pass.result("head")), FutureNotSubmitted);
      pass.submit("head", "echo", "second");
    }
    return pass.result<std::string>("head", "");
  });
  CHECK(text == "second");
  CHECK(arguments() == Strings{"first", "second"});
  CHECK_MESSAGE(daemon.received<message::Forget>().empty(), "it has no name");
}

TEST_CASE_FIXTURE(Resolving, "F4 reset takes back either") {
  resolve(client, [&](Pass& pass) {
    if (pass.number() == 1) {
      CHECK_FALSE(pass.reset("head"));
      pass.submit("head", "echo", "text");
      CHECK(pass.reset("head"));
      CHECK_FALSE(pass.reset("head"));
      pass.submit("head", "echo", "text");
    } else {
      CHECK(pass.reset("head"));
      CHECK_FALSE(pass.reset("head"));
    }
  });
  CHECK(functions() == Strings{"echo"});
}

TEST_CASE_FIXTURE(Resolving, "a promise takes the options of resolve, or its own") {
  resolve(
      client,
      [&](Pass& pass) {
        if (pass.number() > 1) return;
        pass.submit("a", "echo", "a");
        pass.submit("b", Options().queue("own"), "echo", "b");
        Arguments named;
        named.positional.emplace_back("c");
        named.named.emplace_back("year", Value(std::int64_t{2026}));
        pass.submit_arguments("c", std::nullopt, "echo", named);
      },
      ResolveOptions().options(Options().queue("pages").timeout(5s)));
  CHECK(submitted(1).options == Options().queue("pages").timeout(5s));
  CHECK(submitted(2).options == Options().queue("own"));
  CHECK(submitted(3).options == Options().queue("pages").timeout(5s));
  CHECK(wire::decode_arguments(daemon.wait_for<message::Submit>(3).payload)->named.size() == 1);
}

}  // namespace
}  // namespace promised
