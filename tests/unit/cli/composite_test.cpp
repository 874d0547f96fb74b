// SPDX-License-Identifier: Apache-2.0
#include "cli/composite.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "cli/usage_error.hpp"

namespace promised::cli {
namespace {

using namespace std::chrono_literals;

promised::Call read(const std::string& text) {
  return read_composite(text, "order.json");
}

std::string refusal(const std::string& text) {
  try {
    (void)read(text);
    return "accepted";
  } catch (const UsageError& e) {
    return e.what();
  }
}

/// What is said of a call of a function that stands as a member, with this among its keys.
std::string refusal_of_options(const std::string& options) {
  return refusal(R"({"serial": [{"call": "f", "options": )" + options + "}]}");
}

TEST_CASE("C4 a document describes calls that run one after the other or together, with all that they say") {
  const promised::Call all = read(R"({
    "serial": [
      {"call": "fetch", "arguments": ["http://x", 2, [1.5, {"$bytes": "AP8="}]], "named": {"tries": 3}},
      {"parallel": [{"call": "a"}, {"call": "b"}, {"serial": []}], "then": {"call": "sum", "arguments": [1]}}
    ],
    "on_member_failure": "stop",
    "options": {"name": "page", "lifespan": "10min", "deadline": "1h", "memory": true}
  })");
  CHECK(all.kind() == Composite::serial);
  CHECK(all.on_member_failure() == MemberFailure::stop);
  CHECK(all.then().empty());
  CHECK(all.options() == Options().remember("page", 10min).deadline(1h).durability(Durability::memory));
  REQUIRE(all.members().size() == 2);
  const promised::Call& fetch = all.members()[0];
  CHECK(fetch.function() == "fetch");
  const Bytes bytes{std::byte{0}, std::byte{0xff}};
  CHECK(fetch.arguments().positional ==
        Value::List{Value("http://x"), Value(std::int64_t{2}), Value(Value::List{Value(1.5), Value(bytes)})});
  REQUIRE(fetch.arguments().named.size() == 1);
  CHECK(fetch.arguments().named[0].first == "tries");
  CHECK(fetch.arguments().named[0].second == Value(std::int64_t{3}));
  CHECK(fetch.options() == Options());
  const promised::Call& parts = all.members()[1];
  CHECK(parts.kind() == Composite::parallel);
  CHECK(parts.on_member_failure() == MemberFailure::go_on);
  REQUIRE(parts.members().size() == 3);
  CHECK(parts.members()[1].function() == "b");
  CHECK(parts.members()[2].kind() == Composite::serial);
  CHECK(parts.members()[2].members().empty());
  REQUIRE(parts.then().size() == 1);
  CHECK(parts.then()[0].function() == "sum");
  CHECK(parts.then()[0].arguments().positional == Value::List{Value(std::int64_t{1})});
}

TEST_CASE("C6 options of a member are those of the command line, as text, numbers, flags and lists") {
  const promised::Call all = read(R"({"parallel": [{"call": "f", "options": {
    "queue": "mail", "priority": -7, "queue_timeout": "1s", "run_timeout": "2s", "progress_timeout": "3s",
    "deadline": "4s", "retry_crash": true, "at_most_once": false, "quota": ["licences", "disk"],
    "exclusive": "customer=3", "delay": "5s", "begin_by": "6s", "retries": 4, "backoff": "1s..10min",
    "jitter": 0.25}}]})");
  CHECK(all.members().at(0).options() == Options()
                                             .queue("mail")
                                             .priority(-7)
                                             .timeout(1s)
                                             .run_timeout(2s)
                                             .progress_timeout(3s)
                                             .deadline(4s)
                                             .retry_on(Retry::crash)
                                             .quota("licences")
                                             .quota("disk")
                                             .quota("customer", 3)
                                             .delay(5s)
                                             .begin_by(6s)
                                             .retries(4)
                                             .backoff(Backoff::exponential(1s, 10min, 0.25)));
}

TEST_CASE("C4 a document that is none is told with its name and the place in it") {
  CHECK(refusal("") == "order.json: expected JSON, found something else at byte 1");
  CHECK(refusal("{\"serial\": [}") == "order.json: expected JSON, found something else at byte 13");
  CHECK(refusal("[]") == "order.json: expected an object with serial or parallel, found list");
  CHECK(refusal("{}") ==
        "order.json: expected one of the keys call, serial and parallel, found none of them");
  CHECK(refusal(R"({"serail": []})") ==
        "order.json: 'serail' is nothing that is known here; did you mean serial?");
  CHECK(refusal(R"({"call": "f"})") ==
        "order.json: expected serial or parallel at the top, found call; a single call is submitted without "
        "--composite");
  CHECK(refusal(R"({"serial": {}})") == "order.json, serial: expected a list of calls, found map");
  CHECK(refusal(R"({"serial": [], "parallel": []})") == "order.json: serial and parallel exclude each other");
  CHECK(refusal(R"({"$map": [[1, 2]]})") == "order.json: expected text as a key, found integer");
  CHECK(refusal(R"({"serial": [], "serial": []})") == "order.json: the key \"serial\" is given twice");
}

