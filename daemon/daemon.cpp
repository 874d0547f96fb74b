// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.hpp"
#include "common/fd.hpp"
#include "common/ids.hpp"
#include "common/units.hpp"
#include "common/wire/outcome_codec.hpp"
#include "daemon/act.hpp"
#include "daemon/decide/scheduler.hpp"
#include "daemon/door/door.hpp"
#include "daemon/ops/log.hpp"
#include "daemon/ops/notify.hpp"
#include "daemon/pool/exec_arguments.hpp"
#include "daemon/pool/workers.hpp"
#include "daemon/spawner_watch.hpp"
#include "daemon/store/committer.hpp"
#include "daemon/store/store.hpp"
#include "daemon/store/unfinished_copy.hpp"
#include "daemon/store_watch.hpp"
#include "daemon/take_over.hpp"

namespace promised {
namespace {

/// Requests of one turn at most, so that workers and the disk are not kept waiting by a flood of them.
constexpr std::size_t kRequestsPerTurn = 1024;
/// What wakes the loop; each a bit, so that a turn asks only those that have something.
enum Source : std::uint32_t { kSignals = 1, kDoor = 2, kWorkers = 4, kCommitter = 8, kWallClock = 16 };

/// The first answers to clients wait until every pool has told what it offers, or is failing; but no longer
/// than this.
constexpr std::chrono::seconds kStartPatience{10};
/// What the spawner has to end its workers when they are killed.
constexpr std::chrono::seconds kEndPatience{5};

}  // namespace

struct Daemon::Impl {
  Impl(Settings s, Reloader::Read read, std::unique_ptr<Spawner> sp, std::unique_ptr<Signals> si)
      : settings(std::move(s)),
        reloader(settings, std::move(read)),
        signals(std::move(si)),
        spawner(std::move(sp)),
        workers(settings, *spawner),
        scheduler(settings, around, ::geteuid(), random_seed()) {}

  Result<void> open();
  Result<void> replay(Store& store);
  Result<Ending> run();
  Result<void> turn();
  Result<void> wait();
  Result<void> intake();
  Result<void> hear_signals();
  void hear_committer();
  void watch_turned_away(const Door::Facts& facts);
  void decide();
  void count_unwritten();
  Result<void> tell_ready();
  void stop();
  void tell_stopping();
  [[nodiscard]] bool gives_up() const;
  Ending store_failed();

  Settings settings;
  Reloader reloader;  ///< alone changes them
  Surroundings around;
  StoreWatch store_watch{settings, around};
  std::unique_ptr<Signals> signals;
  std::unique_ptr<Spawner> spawner;
  SpawnerWatch spawner_watch{*spawner};
  Workers workers;
  Scheduler scheduler;
  std::unique_ptr<Committer> committer;
  std::unique_ptr<Door> door;
  std::unique_ptr<Act> act;
  Fd epoll;
  Fd wall_jump;  ///< readable when somebody has set the wall clock

