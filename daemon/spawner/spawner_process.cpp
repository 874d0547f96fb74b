// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/spawner_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <utility>
#include <variant>

#include "common/printable.hpp"
#include "common/process_use.hpp"
#include "common/untrace.hpp"
#include "common/worker_marks.hpp"
#include "daemon/spawner/killed.hpp"
#include "daemon/spawner/launch.hpp"
#include "daemon/spawner/lone_child.hpp"
#include "daemon/spawner/process_facts.hpp"

namespace promised {
namespace {

// The end of a worker waits so long at most for the ends of what it left: the kernel may be busy with one,
// and the daemon wonders after a second why a worker whose channel is closed does not end.
constexpr std::chrono::milliseconds kForTheDying{500};

// A worker's group is made by the worker itself: until then there is only the process.
void kill_group(pid_t pid, int signal) {
  if (::kill(-pid, signal) != 0) ::kill(pid, signal);
}

void say(const Problem& problem) {
  std::fprintf(stderr, "promised-spawn: %s\n", printable(problem.message).c_str());
}

}  // namespace

SpawnerProcess::SpawnerProcess(Fd channel, std::string default_user, std::vector<std::string> users,
                               std::uint64_t open_files)
    : channel_(std::move(channel)),
      default_user_(std::move(default_user)),
      users_(std::move(users)),
      open_files_(open_files) {}

int SpawnerProcess::run() {
  Result<void> result = set_up();
  if (result.ok()) result = serve();
  if (!result.ok()) say(result.problem());
  kill_all();
  return result.ok() ? 0 : 1;
}

Result<void> SpawnerProcess::set_up() {
  // It is the daemon that decides when to stop: a signal to the whole group must not take the workers from
  // under it.
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) ::signal(signal, SIG_IGN);
  ::signal(SIGCHLD, SIG_DFL);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  if (::sigprocmask(SIG_SETMASK, &set, nullptr) != 0) return Problem::system("sigprocmask");
  child_signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!child_signals_.valid()) return Problem::system("signalfd");
  if (::prctl(PR_SET_NAME, "promised-spawn") != 0) return Problem::system("PR_SET_NAME");
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return Problem::system("PR_SET_CHILD_SUBREAPER");
  // It has to see that the daemon is gone, also when a job has stopped it.
  if (::prctl(PR_SET_PDEATHSIG, SIGCONT) != 0) return Problem::system("PR_SET_PDEATHSIG");
  if (::chdir("/") != 0) return Problem::system("chdir /");
  return {};
}

Result<void> SpawnerProcess::serve() {
  while (!daemon_gone_) PROMISED_TRY(turn());
  return {};
}

Result<void> SpawnerProcess::turn() {
  polled_.clear();
  const short wanted = unsent_.empty() ? POLLIN : POLLIN | POLLOUT;
  polled_.push_back({channel_.get(), wanted, 0});
  polled_.push_back({child_signals_.get(), POLLIN, 0});
  std::vector<pid_t> launching;
  for (const auto& [pid, child] : children_) {
    if (!child.status.valid()) continue;
    polled_.push_back({child.status.get(), POLLIN, 0});
    launching.push_back(pid);
  }
  const int most = patience();
  const int ready = ::poll(polled_.data(), polled_.size(), most);
  if (ready < 0 && errno != EINTR) return Problem::system("poll");
  for (std::size_t i = 0; i < launching.size(); ++i) {
    if (polled_[i + 2].revents != 0) look_at_launch(launching[i], children_.at(launching[i]));
  }
  if (polled_[1].revents != 0) reap();
  if (polled_[0].revents & (POLLIN | POLLHUP | POLLERR)) PROMISED_TRY(obey());
  if (ready == 0 && most > 0) strays_.reap_dead();
  if (ready == 0 && most > 0 && awaits_killed()) reap();
  // Before the reports: a run has ended when what it started has.
  end_strays();
  report_ended();
  PROMISED_TRY(send_reports());
  // Behind them: a job may have made many groups in its worker's.
  if (std::exchange(tidy_, false)) tidy_ = tidy_cgroups();
  return {};
}

