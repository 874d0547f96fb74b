// SPDX-License-Identifier: Apache-2.0
// The requests of who looks at the daemon and steers it (SEMANTICS M), between their plain form and
// proto/client.proto. Internal to common/wire; the other direction is declared with all bodies in
// requests.hpp.
#pragma once

#include "common/messages.hpp"
#include "common/wire/fields.hpp"

namespace promised::proto {
class Request_Explain;
class Request_List;
class Request_Show;
class Request_SteerQueue;
class Request_SteerQuota;
class Request_StoreCommand;
}  // namespace promised::proto

namespace promised::wire {

// These move the text out of `in`.
[[nodiscard]] message::List take(proto::Request_List& in, Fields& fields);
[[nodiscard]] message::Show take(proto::Request_Show& in, Fields& fields);
[[nodiscard]] message::Explain take(proto::Request_Explain& in, Fields& fields);
[[nodiscard]] message::SteerQueue take(proto::Request_SteerQueue& in, Fields& fields);
[[nodiscard]] message::SteerQuota take(proto::Request_SteerQuota& in, Fields& fields);
[[nodiscard]] message::StoreCommand take(proto::Request_StoreCommand& in, Fields& fields);

}  // namespace promised::wire