  Plan plan;
  std::vector<Event> events;
  std::uint32_t woken = 0;  ///< Sources
  std::optional<Nanos> watchdog;
  std::uint64_t told_turned_away = 0;
  std::uint64_t told_cut_off = 0;
  Instant next_watchdog{};
  Instant ready_by{};
  Instant stop_by{};
  bool ready = false;
  bool stopping = false;
  bool stopping_told = false;
  bool stopped_hard = false;
  std::optional<Problem> store_problem;
};

Result<void> Daemon::Impl::open() {
  around.version = PROMISED_VERSION;
  around.pid = ::getpid();
  around.outcomes = {wire::encode_outcome, wire::encode_list, wire::with_first};
  around.instance = new_job_id();
  around.new_id = new_job_id;
  around.exec_arguments = exec_arguments;
  around.started = std::chrono::steady_clock::now();
  PROMISED_ASSIGN(auto store, Store::open(settings.state_dir, settings.large_result));
  PROMISED_ASSIGN(const Containment containment, take_over(settings, *spawner));
  around.containment = to_string(containment);
  if (auto removed = remove_unfinished_copies(settings.state_dir); !removed) {
    log::warning("what a check or a backup of the store has left unfinished: " + removed.problem().message);
  }
  PROMISED_TRY(replay(*store));
  around.store = store->facts();
  store_watch.start();
  committer = std::make_unique<Committer>(std::move(store));
  PROMISED_ASSIGN(door, Door::open(settings));
  act = std::make_unique<Act>(*door, workers, *committer, reloader);

  epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
  wall_jump.reset(::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  itimerspec never{};
  never.it_value.tv_sec = std::numeric_limits<std::int32_t>::max();
  if (::timerfd_settime(wall_jump.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, nullptr) != 0) {
    return Problem::system("cannot watch the wall clock");
  }
  const std::pair<int, Source> sources[] = {{signals->fd(), kSignals},
                                            {door->fd(), kDoor},
                                            {workers.fd(), kWorkers},
                                            {committer->fd(), kCommitter},
                                            {wall_jump.get(), kWallClock}};
  for (const auto& [fd, source] : sources) {
    epoll_event watch{};
    watch.events = EPOLLIN;
    watch.data.u32 = source;
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &watch) != 0)
      return Problem::system("cannot watch an fd");
  }
  PROMISED_ASSIGN(watchdog, notify::watchdog_interval());
  return {};
}

Result<void> Daemon::Impl::replay(Store& store) {
  const Now now = Now::read();
  std::size_t jobs = 0;
  PROMISED_TRY(store.replay_steered([&](SteeredQueue queue) { scheduler.restore(std::move(queue)); },
                                    [&](SteeredQuota quota) { scheduler.restore(std::move(quota)); }));
  PROMISED_TRY(store.replay_links([&](const RecoveredLink& link) { scheduler.restore(link); }));
  PROMISED_TRY(store.replay_backlog(
      [&](const RecoveredBacklog& part) {
        jobs += part.count;
        scheduler.restore(part);
      },
      [&](const JobId& id) { scheduler.restore_backlog_id(id); },
      [&](RecoveredJob job) { scheduler.restore_known(std::move(job), now, plan); }));
  PROMISED_TRY(store.replay(
      [&](RecoveredJob job) {
        ++jobs;
        scheduler.restore(std::move(job), now, plan);
      },
      [&](RecoveredName name) { scheduler.restore(std::move(name), now, plan); }));
  PROMISED_TRY(store.replay_graves([&](const RecoveredGrave& grave) { scheduler.restore(grave); }));
  if (jobs > 0) log::info("recovered " + std::to_string(jobs) + " jobs from " + settings.state_dir);
  return {};
}

/// The way through the house.
Result<void> Daemon::Impl::turn() {
  PROMISED_TRY(wait());
  PROMISED_TRY(intake());
  decide();
  // What act brings back (a channel that was taken back, a peer that is gone) is decided before anybody
  // sleeps.
  while (!events.empty()) decide();
  act->flush();
  return {};
}

Result<void> Daemon::Impl::wait() {
  const Now now = Now::read();
  std::optional<Nanos> sleep = scheduler.next_due(now);
  const auto consider = [&](Instant moment) {
    sleep = std::min(sleep.value_or(Nanos::max()), std::max(Nanos(moment - now.steady), Nanos(0)));
  };
  if (watchdog) consider(next_watchdog);
  if (const auto moment = door->look_again_at()) consider(*moment);
  if (!ready) consider(ready_by);
  if (stopping && !stopped_hard) consider(stop_by);
  if (const auto moment = spawner_watch.due()) consider(*moment);
  if (door->ready() || !events.empty()) sleep = Nanos(0);
  timespec timeout{};
  if (sleep) {
    timeout.tv_sec = *sleep / std::chrono::seconds(1);
    timeout.tv_nsec = (*sleep % std::chrono::seconds(1)).count();
  }
  std::array<epoll_event, 8> ready_sources;
  const int count = ::epoll_pwait2(epoll.get(), ready_sources.data(), static_cast<int>(ready_sources.size()),
                                   sleep ? &timeout : nullptr, nullptr);
  if (count < 0 && errno != EINTR) return Problem::system("epoll_pwait2");
  woken = 0;
  for (int i = 0; i < count; ++i) woken |= ready_sources[static_cast<std::size_t>(i)].data.u32;
  return {};
}