int SpawnerProcess::patience() const {
  if (tidy_) return 0;
  // The end of one that is traced is told to its tracer first, and nothing tells of that.
  constexpr int kForTheKilled = 100;
  int of_strays = strays_.patience();
  if (awaits_killed()) of_strays = of_strays < 0 ? kForTheKilled : std::min(of_strays, kForTheKilled);
  if (endings_.empty()) return of_strays;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(endings_.front().latest - Clock::now());
  const int of_endings = std::max(static_cast<int>(left.count()), 0);
  return of_strays < 0 ? of_endings : std::min(of_strays, of_endings);
}

Result<void> SpawnerProcess::obey() {
  for (;;) {
    PROMISED_ASSIGN(std::optional<spawner_wire::Datagram> datagram, spawner_wire::receive(channel_.get()));
    if (!datagram) return {};
    if (datagram->bytes.empty()) {
      daemon_gone_ = true;
      return {};
    }
    PROMISED_ASSIGN(const spawner_wire::Order order, spawner_wire::decode_order(datagram->bytes));
    if (const auto* kill_order = std::get_if<spawner_wire::KillOrder>(&order)) {
      kill(*kill_order);
      continue;
    }
    if (const auto* take = std::get_if<spawner_wire::TakeOverOrder>(&order)) {
      take_over(*take);
      continue;
    }
    const WorkerId worker = std::get<spawner_wire::SpawnOrder>(order).worker;
    const Result<void> started = spawn(worker, std::move(*datagram));
    if (started.ok()) continue;
    report(SpawnFailed{worker, started.problem().message});
    tidy_ = true;
  }
}

/// Who has taken over the daemon does not become another user by that.
Result<void> SpawnerProcess::check_permitted(const std::string& user) const {
  if (user == default_user_ || std::find(users_.begin(), users_.end(), user) != users_.end()) return {};
  return Problem::of("not_permitted",
                     "user \"" + user +
                         "\": no pool had this user when the daemon was started; restart it, for a reload "
                         "does not let workers run as somebody else");
}

Result<void> SpawnerProcess::spawn(WorkerId worker, spawner_wire::Datagram datagram) {
  if (datagram.fds.size() != spawner_wire::kSpawnFds) {
    return Problem::of("system", "start a worker: expected " + std::to_string(spawner_wire::kSpawnFds) +
                                     " descriptors, received " + std::to_string(datagram.fds.size()));
  }
  if (pids_.contains(worker)) return Problem::of("bad_request", "start a worker: it is there already");
  PROMISED_ASSIGN(const std::string bytes, spawner_wire::from_memfd(datagram.fds[3].get()));
  PROMISED_ASSIGN(SpawnRequest request, spawner_wire::decode_request(bytes));
  if (request.user.empty()) request.user = default_user_;
  PROMISED_TRY(check_permitted(request.user));
  mark(request.environment, worker);
  PROMISED_ASSIGN(NewCgroup cgroup, make_cgroup(worker, request));

  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return Problem::system("start a worker: pipe");
  Fd status(ends[0]), status_of_child(ends[1]);
  const pid_t spawner = ::getpid();
  const pid_t pid = fork_alone();
  if (pid < 0) return Problem::system("start a worker: fork");
  if (pid == 0) {
    launch(std::move(request),
           {std::move(datagram.fds[0]), std::move(datagram.fds[1]), std::move(datagram.fds[2]),
            std::move(cgroup.file())},
           cgroups_ ? cgroups_->controllers() : CgroupControllers(), open_files_, std::move(status_of_child),
           spawner);
  }
  cgroup.keep();
  children_.emplace(pid, Child{worker, std::move(status), {}, 0});
  pids_.emplace(worker, pid);
  strays_.add(worker, pid);
  return {};
}

