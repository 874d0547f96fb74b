// SPDX-License-Identifier: Apache-2.0
// What is asked for that only the store has, and how it is answered. The committer's thread does that between
// two commits.
#pragma once

#include <optional>
#include <variant>

#include "common/result.hpp"
#include "daemon/flow.hpp"
#include "daemon/store/store.hpp"

namespace promised {

using LoadRequest =
    std::variant<effect::LoadResult, effect::LoadBacklog, effect::LoadJob, effect::FindInBacklog,
                 effect::LoadParts, effect::LoadOutput, effect::LoadArguments>;

/// The event that it is to be answered by; nothing: it is not done yet, and `what` says how to go on.
[[nodiscard]] Result<std::optional<Event>> answer(Store& store, LoadRequest& what);

/// Whether the answer tells all that there will be once everything is written that has been submitted: what
/// comes later changes it only where something is missing. (A search shows what there is to see by now.)
[[nodiscard]] bool is_whole(const LoadRequest& what, const Event& answer);

}  // namespace promised