Result<void> Daemon::Impl::intake() {
  if ((woken & kSignals) != 0) PROMISED_TRY(hear_signals());
  if ((woken & kWallClock) != 0) {
    std::uint64_t jumps = 0;
    // Read only to clear it: that the loop is awake is all there is to a jump of the wall clock.
    if (::read(wall_jump.get(), &jumps, sizeof jumps) < 0 && errno == ECANCELED)
      log::info("the wall clock was set");
  }
  if ((woken & kCommitter) != 0) hear_committer();
  if ((woken & kWorkers) != 0) PROMISED_TRY(workers.read(events));
  // ZeroMQ's fd tells of changes only: there may be messages without it.
  door->read(events, kRequestsPerTurn, (woken & kDoor) != 0);
  const Door::Facts facts = door->facts();
  around.clients = facts.clients;
  around.garbage = facts.garbage;
  around.maintenance_percent = committer->maintenance_percent();
  watch_turned_away(facts);
  return {};
}

/// Says so the first time, and whenever there have been twice as many.
void Daemon::Impl::watch_turned_away(const Door::Facts& facts) {
  const auto warn = [](const char* what, std::uint64_t count, std::uint64_t& told, const std::string& why) {
    if (count == 0 || count < told * 2) return;
    told = count;
    log::warning(what + std::to_string(count) + why);
  };
  warn("connections turned away so far: ", facts.turned_away, told_turned_away,
       "; a user may have max_clients_per_owner (" + std::to_string(settings.limits.max_clients_per_owner) +
           "), and all together no more than there are open files (LimitNOFILE)");
  warn("connections closed so far because of what came over them: ", facts.cut_off, told_cut_off,
       "; it was not ZMTP 3, or a message of very many frames or of more than max_message (" +
           std::to_string(settings.limits.max_message) + ") bytes: no client of promised sends that");
}

void Daemon::Impl::hear_committer() {
  Committer::News news = committer->collect();
  if (news.failed) {
    store_problem = std::move(news.failed);
    return;
  }
  store_watch.heard(news);
  act->committed(news.committed, events);
  for (Event& answer : news.answers) events.push_back(std::move(answer));
  count_unwritten();
}

void Daemon::Impl::decide() {
  const Now now = Now::read();
  std::vector<Event> taken = std::exchange(events, {});
  for (Event& event : taken) scheduler.handle(std::move(event), now, plan);
  scheduler.end_turn(now, plan);
  act->carry_out(plan, events);
  around.submitted = act->submitted();
  count_unwritten();
}

/// What waits for the disk, with those who wait to be told of it.
void Daemon::Impl::count_unwritten() {
  around.store.unwritten = committer->unwritten() + act->waiting_bytes();
}

Result<void> Daemon::Impl::hear_signals() {
  while (true) {
    PROMISED_ASSIGN(const auto request, signals->next());
    if (!request) return {};
    if (*request == Signals::Request::stop) {
      stop();
    } else if (*request == Signals::Request::look_at_children) {
      spawner_watch.look();
    } else if (!stopping) {
      reloader.reload({}, 0, events);
    }
  }
}

void Daemon::Impl::stop() {
  const Now now = Now::read();
  if (!stopping) {
    stopping = true;
    stop_by = now.steady + settings.stop_grace;
    scheduler.drain(now, plan);
  } else {
    stop_by = now.steady;
    if (stopped_hard && !workers.empty()) spawner_watch.expect_end_by(now.steady);
  }
}

