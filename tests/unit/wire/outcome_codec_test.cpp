// SPDX-License-Identifier: Apache-2.0
// What the daemon writes without reading what is in it, <promised/outcome.hpp> reads.
#include "common/wire/outcome_codec.hpp"

#include <doctest/doctest.h>

#include "common/wire/value_codec.hpp"
#include "tests/unit/wire/samples.hpp"

namespace promised::test {
namespace {

std::string outcome_value(const Value& value) {
  return wire::encode(value).value();
}

Outcome succeeded(std::uint8_t number, Value value) {
  Outcome outcome;
  outcome.id = id(number);
  outcome.function = "report.b\xc3\xbcild";
  outcome.state = State::succeeded;
  outcome.value = std::move(value);
  return outcome;
}

TEST_CASE("C1 an outcome with any value is read as it was written") {
  for (const Value& value : values()) {
    const Outcome outcome = succeeded(1, value);
    const auto read = wire::decode_value(wire::encode_outcome(outcome, outcome_value(value)));
    REQUIRE(read.ok());
    CHECK(from_value<Outcome>(*read) == outcome);
    CHECK(from_value<Outcome>(to_value(outcome)) == outcome);
  }
}

TEST_CASE("C1 an outcome without success has no value, but tells why") {
  Outcome failed;
  failed.id = id(2);
  failed.function = "f";
  failed.state = State::failed;
  failed.failure = full_failure();
  Outcome cancelled = failed;
  cancelled.failure = {};
  cancelled.state = State::cancelled;
  cancelled.reason = "cancelled by user 1000";
  for (const Outcome& outcome : {failed, cancelled}) {
    const auto read = wire::decode_value(wire::encode_outcome(outcome, "not looked at"));
    REQUIRE(read.ok());
    CHECK(from_value<Outcome>(*read) == outcome);
  }
  CHECK_THROWS_AS((void)failed.result(), JobFailed);
  CHECK_THROWS_AS((void)cancelled.result(), CancelledError);
  CHECK_THROWS_WITH_AS((void)succeeded(1, Value("text")).result<int>(),
                       "the result of report.b\xc3\xbcild (job 01020304-0506-0708-090a-0b0c0d0e0f10): "
                       "expected int32, given text",
                       Mismatch);
}

TEST_CASE("C4 a list of outcomes, and an empty one") {
  const Outcome a = succeeded(1, Value("a")), b = succeeded(2, Value(std::int64_t{7}));
  const std::vector<std::string> both{wire::encode_outcome(a, outcome_value(a.value)),
                                      wire::encode_outcome(b, outcome_value(b.value))};
  const auto read = wire::decode_value(wire::encode_list(both));
  REQUIRE(read.ok());
  CHECK(from_value<std::vector<Outcome>>(*read) == std::vector<Outcome>{a, b});
  const auto none = wire::decode_value(wire::encode_list({}));
  REQUIRE(none.ok());
  CHECK(from_value<std::vector<Outcome>>(*none).empty());
}

TEST_CASE("C1 the outcome comes before the arguments of a call, whatever they are") {
  for (const Arguments& arguments : {Arguments{}, full_arguments()}) {
    const Payload together = wire::with_first(outcome_value(Value("first")), wire::encode(arguments).value());
    const auto read = wire::decode_arguments(together.view());
    REQUIRE(read.ok());
    REQUIRE(read->positional.size() == arguments.positional.size() + 1);
    CHECK(read->positional.front() == Value("first"));
    CHECK(std::vector(read->positional.begin() + 1, read->positional.end()) == arguments.positional);
    CHECK(read->named == arguments.named);
  }
}

TEST_CASE("C1 what is no outcome is told from one, with the place") {
  CHECK_THROWS_WITH_AS((void)from_value<Outcome>(Value("x")), "expected outcome, given text", Mismatch);
  CHECK_THROWS_WITH_AS((void)from_value<Outcome>(Value(Value::Map{{Value("state"), Value("odd")}})),
                       "state: expected a state, given \"odd\"", Mismatch);
  CHECK_THROWS_WITH_AS((void)from_value<Outcome>(Value(Value::Map{{Value("state"), Value("running")}})),
                       "state: expected how a job has ended, given running", Mismatch);
  CHECK_THROWS_WITH_AS((void)from_value<Outcome>(Value(Value::Map{{Value("id"), Value("1")}})),
                       "id: expected a job's id, given text", Mismatch);
}

}  // namespace
}  // namespace promised::test
