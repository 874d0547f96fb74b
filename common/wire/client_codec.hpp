// SPDX-License-Identifier: Apache-2.0
// Requests and replies as bytes: proto/client.proto.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/messages.hpp"
#include "common/result.hpp"

namespace promised::wire {

/// Appends the encoded message to `out`.
void encode(const message::Request& request, std::string& out);
void encode(const message::Reply& reply, std::string& out);

/// Problem "garbage" for what is not a message, "bad_request" for one with an impossible field, which the
/// message names: an id that is not 16 bytes, an unknown number of an enum, both or none of id and name, a
/// priority out of range, a duration over 100 years, a name or the like that is no UTF-8. Texts for people
/// are mended instead. Text is bounded by the size of the message only: limits are the reader's.
[[nodiscard]] Result<message::Request> decode_request(std::string_view bytes);
[[nodiscard]] Result<message::Reply> decode_reply(std::string_view bytes);

/// The number of a request that decode_request refused, so that the refusal can be addressed; 0 if it has
/// none.
[[nodiscard]] std::uint64_t request_number(std::string_view bytes);

/// For the store: options, failures, what a job has told and what was said of a queue, as bytes.
[[nodiscard]] std::string encode(const Options& options);
[[nodiscard]] Result<Options> decode_options(std::string_view bytes);
[[nodiscard]] std::string encode(const Failure& failure);
[[nodiscard]] Result<Failure> decode_failure(std::string_view bytes);
[[nodiscard]] std::string encode(const message::Told& told);
[[nodiscard]] Result<message::Told> decode_told(std::string_view bytes);
[[nodiscard]] std::string encode(const QueueChange& change);
[[nodiscard]] Result<QueueChange> decode_queue_change(std::string_view bytes);

}  // namespace promised::wire
