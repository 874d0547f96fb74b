// SPDX-License-Identifier: Apache-2.0
// Workers come, say what they can run, and go; a pool whose workers come to nothing is failing (SEMANTICS
// I7).
#include <algorithm>
#include <bit>
#include <csignal>
#include <cstring>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{30'000};
/// A worker that goes sooner, without having run a job, has not really started.
constexpr std::chrono::seconds kSettled{1};

/// It has handed back its job: the kernel had no process to run that in.
bool is_without_process(const Worker& worker, const event::WorkerGone& gone) {
  return worker.settings->isolation == Isolation::job && worker.phase != Worker::Phase::starting &&
         gone.signal == 0 && gone.exit_code == message::kNoProcessForJob;
}

std::string how_it_went(const event::WorkerGone& gone) {
  if (!gone.protocol_error.empty()) return "it broke the worker protocol: " + gone.protocol_error;
  if (gone.signal != 0) {
    return "it was killed by signal " + std::to_string(gone.signal) + " (" + strsignal(gone.signal) + ")";
  }
  return "it exited with status " + std::to_string(gone.exit_code);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// The end of what the worker wrote, as one line.
std::string last_words(const std::string& output) {
  constexpr std::size_t kMost = 200;
  std::string text = output.substr(output.size() > kMost ? output.size() - kMost : 0);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text.empty() ? std::string() : "; it wrote: " + text;
}

/// Why a worker that has come to nothing has.
std::string why_it_failed(const Worker& worker, const event::WorkerGone& gone) {
  std::string reason = worker.settings->program + ": ";
  if (worker.kill_reason == KillReason::no_function) {
    reason += worker.fault;
  } else if (worker.kill_reason == KillReason::start_timeout) {
    reason += "it did not say what it can run within start_timeout (" +
              std::to_string(worker.settings->start_timeout.count()) + " ms)";
  } else if (is_without_process(worker, gone)) {
    reason += "there was no process to run a job in";
  } else {
    reason += how_it_went(gone);
    if (worker.phase == Worker::Phase::starting) {
      reason += " before it was ready";
    } else if (worker.kill_reason == KillReason::none) {
      reason += " as soon as it was ready";
    }
  }
  return reason + last_words(gone.output);
}

}  // namespace

void Scheduler::on(event::WorkerStarted&& e, Turn&) {
  if (Worker* worker = find_worker(e.worker); worker != nullptr) worker->pid = e.pid;
}

void Scheduler::on(event::WorkerReady&& e, Turn& t) {
  Worker* worker = find_worker(e.worker);
  if (worker == nullptr || worker->phase != Worker::Phase::starting) return;
  Pool& pool = *worker->pool;
  const bool as_the_others = pool.offer != nullptr && pool.offer->registered == e.functions &&
                             pool.offer->globs == worker->settings->functions;
  auto offer = as_the_others ? pool.offer : make_offer(std::move(e.functions), *worker->settings);
  if (offer->functions.empty()) {
    worker->fault = nothing_offered(*offer, *worker->settings);
    kill(*worker, KillReason::no_function, t);
    return;  // it names none: there is nothing to let go
  }
  worker->offer = std::move(offer);
  if (!as_the_others) adopt_offer(pool, worker->offer);
  worker->phase = Worker::Phase::ready;
  worker->heard = t.now.steady;
  worker->ready_since = t.now.steady;
  clear_timer(*worker);
  pool.dirty = true;
  if (!pool.lacks_process(t.now.steady)) tell_recovered(pool, t);
  const bool was_new = std::exchange(pool.unproven, false);
  if (std::exchange(pool.phase, Pool::Phase::ready) != Pool::Phase::ready || was_new) retry_held(t);
  start_workers(pool, t);
  trim(pool, t);
  rest(*worker, t);
}

/// If it has been told to be failing, and is not any more.
void Scheduler::tell_recovered(Pool& pool, Turn& t) {
  if (!pool.failure_told || !pool.is_complete()) return;
  pool.failure_told = false;
  t.plan.effects.emplace_back(effect::Log{
      effect::Log::Level::info, "pool " + pool.settings->name + " has recovered: all its workers are ready"});
}

/// What the pool's configuration lets through of what a worker has registered.
std::shared_ptr<const Offer> Scheduler::make_offer(std::vector<FunctionView> registered,
                                                   const PoolSettings& settings) {
  auto offer = std::make_shared<Offer>();
  offer->globs = settings.functions;
  for (std::uint32_t i = 0; i < registered.size(); ++i) {
    if (!settings.offers(registered[i].name)) continue;
    Function& offered = function(registered[i].name);
    if (!offer->index.emplace(&offered, i).second) continue;
    ++offered.offers;
    offer->functions.push_back(registered[i]);
  }
  offer->registered = std::move(registered);
  return offer;
}

