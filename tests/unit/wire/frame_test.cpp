// SPDX-License-Identifier: Apache-2.0
// The channel between daemon and worker.
#include <doctest/doctest.h>
#include <proto/worker.pb.h>

#include <cmath>
#include <limits>
#include <string>

#include "common/wire/nouns.hpp"
#include "common/wire/worker_codec.hpp"
#include "tests/unit/wire/same.hpp"
#include "tests/unit/wire/samples.hpp"

namespace promised::test {
namespace {

constexpr std::size_t kPayload = 100;

auto decode(const message::ToWorker*, std::string_view bytes) {
  return wire::decode_to_worker(bytes, kPayload);
}
auto decode(const message::FromWorker*, std::string_view bytes) {
  return wire::decode_from_worker(bytes, kPayload);
}

template <class Message>
std::string frame(const Message& message, std::string_view payload) {
  std::string bytes;
  wire::encode_frame(message, payload.size(), bytes);
  return bytes.append(payload);
}

// All `messages` in one stream that arrives byte by byte.
template <class Message>
void check_stream(const std::vector<Message>& messages) {
  std::string stream;
  for (const Message& message : messages) stream += frame(message, std::to_string(message.index()));
  std::string_view arrived(stream.data(), 0);
  std::size_t begin = 0;
  std::vector<Message> got;
  for (std::size_t end = 0; end <= stream.size(); ++end) {
    arrived = std::string_view(stream).substr(begin, end - begin);
    auto decoded = decode(static_cast<const Message*>(nullptr), arrived);
    REQUIRE(decoded.ok());
    if (!decoded->has_value()) continue;
    CHECK((*decoded)->size == arrived.size());
    CHECK((*decoded)->payload == std::to_string((*decoded)->message.index()));
    CHECK(wire::frame_size(arrived) == arrived.size());
    got.push_back(std::move((*decoded)->message));
    begin = end;
  }
  REQUIRE(got.size() == messages.size());
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(same(got[i], messages[i]));
}

std::string head(std::uint32_t message, std::uint32_t payload) {
  std::string bytes;
  for (const std::uint32_t n : {message, payload}) {
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(n >> shift));
  }
  return bytes;
}

TEST_CASE("frames to a worker come out of a stream as they went in, one by one") {
  check_stream(to_worker());
}

TEST_CASE("frames from a worker come out of a stream as they went in, one by one") {
  check_stream(from_worker());
}

TEST_CASE("several frames in one read come out in order") {
  const std::string bytes = frame(message::ToWorker(message::Stop{}), "first") +
                            frame(message::ToWorker(message::Run{7, id(1), 0, 1}), "second");
  const auto first = wire::decode_to_worker(bytes, kPayload);
  REQUIRE((first.ok() && first->has_value()));
  CHECK((*first)->payload == "first");
  const auto second = wire::decode_to_worker(std::string_view(bytes).substr((*first)->size), kPayload);
  REQUIRE((second.ok() && second->has_value()));
  CHECK((*second)->payload == "second");
  CHECK((*first)->size + (*second)->size == bytes.size());
}

TEST_CASE("P1 progress of unknown percentage stays NaN") {
  const auto bytes = frame(message::FromWorker(message::Progress{1, std::nan(""), "thinking"}), "");
  const auto back = wire::decode_from_worker(bytes, 0);
  REQUIRE((back.ok() && back->has_value()));
  CHECK(std::isnan(std::get<message::Progress>((*back)->message).percent));
}

TEST_CASE("how large a frame is can be told from its head alone") {
  CHECK(wire::frame_size("") == 0);
  CHECK(wire::frame_size(head(3, 4).substr(0, 7)) == 0);
  CHECK(wire::frame_size(head(3, 4)) == 15);
  constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();
  CHECK(wire::frame_size(head(kMost, kMost)) == wire::kFrameHead + 2 * std::size_t{kMost});
}

TEST_CASE("E1 a head that announces too much is a problem before anything of it is kept") {
  const auto message = wire::decode_from_worker(head(4'194'305, 0), kPayload);
  REQUIRE_FALSE(message.ok());
  CHECK(message.problem().code == "garbage");
  CHECK(message.problem().message ==
        "expected a frame whose message has at most 4194304 bytes, found one of 4194305");
  const auto payload = wire::decode_to_worker(head(0, 101), kPayload);
  REQUIRE_FALSE(payload.ok());
  CHECK(payload.problem().code == "too_large");
  CHECK(payload.problem().message == "expected a payload of at most 100 bytes, found one of 101");
}

TEST_CASE("E1 a frame whose message is none is garbage") {
  const auto bytes = wire::decode_to_worker(head(3, 0) + "\xff\xff\xff", kPayload);
  REQUIRE_FALSE(bytes.ok());
  CHECK(bytes.problem().code == "garbage");
  CHECK(bytes.problem().message == "expected the message of a frame, found 3 bytes that are none");
  const auto to = wire::decode_to_worker(head(0, 0), kPayload);
  REQUIRE_FALSE(to.ok());
  CHECK(to.problem().message == "the message from the daemon is of no kind that this version knows");
  const auto from = wire::decode_from_worker(head(0, 0), kPayload);
  REQUIRE_FALSE(from.ok());
  CHECK(from.problem().message == "the message from the worker is of no kind that this version knows");
}

TEST_CASE("an impossible field in a frame is refused by its name") {
  proto::FromWorker ended;
  ended.mutable_ended()->set_ran_ns(std::uint64_t{1} << 63);
  std::string bytes = ended.SerializeAsString();
  auto from = wire::decode_from_worker(head(static_cast<std::uint32_t>(bytes.size()), 0) + bytes, kPayload);
  REQUIRE_FALSE(from.ok());
  CHECK(from.problem().code == "bad_request");
  CHECK(from.problem().message ==
        "ended.ran: expected at most 9223372036854775807 ns, found 9223372036854775808");

  proto::FromWorker ready;
  ready.mutable_ready()->add_functions()->set_name("\xff");
  bytes = ready.SerializeAsString();
  from = wire::decode_from_worker(head(static_cast<std::uint32_t>(bytes.size()), 0) + bytes, kPayload);
  REQUIRE_FALSE(from.ok());
  CHECK(from.problem().message == "ready.functions.name: expected UTF-8, found byte 255 at offset 0");

  proto::ToWorker run;
  run.mutable_run()->set_id("x");
  bytes = run.SerializeAsString();
  const auto to = wire::decode_to_worker(head(static_cast<std::uint32_t>(bytes.size()), 0) + bytes, kPayload);
  REQUIRE_FALSE(to.ok());
  CHECK(to.problem().message == "run.id: expected 16 bytes, found 1");
}

TEST_CASE("C8 a wait for more jobs at once than one message may have is refused") {
  const message::Waits most{1, std::vector<JobId>(message::kMostWaitedFor, id(1))};
  CHECK(decode(static_cast<message::FromWorker*>(nullptr), frame(message::FromWorker(most), "")).ok());
  const message::Waits more{1, std::vector<JobId>(message::kMostWaitedFor + 1, id(1))};
  const auto refused =
      decode(static_cast<message::FromWorker*>(nullptr), frame(message::FromWorker(more), ""));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.problem().message == "waits.ids: expected at most 4096 ids, found 4097");
}

