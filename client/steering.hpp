// SPDX-License-Identifier: Apache-2.0
// What a client, its futures and the map of them have in common: cancelling, forgetting, showing.
#pragma once

#include <chrono>
#include <string>

#include "common/messages.hpp"

namespace promised::detail {

class Session;

/// Whether it had an effect. The one of an earlier sending counts, when the answer to that was lost with the
/// connection. They throw what Session::call does, and Error for an answer that does not fit.
[[nodiscard]] bool cancel(Session& session, message::Cancel order, std::chrono::milliseconds timeout,
                          const std::string& what);
[[nodiscard]] bool forget(Session& session, message::Key key, std::chrono::milliseconds timeout,
                          const std::string& what);

/// The one job that `show` is about. Throws what Session::call does.
[[nodiscard]] JobView show_one(Session& session, message::Show show, std::chrono::milliseconds timeout,
                               const std::string& what);

/// Throws that an answer does not fit the question.
[[noreturn]] void throw_misfit(const std::string& what);

}  // namespace promised::detail
