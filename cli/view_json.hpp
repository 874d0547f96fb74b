// SPDX-License-Identifier: Apache-2.0
// Jobs, the daemon's status and what came of work on its store as JSON: the shapes of docs/promisectl.md,
// format 1. Text from others that is not UTF-8 has its bad bytes replaced here (values never: see
// value_json.hpp).
#pragma once

#include <promised/views.hpp>

#include <nlohmann/json_fwd.hpp>

namespace promised::cli {

[[nodiscard]] nlohmann::ordered_json to_json(const Failure& failure);
[[nodiscard]] nlohmann::ordered_json to_json(const JobView& job);
[[nodiscard]] nlohmann::ordered_json to_json(const StatusView& status);
[[nodiscard]] nlohmann::ordered_json to_json(const StoreReport& report);
[[nodiscard]] nlohmann::ordered_json to_json(const ReloadReport& report);
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<QueueView>& queues);
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<QuotaView>& quotas);
[[nodiscard]] nlohmann::ordered_json to_json(const Explanation& explanation);

}  // namespace promised::cli