std::string Scheduler::nothing_offered(const Offer& offer, const PoolSettings& settings) {
  if (offer.registered.empty()) return "it registered no function";
  constexpr std::size_t kFew = 5;
  std::vector<std::string> first;
  for (const FunctionView& function : offer.registered) {
    if (first.size() < kFew) first.push_back(function.name);
  }
  const std::size_t more = offer.registered.size() - first.size();
  return "functions = " + joined(settings.functions) + " in [pool." + settings.name +
         "] lets through none of what it registers: " + joined(first) +
         (more == 0 ? "" : " and " + std::to_string(more) + " more");
}

/// Who has had it has another now, or is gone. With the last of them go the names that nobody else has.
void Scheduler::let_go(std::shared_ptr<const Offer> offer) {
  if (offer == nullptr || offer.use_count() > 1) return;
  for (const auto& [named, place] : offer->index) {
    Function& function = *functions_.find(named->name)->second;
    --function.offers;
    forget_unused(function);
  }
}

/// The pool's functions are now these; its lanes follow.
void Scheduler::adopt_offer(Pool& pool, std::shared_ptr<const Offer> offer) {
  for (auto& [name, function] : functions_) {
    const bool had = pool.offer != nullptr && pool.offer->has(*function);
    const bool has = offer->has(*function);
    if (had == has) continue;
    if (!has) {
      std::erase(function->offered_by, &pool);
      for (Lane* lane : function->lanes) lanes_.unserve(*lane, pool.ready);
      continue;
    }
    function->offered_by.push_back(&pool);
    for (Lane* lane : function->lanes) {
      if (pool.settings->serves(lane->queue->name)) lanes_.serve(*lane, pool.ready);
    }
  }
  let_go(std::exchange(pool.offer, std::move(offer)));
}

void Scheduler::pool_failed(Pool& pool, std::string reason, Turn& t) {
  if (pool.phase == Pool::Phase::removed) return;
  const auto pause = kFirstPause * (1U << std::min(pool.failures, 9U));
  ++pool.failures;
  pool.reason = std::move(reason);
  // The first time, then whenever there have been twice as many; not the first few of each row, for jobs that
  // end on other workers begin it anew.
  constexpr std::uint32_t kFew = 8;
  const bool first = !std::exchange(pool.failure_told, true);
  if (first || (pool.failures >= kFew && std::has_single_bit(pool.failures))) {
    const std::string count = first ? "" : ", " + std::to_string(pool.failures) + " starts in a row";
    t.plan.effects.emplace_back(
        effect::Log{effect::Log::Level::warning,
                    "pool " + pool.settings->name + " is failing" + count + ": " + pool.reason});
  }
  if (!draining_) set_timer(pool, t.now.steady + std::min<std::chrono::milliseconds>(pause, kLongestPause));
  // Those of an earlier configuration may serve on; that this one does not work is to be seen all the same.
  const bool serves = std::any_of(pool.workers.begin(), pool.workers.end(), [&](const Worker* w) {
    return w->phase == Worker::Phase::ready && pool.is_current(*w);
  });
  if (!serves && std::exchange(pool.phase, Pool::Phase::failing) == Pool::Phase::starting) retry_held(t);
}

void Scheduler::on(event::WorkerStartFailed&& e, Turn& t) {
  Worker* worker = find_worker(e.worker);
  if (worker == nullptr) return;
  Pool& pool = *worker->pool;
  const bool of_this_configuration = worker->phase == Worker::Phase::starting && pool.is_current(*worker);
  remove_worker(*worker);
  if (of_this_configuration) {
    pool_failed(pool, std::move(e.reason), t);
  } else {
    start_workers(pool, t);
  }
}

void Scheduler::remove_worker(Worker& worker) {
  clear_timer(worker);
  std::erase(worker.pool->workers, &worker);
  std::shared_ptr<const Offer> offer = std::move(worker.offer);
  workers_.erase(worker.id);
  let_go(std::move(offer));
}

/// With SIGTERM, and SIGKILL after kill_grace, where it is for the job that it runs; else with SIGKILL.
void Scheduler::kill(Worker& worker, KillReason reason, Turn& t) {
  if (worker.kill_reason != KillReason::none) return;
  const bool for_its_job = reason == KillReason::run_timeout || reason == KillReason::progress_timeout ||
                           reason == KillReason::deadline || reason == KillReason::cancelled;
  if (!for_its_job) {
    kill_hard(worker, reason, t);
    return;
  }
  worker.kill_reason = reason;
  worker.kill_sequence = worker.channel.front().sequence;
  t.plan.effects.emplace_back(effect::KillWorker{worker.id, SIGTERM});
  clear_timer(worker);
  set_timer(worker, t.now.steady + worker.settings->kill_grace);
}

