// SPDX-License-Identifier: Apache-2.0
// Looking: what is told of a job, and of the daemon itself (SEMANTICS M1 to M3). Changes nothing.
#include <algorithm>
#include <utility>

#include "common/units.hpp"
#include "daemon/decide/explainer.hpp"

namespace promised {
namespace {

constexpr std::size_t kMostQueuesShown = 100;

}  // namespace

JobView Scheduler::view(const Job& job) const {
  JobView v;
  v.id = job.id;
  v.state = job.state;
  v.function = job.function->name;
  v.queue = job.lane->queue->name;
  v.owner = job.owner;
  v.priority = job.priority;
  v.durability = job.durability;
  v.attempts = job.attempts;
  v.interruptions = job.interruptions;
  v.at_most_once = job.at_most_once;
  v.arguments_size = job.arguments_size;
  v.result_size = job.result_size;
  v.submitted = job.submitted;
  v.started = job.started;
  v.ended = job.ended_at;
  v.reason = Explainer(*this, job, {}, nullptr).first();
  if (job.worker != nullptr) {
    v.pool = job.worker->pool->settings->name;
    if (job.state == State::running || job.state == State::waiting) v.worker_pid = job.worker->pid;
  }
  if (job.state == State::waiting) v.waits_for = awaited_by(job);
  if (const Kin* kin = job.kin(); kin != nullptr) {
    v.parent = kin->link.parent;
    v.follows = kin->link.follows;
    v.composite = kin->link.composite;
    v.on_member_failure = kin->link.on_member_failure;
  }
  if (job.name != nullptr) {
    v.name = job.name->name;
    v.remembered = true;
  }
  if (job.detail) {
    if (job.state == State::failed) v.failure = job.story().failure;
    if (!job.ended()) v.last_failure = job.story().failure;
    v.crashes = job.detail->crashes;
    v.progress_timeout = job.limits().progress_timeout;
    v.deadline = job.limits().deadline;
    v.retry_on = job.detail->retry_on;
    v.lifespan = job.detail->lifespan;
    v.timeout = job.limits().timeout;
    v.run_timeout = job.limits().run_timeout;
    view_timing(job, v);
    message::Told told = Scheduler::told(job);
    v.progress_message = std::move(told.progress_message);
    v.notes = std::move(told.notes);
    v.parts = told.parts;
    v.parts_size = told.parts_size;
    v.output_size = told.output_size;
  }
  if (job.lane->caps != nullptr) v.quotas = job.lane->caps->uses;
  v.progress = progress_of(job);
  if (job.ended() && job.name != nullptr && job.detail->lifespan != kForever)
    v.kept_until = job.ended_at + job.detail->lifespan;
  return v;
}

/// A job of the backlog.
JobView Scheduler::view(const RecoveredJob& job) {
  JobView v;
  v.id = job.id;
  v.state = State::pending;
  v.function = job.function;
  v.queue = job.options.queue();
  v.owner = job.owner;
  v.priority = job.options.priority();
  v.durability = Durability::durable;
  v.attempts = job.attempts;
  v.interruptions = job.interruptions;
  v.at_most_once = job.options.at_most_once();
  v.arguments_size = job.arguments_size;
  v.submitted = job.submitted;
  v.run_timeout = job.options.run_timeout();
  v.retries = job.options.retries();
  v.begin_after = job.options.begin_after();
  v.progress_timeout = job.options.progress_timeout();
  v.retry_on = job.options.retry_on();
  v.crashes = job.crashes;
  v.last_failure = job.failure;
  v.quotas = job.options.quotas();
  v.reason = "others are before it, and wait on disk";
  return v;
}

PoolView Scheduler::view(const Pool& pool, Now now) const {
  PoolView v;
  v.name = pool.settings->name;
  v.program = pool.settings->program;
  switch (pool.phase) {
    case Pool::Phase::starting:
      v.state = "starting";
      break;
    case Pool::Phase::ready:
      v.state = "ready";
      if (pool.is_short()) v.reason = pool.reason;
      break;
    case Pool::Phase::failing:
      v.state = "failing";
      v.reason = pool.reason;
      break;
    case Pool::Phase::removed:
      v.state = "draining";
      break;
  }
  v.size = pool.phase == Pool::Phase::removed ? 0 : static_cast<std::uint32_t>(pool.wanted());
  v.size_min = pool.settings->size;
  v.size_max = pool.settings->most();
  v.waiting = pool.waiting;
  for (const Worker* worker : pool.workers) {
    if (worker->phase == Worker::Phase::ready) ++v.workers;
    if (worker->phase == Worker::Phase::stopping) ++v.draining;
    if (!worker->channel.empty() && worker->wait == Worker::Wait::none) ++v.busy;
  }
  v.isolation = pool.settings->isolation;
  v.crashes = pool.crashes;
  v.finished = pool.finished;
  if (pool.place != kNotInHeap) {
    const auto wait = Nanos(pool.due) - now.steady.time_since_epoch();
    v.retry_in = std::max(std::chrono::ceil<Millis>(wait), Millis(0));
  }
  if (pool.offer) v.functions = pool.offer->functions;
  v.containment = around_.containment;
  return v;
}

QueueView Scheduler::view(const Queue& queue, Now now) {
  QueueView v;
  v.name = queue.name;
  v.length = queue.length;
  if (queue.spent) v.next_in = std::max(std::chrono::ceil<Millis>(queue.opens - now.steady), Millis(1));
  for (const Lane* lane : queue.lanes) {
    for (const Lane::Band& band : lane->bands) {
      if (const Job* first = band.ready.first; first != nullptr)
        v.oldest = std::max(v.oldest, std::chrono::duration_cast<Millis>(now.steady - first->queued));
    }
  }
  return v;
}

/// Of those that have jobs.
std::vector<const Queue*> Scheduler::longest_queues() const {
  std::vector<const Queue*> longest;
  for (const auto& [name, queue] : lanes_.queues()) {
    if (queue->jobs > 0) longest.push_back(queue.get());
  }
  const std::size_t shown = std::min(longest.size(), kMostQueuesShown);
  std::partial_sort(longest.begin(), longest.begin() + static_cast<std::ptrdiff_t>(shown), longest.end(),
                    [](const Queue* a, const Queue* b) {
                      return a->length != b->length ? a->length > b->length : a->name < b->name;
                    });
  longest.resize(shown);
  return longest;
}

/// Those with jobs, the longest first, then those of which something is said by their names.
std::vector<QueueView> Scheduler::view_queues(Now now) const {
  std::unordered_map<const Queue*, std::uint64_t> running;
  for (const auto& [id, worker] : workers_) {
    if (!worker->channel.empty()) ++running[worker->channel.front().job->lane->queue];
  }
  std::vector<QueueView> views;
  for (const Queue* queue : longest_queues()) {
    views.push_back(view(*queue, now));
    if (const auto found = running.find(queue); found != running.end()) views.back().running = found->second;
  }
  for (const std::string& name : steering_.named_queues()) {
    const Queue* queue = lanes_.find_queue(name);
    if ((queue != nullptr && queue->jobs > 0) || views.size() >= kMostQueuesShown) continue;
    views.emplace_back().name = name;
  }
  for (QueueView& view : views) {
    const QueueRule rule = steering_.rule(view.name);
    view.paused = rule.paused;
    view.draining = rule.draining;
    view.weight = rule.weight;
    view.rate = rule.rate;
    view.ageing = rule.ageing;
    view.max_length = rule.max_length;
    view.holds = rule.hold;
  }
  return views;
}

std::vector<QuotaView> Scheduler::view_quotas() const {
  std::vector<QuotaView> views;
  for (const auto& [name, quota] : lanes_.quotas().configured())
    views.push_back({name, quota->size, quota->running});
  return views;
}

void Scheduler::on(Asked& asked, message::Explain& explain, Turn& t) {
  const Job* job = find(asked, explain.key, Touch::look, t);
  if (job == nullptr) return;
  std::vector<WaitReason> reasons = Explainer(*this, *job, t.now, &asked).all();
  reply(asked.event.session, asked.number(), message::Explained{{job->id, job->state, std::move(reasons)}},
        false, t);
}

void Scheduler::on(Asked& asked, message::StatusQuery&, Turn& t) {
  StatusView v;
  v.version = around_.version;
  v.pid = around_.pid;
  v.endpoint = settings_.endpoint;
  v.state_dir = settings_.state_dir;
  v.uptime = std::chrono::duration_cast<Millis>(t.now.steady - around_.started);
  v.health = "ok";
  for (const Pool& pool : pools_) {
    v.pools.push_back(view(pool, t.now));
    if (pool.phase == Pool::Phase::failing) {
      v.problems.push_back("pool " + pool.settings->name + " is failing: " + pool.reason);
    } else if (pool.is_short()) {
      v.problems.push_back("pool " + pool.settings->name + " has " + std::to_string(v.pools.back().workers) +
                           " of " + std::to_string(pool.wanted()) +
                           " workers, for others do not start: " + pool.reason);
    }
  }
  if (draining_) v.problems.emplace_back("the daemon is stopping");
  for (std::string& problem : commands_.problems()) v.problems.push_back(std::move(problem));
  v.waited = waited_.percentiles(t.now.steady);
  v.ran = ran_.percentiles(t.now.steady);
  v.accepted = accepted_;
  v.finished = finished_;
  v.finished_per_second = ran_.per_second(t.now.steady, around_.started);
  v.remembered = names_.held();
  view_disk(v);
  v.clients = around_.clients;
  v.garbage = around_.garbage;
  v.refused = refused_;
  v.stale_reports = stale_reports_;
  // What others do is not a user's to see; that the daemon is well is.
  const bool all = asked.session.standing == Standing::admin;
  const Account account = all ? accounts_.all() : accounts_.of(asked.uid());
  v.jobs_by_state.assign(account.by_state.begin(), account.by_state.end());
  if (all) v.queues = view_queues(t.now);
  if (all) v.quotas = view_quotas();
  if (all && maintenance_) {
    v.maintenance = to_string(maintenance_->task);
    v.maintenance_percent = around_.maintenance_percent;
  }
  v.limits = all ? accounts_.view() : accounts_.view(asked.uid());
  v.limits.push_back({"max_queues", lanes_.busy_queues(), settings_.limits.max_queues});
  v.limits.push_back({"max_unwritten", unwritten(), settings_.limits.max_unwritten});
  for (const LimitView& limit : v.limits) {
    if (limit.used * 10 >= limit.most * 9) v.problems.push_back(limit.name + " is nearly reached");
  }
  if (!v.problems.empty()) v.health = "degraded";
  reply(asked.event.session, asked.number(), message::Status{std::move(v)}, false, t);
}

}  // namespace promised
