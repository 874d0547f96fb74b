// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/killed.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <string>
#include <system_error>

#include "common/fd.hpp"
#include "common/units.hpp"
#include "daemon/spawner/process_facts.hpp"

namespace promised {
namespace {

// A process that was killed is gone at once, unless the kernel is busy for it.
constexpr std::chrono::milliseconds kKillPatience{5000};

}  // namespace

bool Killed::kill(pid_t child) {
  if (::kill(child, SIGKILL) != 0 && errno == EPERM && !has_ended(child)) return false;
  if (all_.insert(child).second) living_.push_back(child);
  return true;
}

void Killed::look() {
  std::erase_if(living_, has_ended);
}

bool Killed::all_dead() {
  look();
  return living_.empty();
}

void Killed::await_a_death(std::chrono::milliseconds most) {
  if (all_dead()) return;
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, living_.front(), 0)));
  pollfd end{process.get(), POLLIN, 0};
  ::poll(&end, 1, static_cast<int>(most.count()));
}

bool Killed::reap(std::size_t most) {
  look();
  const std::set<pid_t> living(living_.begin(), living_.end());
  for (auto i = all_.begin(); i != all_.end();) {
    if (living.contains(*i)) {
      ++i;
      continue;
    }
    if (most-- == 0) return false;
    ::waitpid(*i, nullptr, 0);
    i = all_.erase(i);
  }
  return true;
}

void end_tracers(pid_t child) {
  const std::string tasks = "/proc/" + std::to_string(child) + "/task";
  std::error_code error;
  for (std::filesystem::directory_iterator i(tasks, error), end; !error && i != end; i.increment(error)) {
    const auto thread = parse_integer(i->path().filename().string(), 1, std::numeric_limits<pid_t>::max());
    if (thread.ok() && *thread != child) ::waitpid(static_cast<pid_t>(*thread), nullptr, WNOHANG | __WALL);
  }
  const auto tracer = tracer_of(child);
  if (tracer && parent_of(*tracer) == ::getpid()) ::kill(*tracer, SIGKILL);
}

Result<std::vector<pid_t>> end_children(const std::vector<pid_t>& spared) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + kKillPatience;
  const std::set<pid_t> left_alone(spared.begin(), spared.end());
  std::set<pid_t> refused;
  Killed killed;
  for (;;) {
    const bool were_dead = killed.all_dead();
    PROMISED_ASSIGN(const std::vector<pid_t> all, children_of_this_thread());
    bool more = false;
    for (const pid_t pid : all) {
      if (left_alone.contains(pid) || refused.contains(pid) || killed.contains(pid)) continue;
      if (killed.kill(pid)) {
        more = true;
      } else {
        refused.insert(pid);
      }
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    const bool too_late = left.count() <= 0;
    if ((were_dead && !more) || killed.too_many() || too_late) {
      killed.reap(Killed::kMost * 2);
    } else if (!more) {
      killed.await_a_death(left);
    }
    if (too_late || (were_dead && !more)) break;
  }
  PROMISED_ASSIGN(std::vector<pid_t> left, children_of_this_thread());
  std::erase_if(left, [&](pid_t pid) { return left_alone.contains(pid) || has_ended(pid); });
  return left;
}

}  // namespace promised
