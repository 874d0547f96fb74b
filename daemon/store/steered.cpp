// SPDX-License-Identifier: Apache-2.0
// What administrators have said of queues and quotas at run time.
#include <utility>

#include "common/wire/client_codec.hpp"
#include "daemon/store/job_row.hpp"
#include "daemon/store/store_impl.hpp"

namespace promised {
namespace {

void bind(Statement& statement, int parameter, const std::optional<std::uint64_t>& number) {
  number ? statement.bind(parameter, static_cast<std::int64_t>(*number)) : statement.bind_null(parameter);
}

std::optional<std::uint64_t> number(const Statement& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return static_cast<std::uint64_t>(row.integer(column));
}

}  // namespace

Result<void> Store::Impl::apply(const change::SteerQueue& c) {
  if (c.queue.said.empty()) return statements.leave_queue.bind_text(1, c.queue.name).run();
  const std::string said = wire::encode(c.queue.said);
  const std::string configured = wire::encode(c.queue.configured);
  return statements.steer_queue.bind_text(1, c.queue.name).bind_blob(2, said).bind_blob(3, configured).run();
}

Result<void> Store::Impl::apply(const change::SteerQuota& c) {
  if (c.quota.size == c.quota.configured) return statements.leave_quota.bind_text(1, c.quota.name).run();
  Statement& s = statements.steer_quota;
  s.bind_text(1, c.quota.name);
  bind(s, 2, c.quota.size);
  bind(s, 3, c.quota.configured);
  return s.run();
}

Result<void> Store::Impl::replay_steered(const std::function<void(SteeredQueue)>& queue,
                                         const std::function<void(SteeredQuota)>& quota) {
  PROMISED_ASSIGN(Statement queues,
                  database.prepare("SELECT name, said, configured FROM steered_queue ORDER BY name"));
  for (;;) {
    PROMISED_ASSIGN(const bool more, queues.step());
    if (!more) break;
    PROMISED_ASSIGN(SteeredQueue read, read_steered_queue(queues));
    queue(std::move(read));
  }
  PROMISED_ASSIGN(Statement quotas,
                  database.prepare("SELECT name, size, configured FROM steered_quota ORDER BY name"));
  for (;;) {
    PROMISED_ASSIGN(const bool more, quotas.step());
    if (!more) return {};
    quota({std::string(quotas.bytes(0)), number(quotas, 1), number(quotas, 2)});
  }
}

}  // namespace promised
