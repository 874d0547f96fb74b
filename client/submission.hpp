// SPDX-License-Identifier: Apache-2.0
// How a call, a name or an id becomes a future: what Client, Client::map and Client::futures have in common.
#pragma once

#include <promised/calls.hpp>
#include <promised/future.hpp>
#include <promised/types.hpp>
#include <promised/value.hpp>

#include <memory>
#include <string_view>

#include "common/messages.hpp"

namespace promised::detail {

class FutureState;
class Session;

/// Hands the call to the daemon and returns at once; see Client::submit for what it throws.
[[nodiscard]] AnyFuture submit(const std::shared_ptr<Session>& session, const Options& options,
                               std::string_view function, const Arguments& arguments);
/// The same for a call that was made before.
[[nodiscard]] AnyFuture submit(const std::shared_ptr<Session>& session, const promised::Call& call);
/// Has the call submitted by the daemon when the job of `parent` has ended so.
[[nodiscard]] AnyFuture add_callback(FutureState& parent, Follows follows, const promised::Call& call);
/// The future of what is there already. Returns at once.
[[nodiscard]] AnyFuture watch(const std::shared_ptr<Session>& session, const message::Key& key);

}  // namespace promised::detail
