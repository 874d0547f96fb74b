// SPDX-License-Identifier: Apache-2.0
#include "common/wire/client_codec.hpp"

#include <proto/client.pb.h>

#include <utility>
#include <variant>

#include "common/wire/bytes.hpp"
#include "common/wire/nouns.hpp"
#include "common/wire/replies.hpp"
#include "common/wire/requests.hpp"

namespace promised::wire {
namespace {

Problem garbage(std::string_view expected, std::string_view found) {
  return Problem::of("garbage", "expected " + std::string(expected) + ", found " +
                                    std::to_string(found.size()) + " bytes that are none");
}

// A noun alone, for the store.
template <class Encoded, class Noun>
std::string encode_noun(const Noun& noun) {
  thread_local Encoded encoded;
  encoded.Clear();
  fill(noun, encoded);
  std::string out;
  append(encoded, out);
  return out;
}

template <class Noun, class Encoded>
Result<Noun> decode_noun(std::string_view bytes, std::string_view what) {
  thread_local Encoded encoded;
  if (!parse(bytes, encoded)) return garbage(what, bytes);
  Fields fields("stored");
  Noun noun = take(encoded, fields);
  if (!fields.ok()) return fields.problem();
  return noun;
}

}  // namespace

void encode(const message::Request& request, std::string& out) {
  thread_local proto::Request encoded;
  encoded.Clear();
  encoded.set_number(request.number);
  encoded.set_received(request.received);
  std::visit([&](const auto& body) { fill(body, encoded); }, request.body);
  append(encoded, out);
}

void encode(const message::Reply& reply, std::string& out) {
  thread_local proto::Reply encoded;
  encoded.Clear();
  encoded.set_number(reply.number);
  encoded.set_delivery(reply.delivery);
  std::visit([&](const auto& body) { fill(body, encoded); }, reply.body);
  append(encoded, out);
}

Result<message::Request> decode_request(std::string_view bytes) {
  thread_local proto::Request encoded;
  if (!parse(bytes, encoded)) return garbage("a request", bytes);
  return take(encoded);
}

Result<message::Reply> decode_reply(std::string_view bytes) {
  thread_local proto::Reply encoded;
  if (!parse(bytes, encoded)) return garbage("a reply", bytes);
  return take(encoded);
}

std::uint64_t request_number(std::string_view bytes) {
  proto::Request encoded;
  return parse(bytes, encoded) ? encoded.number() : 0;
}

std::string encode(const Options& options) {
  return encode_noun<proto::Options>(options);
}

Result<Options> decode_options(std::string_view bytes) {
  return decode_noun<Options, proto::Options>(bytes, "options");
}

std::string encode(const Failure& failure) {
  return encode_noun<proto::Failure>(failure);
}

Result<Failure> decode_failure(std::string_view bytes) {
  return decode_noun<Failure, proto::Failure>(bytes, "a failure");
}

std::string encode(const message::Told& told) {
  return encode_noun<proto::Told>(told);
}

Result<message::Told> decode_told(std::string_view bytes) {
  return decode_noun<message::Told, proto::Told>(bytes, "what a job has told");
}

std::string encode(const QueueChange& change) {
  return encode_noun<proto::QueueChange>(change);
}

Result<QueueChange> decode_queue_change(std::string_view bytes) {
  return decode_noun<QueueChange, proto::QueueChange>(bytes, "what was said of a queue");
}

}  // namespace promised::wire
