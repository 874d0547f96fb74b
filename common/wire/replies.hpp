// SPDX-License-Identifier: Apache-2.0
// The bodies of replies, between their plain form and proto/client.proto. Internal to common/wire.
#pragma once

#include "common/messages.hpp"
#include "common/result.hpp"
#include "common/wire/fields.hpp"

namespace promised::proto {
class Reply;
class Reply_Status;
class Reply_StoreReport;
}  // namespace promised::proto

namespace promised::wire {

void fill(const message::Welcome& in, proto::Reply& out);
void fill(const message::Accepted& in, proto::Reply& out);
void fill(const message::Refused& in, proto::Reply& out);
void fill(const message::Ended& in, proto::Reply& out);
void fill(const message::Known& in, proto::Reply& out);
void fill(const message::Jobs& in, proto::Reply& out);
void fill(const message::Status& in, proto::Reply& out);
void fill(const message::StoreDone& in, proto::Reply& out);
void fill(const message::News& in, proto::Reply& out);
void fill(const message::Count& in, proto::Reply& out);
void fill(const message::Reloaded& in, proto::Reply& out);
void fill(const message::Explained& in, proto::Reply& out);
void fill(const message::Events& in, proto::Reply& out);

/// Moves the text out of `in`. Problem "bad_request" as decode_reply says.
[[nodiscard]] Result<message::Reply> take(proto::Reply& in);

// status.cpp
void fill(const StatusView& in, proto::Reply_Status& out);
[[nodiscard]] StatusView take(proto::Reply_Status& in, Fields& fields);
void fill(const StoreReport& in, proto::Reply_StoreReport& out);
[[nodiscard]] StoreReport take(proto::Reply_StoreReport& in, Fields& fields);

}  // namespace promised::wire