// Of two variables of one name the first counts: what is there of these would hide whose the worker is.
void SpawnerProcess::mark(std::vector<std::string>& environment, WorkerId worker) const {
  std::erase_if(environment, [](const std::string& variable) {
    return is_worker_mark(std::string_view(variable).substr(0, variable.find('=')));
  });
  const auto number = std::to_string(static_cast<std::uint32_t>(worker));
  environment.push_back(std::string(kWorkerVariable) + "=" + number);
  if (!mark_.empty()) environment.push_back(std::string(kStateVariable) + "=" + mark_);
}

Result<NewCgroup> SpawnerProcess::make_cgroup(WorkerId worker, const SpawnRequest& request) {
  if (!cgroups_) return NewCgroup();
  return cgroups_->make(worker, {request.memory_limit, request.processes});
}

void SpawnerProcess::take_over(const spawner_wire::TakeOverOrder& order) {
  mark_ = mark_of(order.state, ::getpid());
  TakenOver taken;
  taken.leftovers = end_left_by_predecessor(order.state, order.users);
  if (const Result<void> had = take_cgroup(taken.leftovers); !had.ok()) {
    taken.why = had.problem().message;
  } else if (const CgroupControllers here = cgroups_->controllers(); here.all()) {
    taken.containment = Containment::cgroup;
  } else {
    taken.containment = Containment::cgroup_and_rlimit;
    taken.why = std::string("there is no controller ") + (here.memory ? "" : "\"memory\"") +
                (here.memory || here.pids ? "" : " and no ") + (here.pids ? "" : "\"pids\"");
  }
  taken.ended = static_cast<std::uint32_t>(taken.leftovers.size());
  unsent_.push_back(spawner_wire::encode(taken));
}

/// What an earlier daemon's jobs have left in groups ends with them.
Result<void> SpawnerProcess::take_cgroup(std::vector<Leftover>& ended) {
  const auto root = own_cgroup();
  if (!root) return Problem::of("no_cgroup", "there is no cgroup v2 here");
  const Cgroups::Left found = Cgroups::left_in(*root);
  if (found.unread) say(*found.unread);
  std::vector<Leftover> left;
  for (const pid_t pid : found.processes) left.push_back({pid, command_of(pid)});
  Result<Cgroups> taken = Cgroups::take(*root, {::getppid(), ::getpid()}, cgroup_folders_);
  // It may have failed before it came to them, or when they were gone.
  if (!taken.ok()) std::erase_if(left, [](const Leftover& l) { return ::kill(l.pid, 0) == 0; });
  ended.insert(ended.end(), left.begin(), left.end());
  if (!taken.ok()) return taken.problem();
  cgroups_ = std::move(*taken);
  return {};
}

void SpawnerProcess::kill(const spawner_wire::KillOrder& order) {
  const auto found = pids_.find(order.worker);
  if (found == pids_.end()) return;
  if (cgroups_) children_.at(found->second).memory_kills = cgroups_->memory_kills(order.worker);
  kill_group(found->second, order.signal);
  if (order.signal == SIGKILL) children_.at(found->second).killed = true;
}

bool SpawnerProcess::awaits_killed() const {
  return std::any_of(children_.begin(), children_.end(),
                     [](const auto& child) { return child.second.killed; });
}