TEST_CASE("C4 a call in a document that is none is told with its place") {
  CHECK(refusal(R"({"serial": [{"call": "f"}, "g"]})") ==
        "order.json, serial[1]: expected an object with call, serial or parallel, found text");
  CHECK(refusal(R"({"serial": [{"parallel": [{"call": 1}]}]})") ==
        "order.json, serial[0].parallel[0].call: expected the name of a function, found integer");
  CHECK(refusal(R"({"serial": [{"call": ""}]})") ==
        "order.json, serial[0].call: expected the name of a function, found nothing");
  CHECK(refusal(R"({"serial": [{"call": "f", "arguments": 1}]})") ==
        "order.json, serial[0].arguments: expected a list of values, found integer");
  CHECK(refusal(R"({"serial": [{"call": "f", "named": []}]})") ==
        "order.json, serial[0].named: expected an object of values, found list");
  CHECK(refusal(R"({"serial": [{"call": "f", "argument": []}]})") ==
        "order.json, serial[0]: 'argument' is nothing that is known here; did you mean arguments?");
  CHECK(refusal(R"({"serial": [{"call": "f", "\u0000\u0000\u0000\u0000\u0000x": 1}]})") ==
        R"(order.json, serial[0]: '\x00\x00\x00\x00\x00x' is nothing that is known here)");
  CHECK(refusal(R"({"serial": [], "arguments": []})") ==
        "order.json: 'arguments' is nothing that is known here");
  CHECK(refusal(R"({"serial": [], "then": {"parallel": []}})") ==
        "order.json, then: expected a call, found parallel: what gets the outcomes is one function");
  CHECK(refusal(R"({"serial": [], "on_member_failure": true})") ==
        "order.json, on_member_failure: expected go_on or stop, found bool");
  CHECK(refusal(R"({"serial": [], "on_member_failure": "stpo"})") ==
        "order.json, on_member_failure: expected go_on or stop, found 'stpo'; did you mean stop?");
}

TEST_CASE("C6 options in a document that cannot be are told with their place") {
  CHECK(refusal_of_options("7") ==
        "order.json, serial[0].options: expected an object of options, found integer");
  CHECK(refusal_of_options(R"({"run-timeout": "1s"})") ==
        "order.json, serial[0].options: there is no option 'run-timeout'; did you mean run_timeout, "
        "queue_timeout or progress_timeout?");
  CHECK(
      refusal_of_options(R"({"run_timeout": "1"})") ==
      "order.json, serial[0].options: --run-timeout: expected a duration such as 500ms, 90s, 5min, 2h or 7d, "
      "found '1'");
  CHECK(refusal_of_options(R"({"retries": true})") ==
        "order.json, serial[0].options.retries: expected text or a number, found bool");
  CHECK(refusal_of_options(R"({"retries": [1]})") ==
        "order.json, serial[0].options.retries: expected text or a number, found list");
  CHECK(refusal_of_options(R"({"quota": ["a", null]})") ==
        "order.json, serial[0].options.quota[1]: expected text or a number, found null");
  CHECK(refusal_of_options(R"({"retry_crash": "yes"})") ==
        "order.json, serial[0].options.retry_crash: expected true or false, found text");
  CHECK(refusal_of_options(R"({"name": "n"})") ==
        "order.json, serial[0].options: 'name' belongs to the composite as a whole: give it at the top");
  CHECK(refusal_of_options(R"({"unique": true})") ==
        "order.json, serial[0].options: 'unique' is no option of a composite or of what belongs to one");
  CHECK(
      refusal(R"({"serial": [], "options": {"retries": 1}})") ==
      "order.json, options: a composite has no run of its own, and so no 'retries': give it to its members");
}

TEST_CASE("C4 the composite in docs/promisectl.md is one") {
  std::ifstream in(PROMISED_CTL_DOCS);
  std::ostringstream page;
  page << in.rdbuf();
  const std::string text = page.str();
  const std::string fence = "```json\n";
  const auto section = text.find("\n## Composites\n");
  REQUIRE(section != std::string::npos);
  const auto begin = text.find(fence, section) + fence.size();
  const promised::Call order = read(text.substr(begin, text.find("```", begin) - begin));
  CHECK(order.members().size() == 3);
  CHECK(order.options() == Options().remember("order-4711", 7 * 24h));
}

}  // namespace
}  // namespace promised::cli