/// After the turn that stopped: only then is known which of the jobs that workers hold had begun.
void Daemon::Impl::tell_stopping() {
  stopping_told = true;
  const std::uint64_t running = scheduler.running();
  std::string text = "no job is running";
  if (running == 1) text = "1 running job has " + format_duration(settings.stop_grace) + " to end";
  if (running > 1)
    text = std::to_string(running) + " running jobs have " + format_duration(settings.stop_grace) + " to end";
  log::info("stopping: " + text);
  if (auto told = notify::stopping(text); !told) log::warning(told.problem().message);
}

Result<void> Daemon::Impl::tell_ready() {
  ready = true;
  reloader.daemon_is_ready();
  log::info("ready: serving " + settings.endpoint + ", state in " + settings.state_dir);
  return notify::ready("serving " + settings.endpoint);
}

/// It was told to stop, and all that is left to do is to write what a full disk does not take.
bool Daemon::Impl::gives_up() const {
  return stopped_hard && scheduler.drained() && !act->idle() && around.store.full_since != WallTime();
}

/// Nothing more is decided: who is there is told why, and who asks in this moment.
Ending Daemon::Impl::store_failed() {
  const Problem problem = store_problem.value_or(Problem::of(
      "full", "the daemon was told to stop while the disk of " + settings.state_dir +
                  " is full: what nobody has been told to be on disk is not (" +
                  std::to_string(committer->unwritten()) +
                  " bytes); what was accepted before is safe: free space there, then start promised again"));
  store_watch.failed(problem);
  scheduler.store_failed(problem.message, plan);
  std::vector<Event> asked;
  door->read(asked, kRequestsPerTurn, false);
  const Now now = Now::read();
  for (Event& event : asked) {
    if (std::holds_alternative<event::Requested>(event)) scheduler.handle(std::move(event), now, plan);
  }
  act->carry_out(plan, events);
  return Ending::store_failed;
}

Result<Ending> Daemon::Impl::run() {
  ready_by = std::chrono::steady_clock::now() + kStartPatience;
  scheduler.start(Now::read(), plan);
  decide();
  act->flush();
  while (true) {
    PROMISED_TRY(turn());
    if (store_problem) return store_failed();
    const Instant now = std::chrono::steady_clock::now();
    if (!ready && !stopping && (scheduler.settled() || now >= ready_by)) PROMISED_TRY(tell_ready());
    if (watchdog && now >= next_watchdog) {
      PROMISED_TRY(notify::watchdog());
      next_watchdog = now + *watchdog;
    }
    if (!stopping) continue;
    if (!stopping_told) tell_stopping();
    if (!stopped_hard && now >= stop_by) {
      stopped_hard = true;
      if (!workers.empty()) log::info("stopping: the workers that are still there are killed");
      scheduler.stop_now(plan);
      spawner_watch.expect_end_by(now + kEndPatience);
      decide();
    }
    if (workers.empty()) spawner_watch.is_obeyed();
    PROMISED_TRY(spawner_watch.enforce(now));
    if (scheduler.drained() && act->idle()) return Ending::stopped;
    if (gives_up()) return store_failed();
  }
}

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Daemon::~Daemon() = default;

Result<std::unique_ptr<Daemon>> Daemon::open(Settings settings, Reloader::Read read,
                                             std::unique_ptr<Spawner> spawner,
                                             std::unique_ptr<Signals> signals) {
  auto impl =
      std::make_unique<Impl>(std::move(settings), std::move(read), std::move(spawner), std::move(signals));
  PROMISED_TRY(impl->open());
  return std::unique_ptr<Daemon>(new Daemon(std::move(impl)));
}

Result<Ending> Daemon::run() {
  return impl_->run();
}

}  // namespace promised
