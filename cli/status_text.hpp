// SPDX-License-Identifier: Apache-2.0
// The daemon's status at one glance (SEMANTICS M1).
#pragma once

#include <promised/views.hpp>

#include <ostream>
#include <vector>

namespace promised::cli {

/// What `promisectl status` prints.
void print_status(std::ostream& out, const StatusView& status, WallClock now);
/// Its tables of queues and of quotas; nothing where there are none.
void print_queues(std::ostream& out, const std::vector<QueueView>& queues);
void print_quotas(std::ostream& out, const std::vector<QuotaView>& quotas);

}  // namespace promised::cli
