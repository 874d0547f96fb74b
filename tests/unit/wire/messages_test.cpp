// SPDX-License-Identifier: Apache-2.0
// Everything that is said arrives as it was said.
#include <doctest/doctest.h>

#include <string>

#include "common/wire/client_codec.hpp"
#include "common/wire/nouns.hpp"
#include "tests/unit/wire/same.hpp"
#include "tests/unit/wire/samples.hpp"

namespace promised::test {
namespace {

template <class Message>
std::string encoded(const Message& message) {
  std::string bytes;
  wire::encode(message, bytes);
  return bytes;
}

TEST_CASE("every request comes back as it was sent, with every field") {
  for (const message::Request& request : requests()) {
    CAPTURE(request.number);
    const auto back = wire::decode_request(encoded(request));
    REQUIRE_MESSAGE(back.ok(), (back.ok() ? "" : back.problem().message));
    CHECK(same(*back, request));
  }
}

TEST_CASE("every reply comes back as it was sent, with every field") {
  for (const message::Reply& reply : replies()) {
    CAPTURE(reply.number);
    const auto back = wire::decode_reply(encoded(reply));
    REQUIRE_MESSAGE(back.ok(), (back.ok() ? "" : back.problem().message));
    CHECK(same(*back, reply));
  }
}

TEST_CASE("two messages that differ in one field are told apart") {
  // The tests above lean on same().
  const message::Request a{1, 0, message::Submit{id(1), "report.build", {}}};
  const message::Request b{1, 0, message::Submit{id(1), "report.build", Options{}.priority(1)}};
  CHECK(same(a, a));
  CHECK_FALSE(same(a, b));
  CHECK_FALSE(same(a, {1, 0, message::Bye{}}));
  CHECK_FALSE(same(a, {2, 0, a.body}));
}

TEST_CASE("every message leaves nothing behind for the next one of its thread") {
  // Encoders and decoders reuse their protobuf messages: the sparse one must not inherit from the full one.
  for (const message::Request& full : requests()) {
    CHECK(wire::decode_request(encoded(full)).ok());
    for (const message::Request& next : requests()) {
      const auto back = wire::decode_request(encoded(next));
      REQUIRE(back.ok());
      CHECK(same(*back, next));
    }
  }
}

TEST_CASE("encoding appends to what is in the buffer already") {
  std::string bytes = "before";
  wire::encode(requests().at(4), bytes);
  CHECK(bytes.substr(0, 6) == "before");
  const auto back = wire::decode_request(std::string_view(bytes).substr(6));
  REQUIRE(back.ok());
  CHECK(same(*back, requests().at(4)));
}

TEST_CASE("a submission without options of its own costs no bytes for them") {
  const message::Request plain{1, 0, message::Submit{id(1), "f", {}}};
  const message::Request full{1, 0, message::Submit{id(1), "f", full_options()}};
  CHECK(encoded(plain).size() <= 26);
  CHECK(encoded(full).size() > 50);
}

TEST_CASE("options come back from the store as they went in") {
  for (const Options& options : {Options{}, full_options(), Options{}.queue("q"), Options{}.remember("n"),
                                 Options{}.remember("n", std::chrono::milliseconds(0), Duplicate::replace)}) {
    const auto back = wire::decode_options(wire::encode(options));
    REQUIRE(back.ok());
    CHECK(*back == options);
  }
}

TEST_CASE("a failure comes back from the store as it went in") {
  for (const Failure& failure : {Failure{}, full_failure()}) {
    const auto back = wire::decode_failure(wire::encode(failure));
    REQUIRE(back.ok());
    CHECK(*back == failure);
  }
}

TEST_CASE("every cause, state, durability and way with duplicates has its number") {
  for (std::uint8_t n = 0; n <= static_cast<std::uint8_t>(Cause::member_failed); ++n) {
    Failure failure;
    failure.cause = static_cast<Cause>(n);
    const auto back = wire::decode_failure(wire::encode(failure));
    REQUIRE(back.ok());
    CHECK(back->cause == failure.cause);
  }
  for (std::uint8_t n = 0; n <= static_cast<std::uint8_t>(State::forgotten); ++n) {
    const message::Reply reply{1, 0, message::Known{id(1), static_cast<State>(n), false}};
    const auto back = wire::decode_reply(encoded(reply));
    REQUIRE(back.ok());
    CHECK(same(*back, reply));
  }
  for (std::uint8_t n = 0; n <= static_cast<std::uint8_t>(Duplicate::keep); ++n) {
    const Options options = Options{}.remember("n", {}, static_cast<Duplicate>(n));
    const auto back = wire::decode_options(wire::encode(options));
    REQUIRE(back.ok());
    CHECK(back->duplicate() == options.duplicate());
  }
}

TEST_CASE("what a failure tells is cut to its limits: the beginning of the message, the end of the output") {
  Failure failure = full_failure();
  failure.type.assign(wire::kMaxFailureType - 1, 't').append("\xc3\xa9");
  failure.message.assign(wire::kMaxFailureMessage, 'm').append("tail");
  failure.output.assign("head").append(wire::kMaxFailureOutput, 'o');
  failure.backtrace.assign(wire::kMaxFailureBacktrace, 'b').append("tail");
  const auto back = wire::decode_failure(wire::encode(failure));
  REQUIRE(back.ok());
  CHECK(back->type == std::string(wire::kMaxFailureType - 1, 't'));
  CHECK(back->message == std::string(wire::kMaxFailureMessage, 'm'));
  CHECK(back->output == std::string(wire::kMaxFailureOutput, 'o'));
  CHECK(back->backtrace == std::string(wire::kMaxFailureBacktrace, 'b'));
}

TEST_CASE("text for people is mended where it is no UTF-8, the output too") {
  Failure failure = full_failure();
  failure.message = "caf\xe9 ferm\xe9";
  failure.output = "\xa9t\xc3\xa9";  // what is left of "\xc3\xa9t\xc3\xa9" where the end was cut off
  const auto back = wire::decode_failure(wire::encode(failure));
  REQUIRE(back.ok());
  CHECK(back->message == "caf\xef\xbf\xbd ferm\xef\xbf\xbd");
  CHECK(back->output == "\xef\xbf\xbdt\xc3\xa9");
}

TEST_CASE("the number of a refused request can still be read, for the answer") {
  const message::Request request{4711, 0, message::Submit{id(1), "f", Options{}.priority(101)}};
  const std::string bytes = encoded(request);
  REQUIRE_FALSE(wire::decode_request(bytes).ok());
  CHECK(wire::request_number(bytes) == 4711);
  CHECK(wire::request_number("\xff\xff") == 0);
}

}  // namespace
}  // namespace promised::test