TEST_CASE("a failure with endless texts still fits in a frame") {
  message::AttemptEnded ended;
  ended.failure = full_failure();
  for (std::string* text :
       {&ended.failure.type, &ended.failure.message, &ended.failure.output, &ended.failure.limit}) {
    text->assign(std::size_t{8} << 20, 'x');
  }
  std::string bytes;
  wire::encode_frame(message::FromWorker(ended), 0, bytes);
  const auto back = wire::decode_from_worker(bytes, 0);
  REQUIRE((back.ok() && back->has_value()));
  CHECK(std::get<message::AttemptEnded>((*back)->message).failure.message.size() == wire::kMaxFailureMessage);
}

TEST_CASE("a message that no frame can hold is the caller's mistake and says so") {
  message::Ready ready;
  ready.functions.push_back({std::string(wire::kMaxFrameMessage, 'f'), ""});
  std::string bytes = "before";
  CHECK_THROWS_WITH_AS(
      wire::encode_frame(message::FromWorker(ready), 1, bytes),
      "a frame takes a message of at most 4194304 bytes and a payload below 4 GiB, found 4194321 and 1",
      std::length_error);
  CHECK(bytes == "before");
  CHECK_THROWS_AS(wire::encode_frame(message::ToWorker(message::Stop{}), std::size_t{1} << 32, bytes),
                  std::length_error);
}

}  // namespace
}  // namespace promised::test
