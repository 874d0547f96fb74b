// SPDX-License-Identifier: Apache-2.0
// The bodies of requests, between their plain form and proto/client.proto. Internal to common/wire.
#pragma once

#include <variant>

#include "common/messages.hpp"
#include "common/result.hpp"

namespace promised::proto {
class Request;
}

namespace promised::wire {

class Fields;

void fill(const std::monostate&, proto::Request& out);
void fill(const message::Hello& in, proto::Request& out);
void fill(const message::Submit& in, proto::Request& out);
void fill(const message::Watch& in, proto::Request& out);
void fill(const message::Cancel& in, proto::Request& out);
void fill(const message::Remember& in, proto::Request& out);
void fill(const message::Forget& in, proto::Request& out);
void fill(const message::Adjust& in, proto::Request& out);
void fill(const message::List& in, proto::Request& out);
void fill(const message::Withdraw& in, proto::Request& out);
void fill(const message::Show& in, proto::Request& out);
void fill(const message::StatusQuery&, proto::Request& out);
void fill(const message::Bye&, proto::Request& out);
void fill(const message::StoreCommand& in, proto::Request& out);
void fill(const message::Reload& in, proto::Request& out);
void fill(const message::SteerQueue& in, proto::Request& out);
void fill(const message::SteerQuota& in, proto::Request& out);
void fill(const message::Explain& in, proto::Request& out);
void fill(const message::RetryJob& in, proto::Request& out);
void fill(const message::Follow& in, proto::Request& out);
void fill(const message::Advance& in, proto::Request& out);
void fill(const message::SetNote& in, proto::Request& out);
void fill(const message::Subscribe& in, proto::Request& out);
void fill(const message::Unsubscribe& in, proto::Request& out);
void fill(const message::AddCallback& in, proto::Request& out);
void fill(const message::SubmitTree& in, proto::Request& out);

// In link_requests.cpp.
[[nodiscard]] message::AddCallback take_add_callback(proto::Request& in, Fields& fields);
[[nodiscard]] message::SubmitTree take_submit_tree(proto::Request& in, Fields& fields);

/// Moves the text out of `in`. Problem "bad_request" as decode_request says.
[[nodiscard]] Result<message::Request> take(proto::Request& in);

}  // namespace promised::wire
