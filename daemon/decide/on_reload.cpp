// SPDX-License-Identifier: Apache-2.0
// The configuration was read anew (SEMANTICS E6). A pool whose workers need not know of the change goes on
// with them. Where they do, one new worker shows that it works; then the others are started, and each that is
// ready sends an old one home. Until then, and for as long as new ones do not start, the old ones serve. The
// workers of a pool that is not configured any more end what they run. No job is lost, and nothing is
// counted.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "daemon/decide/scheduler.hpp"

namespace promised {

void Scheduler::on(Asked& asked, message::Reload&, Turn& t) {
  if (!Gate::may_maintain(asked.session.standing)) {
    refuse(asked.event.session, asked.number(),
           {.code = "not_permitted",
            .message = "only an administrator may have the configuration read anew, and user " +
                       std::to_string(asked.uid()) + " is none (section [access], key admins, says who is)"},
           t);
    return;
  }
  if (draining_) {
    refuse(
        asked.event.session, asked.number(),
        {.code = "interrupted",
         .message = "the daemon is stopping; the one that comes after it reads the configuration as it is"},
        t);
    return;
  }
  t.plan.effects.emplace_back(effect::ReadConfiguration{asked.event.session, asked.number()});
}

void Scheduler::on(event::Reconfigured&& e, Turn& t) {
  if (!e.problem && !draining_) {
    apply_steering(t);  // before those are asked again who were held until it is known what pools offer
    reconfigure(e.pools, t);
    reconsider_sessions(t);
  }
  if (e.number == 0 || sessions_.find(e.session) == nullptr) return;
  if (e.problem) {
    refuse(e.session, e.number, {.code = e.problem->code, .message = e.problem->message}, t);
  } else {
    reply(e.session, e.number, message::Reloaded{std::move(e.report)}, false, t);
  }
}

/// What a session may do follows what its user may. One that may do nothing any more is over: its client is
/// told why when it comes back.
void Scheduler::reconsider_sessions(Turn& t) {
  std::vector<SessionId> over;
  for (auto& [id, session] : sessions_) {
    session.standing = gate_.standing(session.who);
    subscriptions_.rescope(id, session.standing == Standing::admin);
    if (session.standing == Standing::nobody) over.push_back(id);
  }
  for (const SessionId id : over) {
    refuse(id, 0, {.code = "no_session", .message = "the daemon has closed this connection"}, t);
    t.plan.effects.emplace_back(effect::CloseSession{id});
    close_session(*sessions_.find(id), event::Departure::for_now, t);
  }
}

void Scheduler::reconfigure(const std::vector<std::shared_ptr<const PoolSettings>>& wanted, Turn& t) {
  const auto find = [&](const std::string& name) {
    return std::find_if(pools_.begin(), pools_.end(), [&](const Pool& p) {
      return p.phase != Pool::Phase::removed && p.settings->name == name;
    });
  };
  for (Pool& pool : pools_) {
    const bool stays = std::any_of(wanted.begin(), wanted.end(),
                                   [&](const auto& s) { return s->name == pool.settings->name; });
    if (!stays) remove_pool(pool, t);
  }
  for (const auto& settings : wanted) {
    if (const auto pool = find(settings->name); pool != pools_.end()) {
      change_pool(*pool, settings, t);
    } else {
      start_workers(pools_.emplace_back(settings), t);
    }
  }
  retry_held(t);
}

void Scheduler::change_pool(Pool& pool, const std::shared_ptr<const PoolSettings>& wanted, Turn& t) {
  const PoolChange change = compare(*pool.settings, *wanted);
  const bool same_queues = pool.settings->queues == wanted->queues;
  const bool same_functions = pool.settings->functions == wanted->functions;
  pool.settings = wanted;
  if (!same_queues) serve_queues(pool);
  bool any_ready = false;
  bool any_serves = false;
  for (Worker* worker : std::vector<Worker*>(pool.workers)) {
    // Also one that was about to be replaced: what it was started with may be wanted again.
    if (compare(*worker->settings, *wanted) != PoolChange::process) worker->settings = wanted;
    if (worker->phase == Worker::Phase::starting && !pool.is_current(*worker)) retire(*worker, t);
    any_serves |= worker->phase == Worker::Phase::ready;
    any_ready |= worker->phase == Worker::Phase::ready && pool.is_current(*worker);
  }
  pool.unproven = !any_ready && (pool.unproven || change == PoolChange::process);
  renew_offers(pool, t);
  pool.target = std::clamp(pool.target, std::max(wanted->size, pool.unproven ? 1U : 0U), wanted->most());
  if (change != PoolChange::none || pool.phase == Pool::Phase::failing || pool.is_short()) {
    // Whatever has failed may be mended: it is tried at once.
    pool.failures = 0;
    pool.lacked_process.reset();
    clear_timer(pool);
    if (pool.phase == Pool::Phase::failing)
      pool.phase = any_serves ? Pool::Phase::ready : Pool::Phase::starting;
  }
  const bool offers_something = pool.offer == nullptr || !pool.offer->functions.empty();
  if (!same_functions && !offers_something && !pool.unproven) offer_nothing(pool, t);
  start_workers(pool, t);
  shrink(pool, t);
  trim(pool, t);
  for (Worker* worker : pool.workers) {
    watch_rest(*worker, t);
    arm(*worker, t);
  }
  pool.dirty = true;
}

/// What the workers have said is offered as far as `functions` lets it through now. What is held ready goes
/// back: it may be nothing for them any more.
void Scheduler::renew_offers(Pool& pool, Turn& t) {
  using Shared = std::shared_ptr<const Offer>;
  const std::vector<std::string>& globs = pool.settings->functions;
  std::vector<std::pair<Shared, Shared>> renewed;  // what was, and what takes its place
  const auto renew = [&](const Shared& offer) {
    for (const auto& [before, now] : renewed) {
      if (before == offer) return now;
    }
    return renewed.emplace_back(offer, make_offer(offer->registered, *pool.settings)).second;
  };
  for (Worker* worker : pool.workers) {
    if (worker->offer == nullptr || !pool.is_current(*worker) || worker->offer->globs == globs) continue;
    worker->offer = renew(worker->offer);
    if (worker->channel.may_hold_prefetched()) revoke(*worker, t);
  }
  adopt_current_offer(pool);
  // It may be remembered from workers that are gone; that of an earlier program stays until there is another.
  const auto has_it = [&](const Worker* worker) { return worker->offer == pool.offer; };
  if (pool.offer != nullptr && pool.offer->globs != globs && !pool.unproven &&
      std::none_of(pool.workers.begin(), pool.workers.end(), has_it))
    adopt_offer(pool, renew(pool.offer));
  for (auto& [before, now] : renewed) let_go(std::move(before));
}

/// `functions` has been changed so that nothing is left: as if a worker had been started with it.
void Scheduler::offer_nothing(Pool& pool, Turn& t) {
  for (Worker* worker : std::vector<Worker*>(pool.workers)) retire(*worker, t);
  pool.target = std::max(pool.target, 1U);  // once there is something, a worker shows that
  pool_failed(pool, pool.settings->program + ": " + nothing_offered(*pool.offer, *pool.settings), t);
}

/// A configuration that is taken back finds workers that had come before those of the one in between: what
/// these have is offered again.
void Scheduler::adopt_current_offer(Pool& pool) {
  std::shared_ptr<const Offer> newest;
  for (const Worker* worker : pool.workers) {
    if (worker->phase != Worker::Phase::ready || !pool.is_current(*worker)) continue;
    if (worker->offer == pool.offer) return;
    newest = worker->offer;
  }
  if (newest != nullptr) adopt_offer(pool, std::move(newest));
}

/// The pool takes jobs from other queues than before.
void Scheduler::serve_queues(Pool& pool) {
  if (pool.offer == nullptr) return;
  for (const auto& [name, function] : functions_) {
    if (!pool.offer->has(*function)) continue;
    for (Lane* lane : function->lanes) {
      if (pool.settings->serves(lane->queue->name)) {
        lanes_.serve(*lane, pool.ready);
      } else {
        lanes_.unserve(*lane, pool.ready);
      }
    }
  }
}

/// It offers nothing any more; it is gone when its last worker is.
void Scheduler::remove_pool(Pool& pool, Turn& t) {
  if (std::exchange(pool.phase, Pool::Phase::removed) == Pool::Phase::removed) return;
  adopt_offer(pool, std::make_shared<const Offer>());
  clear_timer(pool);
  for (Worker* worker : pool.workers) retire(*worker, t);
}

}  // namespace promised
