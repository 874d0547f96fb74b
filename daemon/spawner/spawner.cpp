// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/spawner.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "daemon/spawner/account.hpp"
#include "daemon/spawner/spawner_process.hpp"
#include "daemon/spawner/spawner_wire.hpp"

namespace promised {
namespace {

// How often a spawner that is to end is told to go on, and how long it has each time.
constexpr int kEndTries = 200;
constexpr int kEndPatienceMs = 100;

// Nothing of the daemon's but stderr is the spawner's business.
[[noreturn]] void be_spawner(Fd channel, const std::string& default_user,
                             const std::vector<std::string>& users, std::uint64_t open_files) {
  Fd mine(channel.get() > STDERR_FILENO ? channel.release() : ::dup(channel.get()));
  const auto keep = static_cast<unsigned>(mine.get());
  if (keep > STDERR_FILENO + 1) ::close_range(STDERR_FILENO + 1, keep - 1, 0);
  ::close_range(keep + 1, ~0U, 0);
  int status = 1;
  {
    SpawnerProcess process(std::move(mine), default_user, users, open_files);
    status = process.run();
  }
  ::_exit(status);
}

}  // namespace

Result<std::unique_ptr<Spawner>> Spawner::fork(const std::string& default_user,
                                               const std::vector<std::string>& users,
                                               std::uint64_t open_files) {
  if (!default_user.empty()) PROMISED_TRY(find_account(default_user));
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Problem::system("start the spawner: socketpair");
  }
  Fd mine(ends[0]), other(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return Problem::system("start the spawner: fork");
  if (pid == 0) {
    mine.reset();
    be_spawner(std::move(other), default_user, users, open_files);
  }
  Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const Result<void> opened =
      process.valid() ? Result<void>() : Problem::system("start the spawner: pidfd_open");
  std::unique_ptr<Spawner> spawner(new Spawner(std::move(mine), pid, std::move(process)));
  PROMISED_TRY(opened);
  return spawner;
}

Spawner::Spawner(Fd channel, pid_t pid, Fd process)
    : channel_(std::move(channel)), process_(std::move(process)), pid_(pid) {}

Spawner::~Spawner() {
  channel_.reset();
  // Again and again: it may be stopped as often by what it has to end.
  pollfd end{process_.get(), POLLIN, 0};
  for (int tries = 0; tries < kEndTries; ++tries) {
    ::kill(pid_, SIGCONT);
    ::poll(&end, 1, kEndPatienceMs);
    if (::waitpid(pid_, nullptr, WNOHANG) != 0) return;
  }
  if (::kill(pid_, SIGKILL) != 0) return;  // root's, and the daemon is not: it ends when it can
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<TakenOver> Spawner::take_over(const std::string& state, const std::vector<uid_t>& users) {
  // Until what was left is dead and its cgroups are empty.
  constexpr std::chrono::seconds kPatience{60};
  constexpr int kBetweenLooksMs = 100;
  const std::string order = spawner_wire::encode(spawner_wire::TakeOverOrder{state, users});
  PROMISED_TRY(spawner_wire::send(channel_.get(), order, {}, 0));
  pollfd answer{channel_.get(), POLLIN, 0};
  int ready = 0;
  const auto until = std::chrono::steady_clock::now() + kPatience;
  do {
    ready = ::poll(&answer, 1, kBetweenLooksMs);
    if (ready == 0) PROMISED_TRY(resume());  // what was left may have stopped it
  } while ((ready < 0 && errno == EINTR) || (ready == 0 && std::chrono::steady_clock::now() < until));
  if (ready < 0) return Problem::system("wait for the spawner");
  if (ready == 0) return Problem::of("spawner_gone", "the spawner process does not answer");
  PROMISED_ASSIGN(const std::optional<spawner_wire::Datagram> datagram,
                  spawner_wire::receive(channel_.get()));
  if (!datagram || datagram->bytes.empty())
    return Problem::of("spawner_gone", "the spawner process (pid " + std::to_string(pid_) + ") has ended");
  return spawner_wire::decode_taken_over(datagram->bytes);
}

int Spawner::fd() const {
  return channel_.get();
}

pid_t Spawner::pid() const {
  return pid_;
}

Result<void> Spawner::spawn(WorkerId worker, const SpawnRequest& request, int channel, int worker_page,
                            int output) {
  PROMISED_ASSIGN(const std::string bytes, spawner_wire::encode(request));
  PROMISED_ASSIGN(const Fd memory, spawner_wire::to_memfd(bytes));
  const std::array<int, spawner_wire::kSpawnFds> fds{channel, worker_page, output, memory.get()};
  return give(spawner_wire::encode(spawner_wire::SpawnOrder{worker}), fds, worker);
}

Result<void> Spawner::kill(WorkerId worker, int signal) {
  return give(spawner_wire::encode(spawner_wire::KillOrder{worker, signal}), {}, {});
}

/// The daemon does not wait for it: a spawner that does not read may be stopped, and it is the daemon that
/// has it go on.
Result<void> Spawner::give(std::string order, std::span<const int> fds, std::optional<WorkerId> starts) {
  if (unsent_.empty()) {
    PROMISED_ASSIGN(const bool sent, spawner_wire::send(channel_.get(), order, fds, MSG_DONTWAIT));
    if (sent) return {};
  }
  Unsent unsent{std::move(order), {}, starts};
  for (const int fd : fds) {
    unsent.fds.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!unsent.fds.back().valid()) return Problem::system("start a worker: duplicate a descriptor");
  }
  unsent_.push_back(std::move(unsent));
  return {};
}

Result<void> Spawner::send_unsent(std::vector<SpawnerReport>& reports) {
  for (; !unsent_.empty(); unsent_.pop_front()) {
    const Unsent& next = unsent_.front();
    std::vector<int> fds;
    for (const Fd& fd : next.fds) fds.push_back(fd.get());
    const Result<bool> sent = spawner_wire::send(channel_.get(), next.order, fds, MSG_DONTWAIT);
    if (!sent.ok() && !next.starts) return sent.problem();
    if (!sent.ok()) {
      reports.emplace_back(SpawnFailed{*next.starts, sent.problem().message});
    } else if (!*sent) {
      break;
    }
  }
  return {};
}

Result<bool> Spawner::resume() {
  siginfo_t stopped{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED | WNOHANG) != 0) {
    if (errno == ECHILD) return false;  // it has ended, or somebody has made that SIGCHLD be ignored
    return Problem::system("look at the spawner: waitid");
  }
  if (stopped.si_pid == 0) return false;
  // Permitted whoever the spawner runs as: it is of this session.
  if (::kill(pid_, SIGCONT) != 0) return Problem::system("have the spawner go on");
  return true;
}

Result<void> Spawner::kill_itself() {
  if (::kill(pid_, SIGKILL) != 0) {
    return Problem::system("the spawner process (pid " + std::to_string(pid_) +
                           ") has not ended its workers in time, and cannot be killed");
  }
  return {};
}

Result<void> Spawner::read(std::vector<SpawnerReport>& reports) {
  PROMISED_TRY(send_unsent(reports));
  for (;;) {
    PROMISED_ASSIGN(const std::optional<spawner_wire::Datagram> datagram,
                    spawner_wire::receive(channel_.get()));
    if (!datagram) return {};
    if (datagram->bytes.empty()) {
      return Problem::of("spawner_gone", "the spawner process (pid " + std::to_string(pid_) +
                                             ") has ended; no worker can be started");
    }
    PROMISED_ASSIGN(SpawnerReport report, spawner_wire::decode_report(datagram->bytes));
    reports.push_back(std::move(report));
  }
}

}  // namespace promised
