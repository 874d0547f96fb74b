// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/decide/property/audit.hpp"

#include <algorithm>
#include <array>

namespace promised::test {
namespace {

constexpr std::size_t kStates = 11;

}  // namespace

std::size_t Audit::running(const Pool& pool) {
  return static_cast<std::size_t>(
      std::count_if(pool.workers.begin(), pool.workers.end(),
                    [](const Worker* w) { return !w->channel.empty() && w->wait == Worker::Wait::none; }));
}

void Audit::check(bool holds, const std::string& what) {
  if (!holds) throw Violation(what);
}

std::string Audit::describe(const JobId& id) const {
  const Job* job = s_.jobs_.find(id);
  if (job == nullptr) return s_.backlog_ids_.contains(id) ? "waits on disk" : "is not known";
  std::string text = "is " + std::string(to_string(job->state)) + " in queue " + job->lane->queue->name +
                     ", calls " + job->function->name + ", attempts " + std::to_string(job->attempts);
  if (job->worker != nullptr)
    text += ", held by worker " + std::to_string(static_cast<std::uint32_t>(job->worker->id)) + " of pool " +
            job->worker->pool->settings->name + " (phase " +
            std::to_string(static_cast<int>(job->worker->phase)) + ", wait " +
            std::to_string(static_cast<int>(job->worker->wait)) + ", revoking " +
            std::to_string(job->worker->channel.is_revoking()) + ")";
  if (job->queued_in_lane) text += job->behind ? ", in its lane behind the backlog" : ", in its lane";
  if (job->on_disk) text += ", on disk";
  if (Schedule::contains(*job)) text += ", in the schedule";
  return text;
}

std::string Audit::describe(const Pool& pool) {
  std::string text = "pool " + pool.settings->name + " (" + pool.settings->program + ", phase " +
                     std::to_string(static_cast<int>(pool.phase)) + ", target " +
                     std::to_string(pool.target) + ", slots " + std::to_string(pool.slots()) + ", resuming " +
                     std::to_string(pool.resuming.size()) + (pool.dirty ? ", dirty" : "") + ")";
  for (const Worker* worker : pool.workers) {
    text += "\n  worker " + std::to_string(static_cast<std::uint32_t>(worker->id)) + " of " +
            worker->settings->program + ": phase " + std::to_string(static_cast<int>(worker->phase)) +
            ", wait " + std::to_string(static_cast<int>(worker->wait)) + ", holds " +
            std::to_string(worker->channel.size()) +
            (worker->kill_reason != KillReason::none ? ", killed" : "") +
            (worker->channel.is_revoking() ? ", revoking" : "") + (worker->worn ? ", worn" : "") +
            (worker->offer == pool.offer ? "" : ", another offer");
  }
  return text;
}

std::string Audit::describe_pools() const {
  std::string text;
  for (const Pool& pool : s_.pools_) text += "\n  " + describe(pool);
  return text;
}

bool Audit::may_be_cleared(const JobId& id) const {
  const Job* job = s_.jobs_.find(id);
  return job == nullptr ? s_.backlog_ids_.contains(id) : !job->ended();
}

bool Audit::must_be_cleared(const JobId& id) const {
  const Job* job = s_.jobs_.find(id);
  if (job == nullptr) return s_.backlog_ids_.contains(id);
  return job->worker == nullptr && (job->state == State::pending || job->state == State::scheduled);
}

bool Audit::any_active() const {
  if (s_.backlog_ids_.size() > 0) return true;
  for (const Job* job : s_.jobs_) {
    if (!job->ended()) return true;
  }
  return false;
}

void Audit::each_turn(RunningBefore& running) const {
  slots(running);
  nobody_idles();
}

/// A pool runs no more jobs than its size; fewer and fewer while that has shrunk.
void Audit::slots(RunningBefore& before) const {
  RunningBefore after;
  for (const Pool& pool : s_.pools_) {
    const std::size_t runs_now = running(pool);
    const auto known = before.find(&pool);
    const std::size_t most = std::max(pool.slots(), known == before.end() ? 0 : known->second);
    check(runs_now <= most, "pool " + pool.settings->name + " runs " + std::to_string(runs_now) +
                                " jobs and has " + std::to_string(pool.slots()) + " slots");
    after[&pool] = runs_now;
  }
  caps(before, after);
  before = std::move(after);
}

void Audit::thorough() const {
  channels();
  lanes();
  heaps();
  quotas();
  timing();
  accounts();
}

/// Workers and jobs agree on who holds what.
void Audit::channels() const {
  std::size_t held = 0;
  for (const auto& [id, worker] : s_.workers_) {
    const std::string who = "worker " + std::to_string(static_cast<std::uint32_t>(id));
    Nanos load{0};
    const WorkerChannel& channel = worker->channel;
    for (std::size_t i = 0; i < channel.size(); ++i) {
      const WorkerChannel::Slot& slot = channel[i];
      const Job& job = *slot.job;
      load += slot.estimate;
      ++held;
      check(job.worker == worker.get(), who + " holds a job that does not know of it");
      check(!job.ended() && !job.queued_in_lane && !job.on_disk,
            who + " holds a job that " + describe(job.id));
      const State expected = i > 0                                ? State::pending
                             : worker->wait == Worker::Wait::none ? State::running
                                                                  : State::waiting;
      check(job.state == expected,
            who + " holds as number " + std::to_string(i) + " a job that " + describe(job.id));
    }
    check(load == channel.load(), who + " has a load that is not that of its channel");
    // A timer that is due already when it is set fires in the next turn.
    const bool is_late = channel.due_by(worker->settings->start_timeout) < now_.steady && !channel.empty() &&
                         channel.first_since() < now_.steady && channel.front().batch == 0;
    check(!is_late || worker->kill_reason != KillReason::none,
          who + " has not begun its job in time, and nobody has asked it to give that back");
    const auto is_in = [&](const auto& list) { return std::count(list.begin(), list.end(), worker.get()); };
    const auto resuming = is_in(worker->pool->resuming) + is_in(s_.want_quotas_);
    check(resuming == (worker->wait == Worker::Wait::resuming ? 1 : 0),
          who + " and its pool do not agree on its wait");
  }
  for (const Pool& pool : s_.pools_) {
    const auto waiting = std::count_if(pool.workers.begin(), pool.workers.end(),
                                       [](const Worker* w) { return w->wait != Worker::Wait::none; });
    check(pool.waiting == static_cast<std::uint32_t>(waiting),
          "pool " + pool.settings->name + " counts " + std::to_string(pool.waiting) +
              " waiting jobs and has " + std::to_string(waiting));
  }
  for (const Job* job : s_.jobs_) {
    held -= job->worker != nullptr ? 1 : 0;
    if (job->ended() || job->worker != nullptr) continue;
    stands_somewhere(*job);
  }
  check(held == 0, "a job is held by a worker that is not there");
}

/// One that has not ended, and that no worker has: in one place, and in the state that belongs to it.
void Audit::stands_somewhere(const Job& job) const {
  const auto wrong = [&](const char* what) {
    throw Violation("job " + job.id.text() + " " + what + ": it " + describe(job.id));
  };
  const bool waits = Scheduler::waits_for_kin(job);
  const bool scheduled = Schedule::contains(job);
  const int places = (job.queued_in_lane || job.on_disk ? 1 : 0) + (scheduled ? 1 : 0) + (waits ? 1 : 0);
  if (places == 0) wrong("is nowhere");
  if (places > 1) wrong("is in two places");
  if (waits && job.kin() == nullptr) wrong("waits for nobody");
  if (!scheduled && job.state == State::scheduled) wrong("has no moment");
}

/// The jobs in the schedule, and those that others join, are there.
void Audit::timing() const {
  std::size_t scheduled = 0;
  std::size_t unique = 0;
  for (const Job* job : s_.jobs_) {
    scheduled += Schedule::contains(*job) ? 1 : 0;
    if (Schedule::contains(*job) && (job->ended() || job->worker != nullptr))
      throw Violation("job " + job->id.text() + " is in the schedule by mistake: it " + describe(job->id));
    const bool is_unique = !job->ended() && job->detail && job->detail->unique;
    unique += is_unique && s_.unique_.find(*job->detail->unique) == job ? 1 : 0;
  }
  check(scheduled == s_.schedule_.size(), "the schedule has jobs that are not there");
  std::size_t aside = 0;
  for (const auto& [name, queue] : s_.lanes_.queues()) {
    for (const Job* job = queue->aside.first; job != nullptr; job = job->next, ++aside)
      check(Schedule::contains(*job) && job->lane->queue == queue.get(),
            "queue " + queue->name + " has a job aside that is not in the schedule");
  }
  check(scheduled == aside, "the schedule has jobs that their queues do not have aside");
  check(unique == s_.unique_.size(), "unique jobs are known that are not there");
}

void Audit::accounts() const {
  std::array<std::uint64_t, kStates> states{};
  std::uint64_t bytes = 0;
  std::uint64_t jobs = s_.jobs_.size();
  for (const Job* job : s_.jobs_) {
    ++states[static_cast<std::size_t>(job->state)];
    bytes += Scheduler::kept_bytes(*job);
  }
  states[static_cast<std::size_t>(State::pending)] += s_.backlog_ids_.size();
  jobs += s_.backlog_ids_.size();
  const Account& all = s_.accounts_.all();
  for (std::size_t i = 0; i < kStates; ++i)
    check(states[i] == all.by_state[i], "accounts: " + std::to_string(all.by_state[i]) + " jobs are " +
                                            std::string(to_string(static_cast<State>(i))) + ", found " +
                                            std::to_string(states[i]));
  // What is held back counts as a job too, and so do tombstones that guard.
  check(all.of(Quantity::jobs) >= jobs, "accounts: fewer jobs than there are");
  check(all.of(Quantity::bytes) >= bytes, "accounts: fewer bytes than there are");
  check(all.of(Quantity::names) == s_.names_.size(), "accounts: names");
  check(all.of(Quantity::clients) == s_.sessions_.size(), "accounts: clients");
}

void Audit::nothing_left() const {
  for (const Job* job : s_.jobs_)
    throw Violation("job " + job->id.text() + " is left: it " + describe(job->id));
  const Account& all = s_.accounts_.all();
  const auto left = [&](Quantity quantity, const char* what) {
    check(all.of(quantity) == 0,
          std::to_string(all.of(quantity)) + " " + what + " are counted and not there");
  };
  left(Quantity::jobs, "jobs");
  left(Quantity::bytes, "bytes");
  left(Quantity::names, "names");
  left(Quantity::watches, "watches");
  check(s_.backlog_ids_.empty(), "ids of the backlog are left");
  check(s_.waiting_for_backlog_.empty() && s_.jobs_wait_for_backlog_.empty(),
        "something waits for the backlog");
  for (const auto& [name, queue] : s_.lanes_.queues())
    check(queue->length == 0 && queue->jobs == 0, "queue " + queue->name + " has jobs that are not there");
  check(s_.schedule_.size() == 0, "the schedule has jobs");
  check(s_.unique_.size() == 0, "unique jobs are left");
  check(s_.heirs_wait_for_backlog_.empty() && s_.ended_kin_.empty() && s_.recovered_links_.empty(),
        "an end is not passed on");
  check(s_.want_quotas_.empty(), "a job waits for its quotas");
  check(s_.followers_.empty(), "a callback waits for room");
  check(s_.lanes_.busy_queues() == 0, "busy_queues is wrong");
  for (const auto& [id, worker] : s_.workers_)
    check(worker->channel.empty() && worker->wait == Worker::Wait::none, "a worker holds a job");
  check(!s_.next_due(now_), "something is due when there is nothing to do");
}

}  // namespace promised::test
