// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/scheduler.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

namespace promised {
namespace {

/// Outcomes and tombstones of which the time is over, a turn.
constexpr int kStepsAtOnce = 1000;

}  // namespace

Scheduler::Scheduler(const Settings& settings, const Surroundings& around, uid_t self, std::uint64_t seed)
    : settings_(settings),
      around_(around),
      self_(self),
      gate_(settings.access, self),
      seed_(seed),
      accounts_(settings.limits),
      jobs_(seed),
      names_(accounts_),
      graves_(settings.limits.max_tombstones, accounts_, seed),
      lanes_(settings.limits.max_in_memory),
      steering_(settings),
      subscriptions_(settings.limits, accounts_),
      commands_(settings.commands),
      unique_(seed),
      backlog_ids_(seed) {
  for (const PoolSettings& pool : settings.pools)
    pools_.emplace_back(std::make_shared<const PoolSettings>(pool));
}

Scheduler::~Scheduler() = default;

void Scheduler::handle(Event event, Now now, Plan& plan) {
  Turn t{now, plan};
  std::visit([&](auto& e) { on(std::move(e), t); }, event);
  pass_ends_on(t);
}

void Scheduler::end_turn(Now now, Plan& plan) {
  Turn t{now, plan};
  take_due(t);
  // What is due all at once goes in steps, with turns for everybody else in between (next_due() says when).
  int steps = kStepsAtOnce;
  const std::int64_t steady = now.steady.time_since_epoch().count();
  while (!timers_.empty() && timers_.top()->due <= steady && steps-- > 0) fire(*timers_.top(), t);
  steps = kStepsAtOnce;
  const std::int64_t wall = now.wall.time_since_epoch().count();
  while (!wall_timers_.empty() && wall_timers_.top()->due <= wall && steps-- > 0)
    fire(*wall_timers_.top(), t);
  go_on_clearing(t);
  pass_ends_on(t);
  go_on_following(t);
  for (NameEntry* grave = names_.oldest_tombstone();
       grave != nullptr && grave->until <= now.wall && steps-- > 0; grave = names_.oldest_tombstone()) {
    plan.changes.emplace_back(change::DeleteName{grave->owner, grave->name});
    names_.erase(*grave);
  }
  watch_disk(t);
  while (steps-- > 0) {
    const std::optional<JobId> over = graves_.take_ended(now.wall);
    if (!over) break;
    plan.changes.emplace_back(change::DeleteGrave{*over});
  }
  std::erase_if(pools_, [](const Pool& p) { return p.phase == Pool::Phase::removed && p.workers.empty(); });
  take_quotas_again();
  for (Pool& pool : pools_) {
    if (!std::exchange(pool.dirty, false) && !pool.ready.changed) continue;
    resume_waiting(pool, t);
    fill(pool, t);
    pool.ready.changed = false;
    watch_surplus(pool, t);
  }
  fill_from_backlog(t);
  tell_news(t);
  tell_events(t);
  write_due(now.steady, t);
  flush_accepted(t);
  drop_stale_lanes(t);
  handed_over_ = 0;
}

std::optional<Nanos> Scheduler::next_due(Now now) const {
  std::optional<Nanos> next;
  const auto consider = [&](Nanos wait) {
    const Nanos from_now = std::max(wait, Nanos(0));  // what is overdue is due now
    next = std::min(next.value_or(from_now), from_now);
  };
  if (!timers_.empty()) consider(Nanos(timers_.top()->due) - now.steady.time_since_epoch());
  if (!wall_timers_.empty()) {
    consider(std::chrono::microseconds(wall_timers_.top()->due) - now.wall.time_since_epoch());
  }
  if (const auto moment = schedule_.next_due(now)) consider(*moment);
  if (const NameEntry* grave = names_.oldest_tombstone()) consider(grave->until - now.wall);
  if (const auto end = graves_.next_end()) consider(*end - now.wall);
  if (tell_memory_at_) consider(*tell_memory_at_ - now.steady);
  if (!news_.empty()) consider(Nanos(0));
  if (!is_stalled() &&
      std::any_of(clearings_.begin(), clearings_.end(), [](const Clearing& c) { return c.goes_on(); }))
    consider(Nanos(0));
  if (!is_stalled() &&
      std::any_of(followers_.begin(), followers_.end(), [&](const auto& of) { return can_go_on(of.second); }))
    consider(Nanos(0));
  if (!delayed_news_.empty()) consider(delayed_news_.front().first - now.steady);
  if (!unwritten_.empty()) consider(unwritten_.front().first - now.steady);
  return next;
}

bool Scheduler::settled() const {
  return std::none_of(pools_.begin(), pools_.end(),
                      [](const Pool& p) { return p.phase == Pool::Phase::starting; });
}

void Scheduler::drain(Now now, Plan& plan) {
  Turn t{now, plan};
  draining_ = true;
  const std::vector<event::Requested> all_held = held_.take();
  release_held(all_held);
  for (const auto& held : all_held) {
    refuse(held.session, held.request.number,
           {.code = "stopping", .message = "the daemon is stopping and accepts no more jobs"}, t);
  }
  write_due(Instant::max(), t);
  if (maintenance_) plan.effects.emplace_back(effect::StopMaintenance{});
  for (Pool& pool : pools_) clear_timer(pool);
  for (auto& [id, worker] : workers_) {
    const bool starts = worker->phase == Worker::Phase::starting;
    retire(*worker, t);
    if (starts)
      kill(*worker, KillReason::stop, t);  // a program that sets itself up does not hear that it is to exit
  }
}

void Scheduler::stop_now(Plan& plan) {
  for (auto& [id, worker] : workers_) {
    if (worker->kill_reason == KillReason::none) worker->kill_reason = KillReason::stop;
    worker->killed_hard = true;
    clear_timer(*worker);
    plan.effects.emplace_back(effect::KillWorker{id, SIGKILL});
  }
}

Worker* Scheduler::find_worker(WorkerId id) {
  const auto it = workers_.find(id);
  return it == workers_.end() ? nullptr : it->second.get();
}

Function& Scheduler::function(const std::string& name) {
  auto& place = functions_[name];
  if (!place) {
    place = std::make_unique<Function>();
    place->name = name;
  }
  return *place;
}

void Scheduler::set_state(Job& job, State state) {
  accounts_.job_moved(job.owner, job.state, state);
  job.state = state;
}

}  // namespace promised
