// SPDX-License-Identifier: Apache-2.0
// What the bytes of every sample suffer here: each truncation, each flip of one bit. The decoder answers with
// a problem or with a message that it stands by: one that can be encoded and comes back the same.
#include <doctest/doctest.h>

#include <functional>
#include <string>

#include "common/wire/client_codec.hpp"
#include "common/wire/value_codec.hpp"
#include "common/wire/worker_codec.hpp"
#include "tests/unit/wire/same.hpp"
#include "tests/unit/wire/samples.hpp"

namespace promised::test {
namespace {

struct Tally {
  std::size_t problems = 0;
  std::size_t messages = 0;
};

// Calls `decode` with all damaged forms of `whole`; it returns whether they made a message.
Tally damage(const std::string& whole, const std::function<bool(std::string_view)>& decode) {
  Tally tally;
  const auto attempt = [&](const std::string& bytes) {
    // A buffer of its own, so that a sanitizer sees a read past its end.
    const std::vector<char> exact(bytes.begin(), bytes.end());
    ++(decode(std::string_view(exact.data(), exact.size())) ? tally.messages : tally.problems);
  };
  for (std::size_t size = 0; size < whole.size(); ++size) attempt(whole.substr(0, size));
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    attempt(flipped);
  }
  return tally;
}

void require_said(const Problem& problem) {
  REQUIRE_FALSE(problem.code.empty());
  REQUIRE_FALSE(problem.message.empty());
}

TEST_CASE("E1 a damaged request is a problem or another request") {
  Tally all;
  for (const message::Request& request : requests()) {
    std::string whole;
    wire::encode(request, whole);
    const Tally tally = damage(whole, [](std::string_view bytes) {
      const auto decoded = wire::decode_request(bytes);
      if (!decoded.ok()) {
        require_said(decoded.problem());
        return false;
      }
      std::string again;
      wire::encode(*decoded, again);
      const auto back = wire::decode_request(again);
      REQUIRE(back.ok());
      REQUIRE(same(*back, *decoded));
      return true;
    });
    all.problems += tally.problems;
    all.messages += tally.messages;
  }
  CHECK(all.problems > 0);
  CHECK(all.messages > 0);
}

TEST_CASE("E1 a damaged reply is a problem or another reply") {
  Tally all;
  for (const message::Reply& reply : replies()) {
    std::string whole;
    wire::encode(reply, whole);
    const Tally tally = damage(whole, [](std::string_view bytes) {
      const auto decoded = wire::decode_reply(bytes);
      if (!decoded.ok()) {
        require_said(decoded.problem());
        return false;
      }
      std::string again;
      wire::encode(*decoded, again);
      REQUIRE(wire::decode_reply(again).ok());  // not compared: a damaged double may be a NaN
      return true;
    });
    all.problems += tally.problems;
    all.messages += tally.messages;
  }
  CHECK(all.problems > 0);
  CHECK(all.messages > 0);
}

template <class Message, class Decode>
void check_frames(const std::vector<Message>& messages, const Decode& decode) {
  for (const Message& message : messages) {
    std::string whole;
    wire::encode_frame(message, 3, whole);
    whole += "abc";
    damage(whole, [&](std::string_view bytes) {
      const auto decoded = decode(bytes);
      if (!decoded.ok()) {
        require_said(decoded.problem());
        return false;
      }
      if (!decoded->has_value()) return false;  // it would wait for more
      REQUIRE((*decoded)->size <= bytes.size());
      REQUIRE((*decoded)->payload.data() >= bytes.data());
      REQUIRE((*decoded)->payload.data() + (*decoded)->payload.size() == bytes.data() + (*decoded)->size);
      std::string again;
      wire::encode_frame((*decoded)->message, 0, again);
      REQUIRE(decode(again).ok());
      return true;
    });
  }
}

TEST_CASE("E1 a damaged frame to a worker is a problem, unfinished or another frame") {
  check_frames(to_worker(), [](std::string_view bytes) { return wire::decode_to_worker(bytes, 64); });
}

TEST_CASE("E1 a damaged frame from a worker is a problem, unfinished or another frame") {
  check_frames(from_worker(), [](std::string_view bytes) { return wire::decode_from_worker(bytes, 64); });
}

TEST_CASE("E1 a truncated frame is never taken for a whole one") {
  std::string whole;
  wire::encode_frame(message::ToWorker(message::Run{1, id(1), 2, 3}), 3, whole);
  whole += "abc";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto decoded = wire::decode_to_worker(std::string_view(whole).substr(0, size), 64);
    REQUIRE(decoded.ok());
    CHECK_FALSE(decoded->has_value());
  }
}

TEST_CASE("E1 damaged arguments are a problem or other arguments") {
  const auto whole = wire::encode(full_arguments());
  REQUIRE(whole.ok());
  const Tally tally = damage(*whole, [](std::string_view bytes) {
    const auto decoded = wire::decode_arguments(bytes);
    if (!decoded.ok()) {
      require_said(decoded.problem());
      return false;
    }
    const auto again = wire::encode(*decoded);
    REQUIRE(again.ok());
    REQUIRE(wire::decode_arguments(*again).ok());
    return true;
  });
  CHECK(tally.problems > 0);
  CHECK(tally.messages > 0);
}

TEST_CASE("E1 a damaged value is a problem or another value") {
  for (const Value& value : values()) {
    const auto whole = wire::encode(value);
    REQUIRE(whole.ok());
    damage(*whole, [](std::string_view bytes) {
      const auto decoded = wire::decode_value(bytes);
      if (!decoded.ok()) {
        require_said(decoded.problem());
        return false;
      }
      REQUIRE(wire::encode(*decoded).ok());
      return true;
    });
  }
}

}  // namespace
}  // namespace promised::test