void SpawnerProcess::look_at_launch(pid_t pid, Child& child) {
  std::array<char, 4096> text;
  for (;;) {
    const ssize_t n = ::read(child.status.get(), text.data(), text.size());
    if (n > 0) {
      child.reason.append(text.data(), static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      return;
    } else {
      break;  // closed, by exec or by the end of the process
    }
  }
  child.status.reset();
  if (child.reason.empty()) {
    report(Spawned{child.worker, pid});
  } else {
    report(SpawnFailed{child.worker, child.reason});
  }
}

void SpawnerProcess::reap() {
  signalfd_siginfo info;
  while (::read(child_signals_.get(), &info, sizeof info) > 0) {
  }
  strays_.look_again();
  std::vector<pid_t> workers;
  for (const auto& [pid, child] : children_) workers.push_back(pid);
  for (const pid_t pid : workers) {
    if (const auto signal = held_up_at(pid)) untrace(pid, *signal);
    if (children_.at(pid).killed) end_tracers(pid);
    if (!has_ended(pid)) continue;
    // What is left of a worker's group goes while the number cannot stand for anything else.
    ::kill(-pid, SIGKILL);
    int status = 0;
    rusage usage{};
    if (::wait4(pid, &status, 0, &usage) == pid) ended(pid, status, usage);
  }
  tidy_ = true;
}

void SpawnerProcess::ended(pid_t pid, int status, const rusage& usage) {
  const auto found = children_.find(pid);
  Child& child = found->second;
  if (child.status.valid()) look_at_launch(pid, child);
  if (child.reason.empty()) {
    const bool signalled = WIFSIGNALED(status);
    const ProcessUse used = use_of(usage);
    const Exited exited{
        child.worker,
        pid,
        signalled ? WTERMSIG(status) : 0,
        signalled ? 0 : WEXITSTATUS(status),
        used.peak_memory,
        used.user,
        used.system,
        cgroups_ && ended_by_memory(status, child.memory_kills, cgroups_->memory_kills(child.worker))};
    endings_.push_back({exited, Clock::now() + kForTheDying});
  }
  if (cgroups_) cgroups_->end(child.worker);
  strays_.remove(child.worker, pid);
  if (!child.reason.empty()) strays_.forget(child.worker);  // it never was a worker
  pids_.erase(child.worker);
  children_.erase(found);
}

void SpawnerProcess::report_ended() {
  const auto now = Clock::now();
  std::deque<Ending> later;
  for (Ending& ending : endings_) {
    const WorkerId worker = ending.report.worker;
    if (now < ending.latest && strays_.leaves_dying(worker)) {
      later.push_back(std::move(ending));
      continue;
    }
    strays_.forget(worker);
    report(ending.report);
  }
  endings_ = std::move(later);
}

void SpawnerProcess::report(const SpawnerReport& report) {
  unsent_.push_back(spawner_wire::encode(report));
}

// Never waits: the daemon may be waiting for room in the other direction.
Result<void> SpawnerProcess::send_reports() {
  while (!unsent_.empty() && !daemon_gone_) {
    const Result<bool> sent = spawner_wire::send(channel_.get(), unsent_.front(), {}, MSG_DONTWAIT);
    if (!sent.ok()) {
      daemon_gone_ = true;
      return {};
    }
    if (!*sent) return {};
    unsent_.pop_front();
  }
  return {};
}

void SpawnerProcess::end_strays() {
  const Result<Strays::Step> step = strays_.step();
  if (!step.ok()) {
    say(step.problem());
  } else if (*step == Strays::Step::reaped) {
    tidy_ = true;
  }
}

void SpawnerProcess::kill_all() {
  // All of a group at once, before any of it can see the others go.
  if (cgroups_) {
    for (const auto& [pid, child] : children_) cgroups_->end(child.worker);
  }
  for (const auto& [pid, child] : children_) kill_group(pid, SIGKILL);
  const auto left = end_children();
  if (!left.ok()) {
    say(left.problem());
    for (const auto& [pid, child] : children_) ::waitpid(pid, nullptr, 0);
  } else {
    for (const pid_t pid : *left)
      say(Problem::of("system",
                      "process " + std::to_string(pid) + " (" + command_of(pid) + ") does not end"));
  }
  while (tidy_cgroups()) {
  }
}

bool SpawnerProcess::tidy_cgroups() {
  if (!cgroups_) return false;
  const Cgroups::Tidied tidied = cgroups_->tidy();
  for (const Problem& problem : tidied.problems) say(problem);
  return tidied.more;
}

}  // namespace promised
