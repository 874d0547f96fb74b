// SPDX-License-Identifier: Apache-2.0
// The sections [queue.NAME] and [quota.NAME]: how queues are served, and how many jobs of a kind run at once.
#pragma once

#include <vector>

#include "common/result.hpp"
#include "daemon/config/file.hpp"
#include "daemon/settings.hpp"

namespace promised::config {

/// True for `queue.NAME` (`quota.NAME`) and what looks like it, so that a bad name is told as such.
[[nodiscard]] bool is_queue(const Section& section);
[[nodiscard]] bool is_quota(const Section& section);

/// Adds what the section says.
[[nodiscard]] Result<void> read_queue(const Section& section, std::vector<QueueSettings>& queues);
[[nodiscard]] Result<void> read_quota(const Section& section, std::vector<QuotaSettings>& quotas);

}  // namespace promised::config
