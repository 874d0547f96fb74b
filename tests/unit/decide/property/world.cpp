// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/decide/property/world.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <iterator>
#include <utility>

namespace promised::test {
namespace {

using namespace std::chrono_literals;

/// Turns without an event in a row: more, and the loop spins.
constexpr int kMostTurns = 200;
constexpr std::size_t kClients = 4;
/// One of so many turns is looked at thoroughly.
constexpr std::uint64_t kThorough = 16;

/// Which pools there are: `main` always, `side` in most.
std::vector<PoolSettings> pools_of(std::uint64_t choice) {
  Dice dice(choice);
  std::vector<PoolSettings> pools(1 + (dice.below(3) != 0 ? 1 : 0));
  constexpr std::array<const char*, 4> kPrograms{"/all", "/fg", "/gh", "/fh"};
  const std::array<std::vector<std::string>, 4> kSomeQueues{
      {{"default", "q1"}, {"q*"}, {"d*", "?2"}, {"q1"}}};
  constexpr std::array<std::uint32_t, 5> kPrefetch{0, 0, 1, 2, 5};
  for (std::size_t i = 0; i < pools.size(); ++i) {
    PoolSettings& pool = pools[i];
    pool.name = i == 0 ? "main" : "side";
    pool.program = kPrograms[dice.below(kPrograms.size())];
    pool.size = static_cast<std::uint32_t>(dice.below(4));
    if (pool.size == 0 || dice.below(3) == 0)
      pool.size_max = pool.size + 1 + static_cast<std::uint32_t>(dice.below(3));
    pool.prefetch = kPrefetch[dice.below(kPrefetch.size())];
    pool.kill_grace = 200ms;
    pool.idle_time = 5s;
    pool.start_timeout = 5s;
    if (dice.below(4) == 0) pool.run_timeout = 2s;
    if (dice.below(5) == 0) pool.progress_timeout = 1s;
    if (dice.below(4) == 0) pool.recycle_jobs = 3 + dice.below(5);
    if (dice.below(4) == 0) pool.queues = kSomeQueues[dice.below(kSomeQueues.size())];
    if (dice.below(4) == 0) pool.isolation = Isolation::job;
    if (dice.below(3) == 0) pool.program_version = std::to_string(dice.below(2));
  }
  return pools;
}

}  // namespace

void Tally::add(const Tally& other) {
  events += other.events;
  jobs += other.jobs;
  outcomes += other.outcomes;
  dispatches += other.dispatches;
  restarts += other.restarts;
  waits += other.waits;
  spoilt += other.spoilt;
  from_disk += other.from_disk;
  interrupted += other.interrupted;
  retried += other.retried;
  joined += other.joined;
  followed += other.followed;
  composites += other.composites;
  explained += other.explained;
  news += other.news;
  commands += other.commands;
  cleared += other.cleared;
  lost_news += other.lost_news;
}

World::World(std::uint64_t setup) : setup_(setup) {
  Dice dice(setup);
  settings_.access.everyone = true;
  settings_.pools = pools_of(dice.roll());
  settings_.quotas = {{"qa", 1}, {"qb", 2}};
  if (dice.below(2) == 0) settings_.queues = queues_of(dice.roll());
  Limits& limits = settings_.limits;
  limits.keep_unfetched = 10h;
  limits.default_lifespan = 5s;
  if (dice.below(4) == 0) have_commands(dice);
  watched_ = dice.below(3) == 0;
  bursts_ = watched_ && dice.below(2) == 0;
  if (bursts_) limits.max_events = dice.below(50);
  narrow_ = dice.below(2) == 0;
  if (narrow_ || dice.below(2) == 0) limits.max_in_memory = 4 + dice.below(30);
  if (dice.below(3) == 0) limits.max_interruptions = static_cast<std::uint32_t>(dice.below(3));
  if (dice.below(3) == 0) limits.max_waiting = static_cast<std::uint32_t>(dice.below(3));
  if (dice.below(4) == 0) limits.max_jobs_per_owner = 10 + dice.below(40);
  if (dice.below(4) == 0) limits.max_bytes_per_owner = 300 + dice.below(2000);
  for (std::size_t i = 0; i < kClients; ++i) {
    Client& client = clients_.emplace_back();
    client.uid = i == 0 ? 0 : static_cast<uid_t>(1000 + i / 2);  // one administrator, and two of one user
    client.id = make_id(IdOf::client, i);
  }
  begin_daemon();
  for (Client& client : clients_) come_back(client);
}

void World::begin_daemon() {
  still_since_.reset();
  around_ = {};
  around_.started = now_.steady;
  around_.outcomes = kOutcomes;
  around_.new_id = [this] { return make_id(IdOf::command, ++tally_.commands); };
  around_.exec_arguments = exec_arguments_as_text;
  around_.instance = make_id(IdOf::daemon, tally_.restarts);
  scheduler_ = std::make_unique<Scheduler>(settings_, around_, kDaemon, 42);
  store_.restore(*scheduler_, now_, plan_);
  scheduler_->start(now_, plan_);
  if (watched_) begin_witness();
  turn();
}

/// It is killed; or it is told to stop, has all written, and is gone.
void World::restart(std::uint64_t detail) {
  ++tally_.restarts;
  if (detail % 3 == 0) {
    scheduler_->drain(now_, plan_);
    turn();
    (void)everybody_works();
    scheduler_->stop_now(plan_);
    turn();
    while (!hands_.empty()) gone(hands_.begin()->second, SIGKILL, 0);
    turn();
    commit();
    if (!scheduler_->drained()) throw Violation("a daemon whose workers have gone does not end");
  }
  pending_.clear();
  plan_.clear();
  hands_.clear();
  disk_.clear();
  running_.clear();
  slow_disk_ = false;
  for (Client& client : clients_) lose_session(client);
  news_.begin_anew();
  lose_commands();
  clearings_.clear();
  may_be_cleared_.clear();
  for (auto& [number, entry] : entries_) {
    if (entry.is_open() && entry.accepted && entry.durable() && store_.find(entry.id) == nullptr &&
        !entry.may_lapse)
      throw Violation("job " + entry.id.text() + " was accepted, has not ended, and is not on disk");
    entry.may_be_lost |= !entry.durable();
    const ModelStore::Row* row = store_.find(entry.id);
    entry.may_run_again |= entry.outcome && row != nullptr && !is_ended(row->job.state);
  }
  now_.steady = Instant(1h);  // the machine may have begun anew as well
  now_.wall += std::chrono::milliseconds(detail % 5000);
  begin_daemon();
}

void World::tell(Event event) {
  pending_.push_back(std::move(event));
}

void World::turn() {
  int turns = 0;
  do {
    one_turn();
    if (++turns > kMostTurns) throw Violation("the loop spins");
  } while (!pending_.empty() || scheduler_->next_due(now_) == Nanos(0));
  still_since_ = now_;
}

void World::one_turn() {
  const bool is_still =
      still_since_ && still_since_->steady == now_.steady && still_since_->wall == now_.wall;
  Audit::Moment moment = is_still ? Audit::Moment::between_turns : Audit::Moment::within_turn;
  still_since_.reset();
  while (!pending_.empty()) {
    Event event = std::move(pending_.front());
    pending_.pop_front();
    // What was held back is answered together with other things, and does not hold any more afterwards.
    const auto* request = std::get_if<event::Requested>(&event);
    const bool asks_why =
        request != nullptr && std::holds_alternative<message::Explain>(request->request.body);
    const std::size_t before = plan_.effects.size();
    scheduler_->handle(std::move(event), now_, plan_);
    ++tally_.events;
    if (asks_why) check_explained(before, moment);
    moment = Audit::Moment::within_turn;
  }
  scheduler_->end_turn(now_, plan_);
  const Audit audit(*scheduler_, settings_, now_);
  audit.each_turn(running_);
  if (++turns_ % kThorough == 0) audit.thorough();
  Plan plan = std::exchange(plan_, {});
  take_cleared(plan);
  take_commands(plan);
  take_news(plan);
  std::vector<const effect::Dispatch*> dispatches;
  for (const auto* effects : {&plan.effects, &plan.after_commit}) {
    for (const Effect& effect : *effects) {
      if (const auto* dispatch = std::get_if<effect::Dispatch>(&effect)) dispatches.push_back(dispatch);
    }
  }
  check_dispatches(dispatches);
  if (!plan.changes.empty()) ++around_.submitted;
  disk_.push_back({around_.submitted, std::move(plan.changes), std::move(plan.after_commit), {}});
  carry_out(plan.effects);
  if (!slow_disk_) commit();
}

/// All that the disk has been given is on it.
void World::commit() {
  for (Batch& batch : std::exchange(disk_, {})) {
    for (const Change& change : batch.changes) store_.apply(change);
    around_.store.committed = batch.number;
    carry_out(batch.after);
    for (const Effect& effect : batch.reads) read(effect);
  }
  around_.store.unwritten = 0;
}

void World::check_dispatches(const std::vector<const effect::Dispatch*>& dispatches) {
  const Audit audit(*scheduler_, settings_, now_);
  for (const effect::Dispatch* dispatch : dispatches) audit.went_first(dispatch->run.id, dispatch->worker);
}

void World::carry_out(std::vector<Effect>& effects) {
  for (Effect& effect : effects) {
    if (auto* send = std::get_if<effect::Send>(&effect)) {
      hear(send->session, send->reply, send->payload);
    } else if (const auto* close = std::get_if<effect::CloseSession>(&effect)) {
      if (const auto session = sessions_.find(close->session); session != sessions_.end()) {
        lose_session(clients_[session->second]);
      }
    } else if (const auto* start = std::get_if<effect::StartWorker>(&effect)) {
      Hand& hand = hands_[start->worker];
      hand.id = start->worker;
      hand.pool = start->pool;
    } else if (const auto* dispatch = std::get_if<effect::Dispatch>(&effect)) {
      dispatched(*dispatch);
    } else if (const auto* revoke = std::get_if<effect::RevokeUnclaimed>(&effect)) {
      const auto found = hands_.find(revoke->worker);
      if (found == hands_.end()) continue;
      Hand& hand = found->second;
      std::erase_if(hand.channel, [&](const message::Run& run) { return run.sequence >= hand.claimed; });
      hand.revoked_below = revoke->sent;
      tell(event::Revoked{hand.id, hand.claimed});
    } else if (const auto* kill = std::get_if<effect::KillWorker>(&effect)) {
      if (const auto hand = hands_.find(kill->worker); hand != hands_.end() && hand->second.signal != SIGKILL)
        hand->second.signal = kill->signal;
    } else if (const auto* stop = std::get_if<effect::StopWorker>(&effect)) {
      if (const auto hand = hands_.find(stop->worker); hand != hands_.end()) hand->second.told_to_stop = true;
    } else if (const auto* resume = std::get_if<effect::SendResume>(&effect)) {
      if (const auto hand = hands_.find(resume->worker); hand != hands_.end()) hand->second.waiting = false;
    } else if (std::holds_alternative<effect::LoadBacklog>(effect) ||
               std::holds_alternative<effect::LoadJob>(effect) ||
               std::holds_alternative<effect::LoadArguments>(effect) ||
               std::holds_alternative<effect::FindInBacklog>(effect) ||
               std::holds_alternative<effect::LoadResult>(effect)) {
      // The committer does things in their order.
      disk_.empty() ? read(effect) : disk_.back().reads.push_back(effect);
    }
  }
}

void World::read(const Effect& effect) {
  if (const auto* page = std::get_if<effect::LoadBacklog>(&effect)) {
    auto jobs = store_.load_backlog(*page);
    tally_.from_disk += jobs.size();
    tell(event::BacklogLoaded{page->queue, page->function, page->quotas, page->priority, std::move(jobs)});
  } else if (const auto* searched = std::get_if<effect::FindInBacklog>(&effect)) {
    BacklogSearch search = searched->search;
    store_.find_in_backlog(search);
    tell(event::FoundInBacklog{std::move(search)});
  } else if (const auto* one = std::get_if<effect::LoadJob>(&effect)) {
    tell(event::JobLoaded{one->id, store_.load_job(one->id)});
  } else if (const auto* of = std::get_if<effect::LoadArguments>(&effect)) {
    tell(event::ArgumentsLoaded{of->job, of->session, of->number, store_.load_arguments(of->job)});
  } else if (const auto* result = std::get_if<effect::LoadResult>(&effect)) {
    const auto found = store_.load_result(result->job);
    tell(event::ResultLoaded{result->job, found.has_value(), {}, found.value_or(Payload())});
  }
}

void World::pass(Nanos duration) {
  now_.steady += duration;
  now_.wall += std::chrono::duration_cast<std::chrono::microseconds>(duration);
  turn();
}

void World::reconfigure(std::uint64_t choice) {
  event::Reconfigured read;
  if (choice % 4 == 0) settings_.queues = queues_of(choice);
  for (const PoolSettings& pool : pools_of(choice))
    read.pools.push_back(std::make_shared<const PoolSettings>(pool));
  tell(std::move(read));
}

void World::everything_is_offered() {
  event::Reconfigured read;
  PoolSettings pool;
  pool.name = "main";
  pool.program = "/everything";
  pool.size = 2;
  pool.program_version = "last";
  read.pools.push_back(std::make_shared<const PoolSettings>(pool));
  tell(std::move(read));
}

void World::perform(const Step& step) {
  Client& client = clients_[step.who % clients_.size()];
  switch (step.kind) {
    case Step::Kind::submit:
      submit(step);
      break;
    case Step::Kind::follow:
      follow(step);
      break;
    case Step::Kind::tree:
      tree(step);
      break;
    case Step::Kind::subscribe:
      subscribe(client, step);
      break;
    case Step::Kind::read:
      read(client);
      break;
    case Step::Kind::leave:
      leave(client, step.detail);
      break;
    case Step::Kind::come_back:
      if (!client.session) come_back(client);
      break;
    case Step::Kind::time: {
      constexpr std::array<std::chrono::milliseconds, 8> kWaits{1ms,   5ms,    11ms,   60ms,
                                                                250ms, 1000ms, 3000ms, 12'000ms};
      pass(kWaits[step.detail % kWaits.size()]);
      break;
    }
    case Step::Kind::commit:
      commit();
      slow_disk_ = false;
      break;
    case Step::Kind::slow_disk:
      slow_disk_ = true;
      if (step.detail % 4 == 0) around_.store.unwritten = settings_.limits.max_unwritten;
      break;
    case Step::Kind::reload:
      reconfigure(step.detail);
      break;
    case Step::Kind::pause:
    case Step::Kind::policy:
    case Step::Kind::quota:
      steer_queues(step);
      break;
    case Step::Kind::clear:
      clear(step);
      break;
    case Step::Kind::restart:
      restart(step.detail);
      break;
    case Step::Kind::count:
      break;
    default:
      step.kind < Step::Kind::start_worker ? steer(step) : work(step);
  }
  if (!step.joined) turn();
}

Tally live(const Story& story) {
  World world(story.setup);
  for (const Step& step : story.steps) world.perform(step);
  world.settle();
  return world.tally();
}

}  // namespace promised::test