/// Also where SIGTERM has been sent already, for whatever reason: that stays.
void Scheduler::kill_hard(Worker& worker, KillReason reason, Turn& t) {
  if (std::exchange(worker.killed_hard, true)) return;
  if (worker.kill_reason == KillReason::none) {
    worker.kill_reason = reason;
    if (!worker.channel.empty()) worker.kill_sequence = worker.channel.front().sequence;
  }
  t.plan.effects.emplace_back(effect::KillWorker{worker.id, SIGKILL});
  clear_timer(worker);
}

/// The worker has done what none does that keeps to its protocol; `fault` says what, of itself ("it ...").
void Scheduler::kill_for_fault(Worker& worker, std::string fault, Turn& t) {
  if (worker.kill_reason != KillReason::none) return;
  worker.fault = std::move(fault);
  kill(worker, KillReason::protocol, t);
}

/// Whether the first job of a worker that is gone is taken for begun; counts how often in a row it is not.
/// What it goes by is the worker's own memory too: a job may have said there that it has not begun, by
/// mistake or not. So that is believed a few times in a row, and never of a job that must not run twice; but
/// always where the daemon has ended the worker for reasons of its own, as it may have sent the job just
/// before.
bool Scheduler::judge_begun(const Worker& worker, const event::WorkerGone& gone) {
  const WorkerChannel::Slot& first = worker.channel.front();
  if (worker.channel.has_first_begun(first.sequence, gone.first_unclaimed)) {
    if (first.job->detail) first.job->detail->given_back = 0;
    return true;
  }
  if (is_without_process(worker, gone)) return false;
  // It was never told of it; or the daemon ended it for reasons of its own.
  if (first.batch > around_.store.committed) return false;
  if (worker.kill_reason == KillReason::stop || first.job->cancel_asked) return false;
  if (first.job->at_most_once) return true;
  std::uint8_t& times = first.job->more().given_back;
  if (times < kMostGivenBack) ++times;
  return times == kMostGivenBack;
}

/// The first time, and whenever there have been twice as many.
void Scheduler::tell_fault(Pool& pool, const Worker& worker, const std::string& fault, Turn& t) {
  if (fault.empty() || !std::has_single_bit(++pool.faults)) return;
  const std::string count = pool.faults == 1 ? "" : " (" + std::to_string(pool.faults) + " times so far)";
  t.plan.effects.emplace_back(effect::Log{effect::Log::Level::warning,
                                          "a worker of pool " + pool.settings->name + " (pid " +
                                              std::to_string(worker.pid) +
                                              ") has broken its protocol and was killed: " + fault + count});
}

void Scheduler::on(event::WorkerGone&& e, Turn& t) {
  Worker* worker = find_worker(e.worker);
  if (worker == nullptr) return;
  Pool& pool = *worker->pool;
  worker->channel.end_revoking();
  if (worker->wait != Worker::Wait::none) give_up_wait(*worker, *worker->channel.front().job);
  pool.dirty = true;
  if (worker->kill_reason == KillReason::protocol && e.protocol_error.empty())
    e.protocol_error = worker->fault;
  // One job was the worker's last; all others go back as if nothing had been. (Where the channel was torn, it
  // may have run some of them, but nobody has heard of it.)
  const bool had_job = !worker->channel.empty() && judge_begun(*worker, e);
  if (!worker->channel.empty()) give_back(*worker, worker->channel.front().sequence + (had_job ? 1 : 0), t);
  if (had_job) {
    const WorkerChannel::Slot slot = worker->channel.take_first();
    keep_printed(*slot.job, std::move(e.printed));
    slot.job->worker = nullptr;
    lanes_.give_back(*slot.job);
    lost_with_worker(slot, *worker, e, t);
  }
  release_children(*worker, t);
  // A worker may also leave by itself, between two jobs.
  const bool left = !had_job && worker->ran > 0 && e.signal == 0 && e.exit_code == 0;
  const bool handed_back = !had_job && worker->kill_reason == KillReason::none &&
                           worker->phase == Worker::Phase::ready && is_without_process(*worker, e);
  const bool asked_to = worker->kill_reason != KillReason::none || left || handed_back ||
                        (worker->phase == Worker::Phase::stopping && !had_job);
  if (!asked_to) ++pool.crashes;
  const bool never_served = !had_job && worker->ran == 0;
  const bool went_soon = !asked_to && t.now.steady - worker->ready_since < kSettled;
  const bool came_to_nothing = worker->phase == Worker::Phase::starting || handed_back ||
                               (never_served && (went_soon || worker->kill_reason == KillReason::protocol));
  std::string why = why_it_failed(*worker, e);
  if (!came_to_nothing) tell_fault(pool, *worker, e.protocol_error, t);
  remove_worker(*worker);
  if (handed_back) pool.lacked_process = t.now.steady;
  if (came_to_nothing) {
    pool_failed(pool, std::move(why), t);
  } else {
    start_workers(pool, t);
  }
  pool.dirty = true;  // it may have held the place of another
}

}  // namespace promised
