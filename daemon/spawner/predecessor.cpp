// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/predecessor.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "common/fd.hpp"
#include "common/units.hpp"
#include "common/worker_marks.hpp"
#include "daemon/spawner/process_facts.hpp"

namespace promised {
namespace {

// A process that was killed is gone at once, unless the kernel is busy for it.
constexpr std::chrono::milliseconds kEndPatience{5000};
// What forks faster than it is killed is found again; each time more of it is gone. One that is always about
// to be another process may be missed in a round, so a single quiet one is not enough.
constexpr int kMostRounds = 100;
constexpr int kQuietRounds = 3;

/// Whether it was stopped, and so has not done its work. It is told to go on, once it is known to be a
/// spawner (the mark of a process may name any other), and has ended then: it sees to the same cgroups as
/// this one.
bool wakes(pid_t spawner) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, spawner, 0)));
  std::ifstream stat("/proc/" + std::to_string(spawner) + "/stat");
  std::string text;
  std::getline(stat, text);
  if (!process.valid() || text.find(" (promised-spawn) T ") == std::string::npos) return false;
  const auto send = [&](int signal) { ::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0); };
  send(SIGCONT);
  pollfd end{process.get(), POLLIN, 0};
  if (::poll(&end, 1, static_cast<int>(kEndPatience.count())) <= 0) send(SIGKILL);
  return true;
}

// A spawner that lives takes care of its own, unless it is kept from it: its daemon is gone, for nobody else
// is on the state directory.
bool maker_lives(std::string_view maker) {
  const std::size_t dot = maker.find('.');
  if (dot == std::string_view::npos) return false;
  const auto pid = parse_integer(maker.substr(0, dot), 0, std::numeric_limits<pid_t>::max());
  const auto started = parse_integer(maker.substr(dot + 1), 0, std::numeric_limits<std::int64_t>::max());
  if (!pid.ok() || !started.ok()) return false;
  return started_at(static_cast<pid_t>(*pid)) == static_cast<std::uint64_t>(*started) &&
         !wakes(static_cast<pid_t>(*pid));
}

bool is_leftover(pid_t pid, const std::string& prefix, std::span<const uid_t> users) {
  // First whose it is: what others have in their environment is not looked at.
  const std::optional<uid_t> user = user_of(pid);
  const auto has = [&](uid_t uid) { return std::find(users.begin(), users.end(), uid) != users.end(); };
  if (!user || (!has(*user) && !has(0))) return false;
  const std::optional<std::string> mark = variable_of(pid, kStateVariable);
  return mark && mark->starts_with(prefix) && !maker_lives(std::string_view(*mark).substr(prefix.size()));
}

}  // namespace

std::string mark_of(const std::string& state, pid_t spawner) {
  return state + "/" + std::to_string(spawner) + "." + std::to_string(started_at(spawner).value_or(0));
}

std::vector<Leftover> end_left_by_predecessor(const std::string& state, std::span<const uid_t> users) {
  std::vector<Leftover> ended;
  std::set<pid_t> tried;
  int quiet = 0;
  for (int round = 0; round < kMostRounds && quiet < kQuietRounds; ++round) {
    ++quiet;
    std::vector<Fd> dying;
    for (const pid_t pid : all_processes()) {
      if (pid == ::getpid() || tried.contains(pid)) continue;
      // Held by a descriptor before it is looked at: what is killed is what was looked at, whoever has the
      // number by then.
      Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
      if (!process.valid() || !is_leftover(pid, state + "/", users)) continue;
      tried.insert(pid);
      quiet = 0;
      const Leftover leftover{pid, command_of(pid)};
      if (::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) != 0) continue;
      ended.push_back(leftover);
      dying.push_back(std::move(process));
    }
    for (const Fd& process : dying) {
      pollfd end{process.get(), POLLIN, 0};
      ::poll(&end, 1,
             static_cast<int>(kEndPatience.count()));  // one that does not end is told like the others
    }
  }
  return ended;
}

}  // namespace promised
