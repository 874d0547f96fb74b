// SPDX-License-Identifier: Apache-2.0
// What becomes of jobs while the disk is full or slow, and what clients are told when the store has failed.
// What was accepted goes on as far as memory allows: its outcomes wait for the disk. What would add to that
// is refused.
#include <string>
#include <utility>

#include "common/units.hpp"
#include "daemon/decide/scheduler.hpp"

namespace promised {

std::optional<message::Refused> Scheduler::check_disk(std::uint64_t bytes) const {
  if (const WallTime since = around_.store.full_since; since != WallTime()) {
    return message::Refused{
        .code = "disk_full",
        .message = "the disk of " + settings_.state_dir + " has been full since " + format_time(since) +
                   ": nothing durable is accepted until there is space; free some there, or submit with "
                   "durability memory; the daemon goes on by itself"};
  }
  if (unwritten() + bytes <= settings_.limits.max_unwritten) return std::nullopt;
  return too_much_unwritten();
}

message::Refused Scheduler::too_much_unwritten() const {
  return {.code = "limit",
          .message = "max_unwritten (" + std::to_string(settings_.limits.max_unwritten) +
                     ") is reached: so many bytes of jobs and results wait for the disk; "
                     "wait until it has taken some, submit with durability memory, or raise "
                     "it in section [limits]"};
}

/// Of a job that is here already, and is to be given a name.
std::optional<message::Refused> Scheduler::check_disk(const Job& job) const {
  if (!job.durable()) return std::nullopt;
  return check_disk(job.written ? 0 : job.arguments.size() + job.result.size());
}

bool Scheduler::refuse_stalled(const Asked& asked, const Job& job, Turn& t) {
  if (!job.durable() || !is_stalled()) return false;
  refuse(asked.event.session, asked.number(), too_much_unwritten(), t);
  return true;
}

/// Takes back what has not begun when no job may begin any more, and lets all begin when they may again.
void Scheduler::watch_disk(Turn& t) {
  if (std::exchange(stalled_, is_stalled()) == is_stalled()) return;
  for (Pool& pool : pools_) pool.dirty = true;
  if (!stalled_) return;
  for (auto& [id, worker] : workers_) {
    if (!worker->channel.empty()) revoke(*worker, t);
  }
}

void Scheduler::view_disk(StatusView& view) const {
  view.store_bytes = around_.store.bytes;
  view.last_commit = around_.store.last_commit;
  view.full_since = around_.store.full_since;
  if (around_.last_failure) {
    view.store_failed_at = around_.last_failure->at;
    view.store_failure = around_.last_failure->reason;
  }
  if (view.full_since == WallTime()) return;
  view.problems.push_back("the disk of " + settings_.state_dir + " has been full since " +
                          format_time(view.full_since) +
                          ": durable jobs are refused until there is space; free some there");
}

void Scheduler::store_failed(const std::string& reason, Plan& plan) {
  store_failure_ = "the daemon's store failed, and it accepts nothing more: " + reason;
  for (const auto& [id, session] : sessions_) {
    message::Refused refused{.code = "store_failed", .message = store_failure_};
    plan.effects.emplace_back(effect::Send{id, message::Reply{0, 0, std::move(refused)}, {}});
  }
}

}  // namespace promised
