// SPDX-License-Identifier: Apache-2.0
// Every message of the wire: once with nothing in it and once with every field set to something that is not
// its default. For round trips, and for all that may happen to the bytes on the way.
#pragma once

#include <promised/value.hpp>

#include <vector>

#include "common/messages.hpp"

namespace promised::test {

/// An id whose bytes count up from `first`.
[[nodiscard]] JobId id(std::uint8_t first);
/// Microseconds since 1970.
[[nodiscard]] WallClock moment(std::int64_t us);

/// Nothing in it is a default.
[[nodiscard]] Options full_options();
[[nodiscard]] Failure full_failure();
[[nodiscard]] message::Told full_told();
JobView full_job();
[[nodiscard]] StatusView full_status();
[[nodiscard]] QueueChange full_change();
[[nodiscard]] StoreReport full_report();
/// All of it that is on the wire.
[[nodiscard]] JobEvent full_event();

[[nodiscard]] std::vector<message::Request> requests();
[[nodiscard]] std::vector<message::Reply> replies();
[[nodiscard]] std::vector<message::ToWorker> to_worker();
[[nodiscard]] std::vector<message::FromWorker> from_worker();

/// All kinds, with their limits, empty and full.
[[nodiscard]] std::vector<Value> values();
[[nodiscard]] Arguments full_arguments();

/// `depth` lists (or maps, as keys or as items) within each other, around null.
enum class Nesting { lists, map_keys, map_items };
[[nodiscard]] Value nested(int depth, Nesting nesting);

}  // namespace promised::test
