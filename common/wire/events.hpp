// SPDX-License-Identifier: Apache-2.0
// Subscriptions and what they tell, between their plain form and proto/client.proto. Internal to common/wire;
// the other direction is declared with all bodies in requests.hpp and replies.hpp.
#pragma once

#include "common/messages.hpp"
#include "common/wire/fields.hpp"

namespace promised::proto {
class Reply_Events;
class Request_Subscribe;
class Request_Unsubscribe;
}  // namespace promised::proto

namespace promised::wire {

// These move the text out of `in`.
[[nodiscard]] message::Subscribe take(proto::Request_Subscribe& in, Fields& fields);
[[nodiscard]] message::Unsubscribe take(proto::Request_Unsubscribe& in, Fields& fields);
[[nodiscard]] message::Events take(proto::Reply_Events& in, Fields& fields);

}  // namespace promised::wire
