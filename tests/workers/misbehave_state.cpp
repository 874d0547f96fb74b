// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/workers/misbehave.hpp"

namespace misbehave {
namespace {

// The descriptors above stderr that a program started by this job would have.
std::vector<std::int64_t> fds_of_a_program() {
  std::vector<std::int64_t> open;
  for (int fd = 3; fd < 64; ++fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) open.push_back(fd);
  }
  return open;
}

std::map<std::string, bool> signals() {
  struct sigaction pipe_action {};
  ::sigaction(SIGPIPE, nullptr, &pipe_action);
  sigset_t blocked;
  ::sigprocmask(SIG_SETMASK, nullptr, &blocked);
  return {
      {"sigpipe is default", pipe_action.sa_handler == SIG_DFL},
      {"nothing is blocked", ::sigismember(&blocked, SIGTERM) == 0 && ::sigismember(&blocked, SIGCHLD) == 0}};
}

// So that the library looks at it.
void take_a_while() {
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

// Of what it would do to the jobs behind it.
void change_signals() {
  for (const int signal : {SIGTERM, SIGXCPU, SIGUSR1}) ::signal(signal, SIG_IGN);
  ::signal(SIGUSR2, [](int) {});
  ::alarm(3600);
  const itimerval hour{{}, {3600, 0}};
  ::setitimer(ITIMER_VIRTUAL, &hour, nullptr);
  ::setitimer(ITIMER_PROF, &hour, nullptr);
  take_a_while();
}

std::map<std::string, bool> changed_signals() {
  std::map<std::string, bool> found;
  for (const int signal : {SIGTERM, SIGXCPU, SIGUSR1, SIGUSR2}) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    // The library has a handler for SIGXCPU of its own.
    found[::strsignal(signal)] =
        action.sa_handler == SIG_IGN || (signal != SIGXCPU && action.sa_handler != SIG_DFL);
  }
  for (const auto& [name, timer] :
       {std::pair{"real", ITIMER_REAL}, {"virtual", ITIMER_VIRTUAL}, {"prof", ITIMER_PROF}}) {
    itimerval now{};
    ::getitimer(timer, &now);
    found[name] = now.it_value.tv_sec != 0;
  }
  return found;
}

rlim_t cpu_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_CPU, &limit);
  return limit.rlim_cur;
}

void set_cpu_limit(rlim_t seconds) {
  rlimit limit{};
  ::getrlimit(RLIMIT_CPU, &limit);
  limit.rlim_cur = seconds;
  if (::setrlimit(RLIMIT_CPU, &limit) != 0) std::_Exit(9);
  take_a_while();
}

std::vector<std::int64_t> groups() {
  std::vector<gid_t> all(NGROUPS_MAX);
  all.resize(static_cast<std::size_t>(std::max(0, ::getgroups(NGROUPS_MAX, all.data()))));
  return {all.begin(), all.end()};
}

bool join_group(std::uint32_t group) {
  return ::setgroups(1, &group) == 0;
}

// Becomes another user, deaf, and hardly able to open anything.
std::map<std::string, bool> change_itself(unsigned uid) {
  const bool other_user = ::setresuid(uid, uid, uid) == 0;
  sigset_t all;
  ::sigfillset(&all);
  const bool deaf = ::sigprocmask(SIG_SETMASK, &all, nullptr) == 0;
  const rlimit few{16, 16};
  const bool shut = ::setrlimit(RLIMIT_NOFILE, &few) == 0;
  return {{"other user", other_user}, {"deaf", deaf}, {"shut", shut}};
}

rlim_t files_limit() {
  rlimit now{};
  ::getrlimit(RLIMIT_NOFILE, &now);
  return now.rlim_cur;
}

// How many files could be opened until there were as many as may be; what else has stopped it is below 0.
std::int64_t open_all_files() {
  std::vector<int> opened;
  for (int fd = 0; (fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) opened.push_back(fd);
  const int why = errno;
  for (const int fd : opened) ::close(fd);
  return why == EMFILE ? static_cast<std::int64_t>(opened.size()) : -why;
}

// For longer than the library goes without a look at limits.
void lower_limits(bool for_good) {
  rlimit few{};
  ::getrlimit(RLIMIT_NOFILE, &few);
  few.rlim_cur = 16;
  if (for_good) few.rlim_max = 16;
  if (::setrlimit(RLIMIT_NOFILE, &few) != 0) std::_Exit(9);
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

// Of the worker, where this is the process of one job.
void lower_limits_of_parent() {
  rlimit few{};
  if (::prlimit(::getppid(), RLIMIT_NOFILE, nullptr, &few) != 0) std::_Exit(9);
  few.rlim_cur = 16;
  if (::prlimit(::getppid(), RLIMIT_NOFILE, &few, nullptr) != 0) std::_Exit(9);
  take_a_while();
}

std::map<std::string, std::string> attributes() {
  const mode_t umask = ::umask(077);
  ::umask(umask);
  int signal = 0;
  ::prctl(PR_GET_PDEATHSIG, &signal);
  std::array<char, 16> name{};
  ::prctl(PR_GET_NAME, name.data());
  cpu_set_t processors{};
  ::sched_getaffinity(0, sizeof processors, &processors);
  return {{"directory", std::filesystem::current_path().string()},
          {"umask", std::to_string(umask)},
          {"signal at the parent's end", std::to_string(signal)},
          {"dumpable", std::to_string(::prctl(PR_GET_DUMPABLE))},
          {"name", name.data()},
          {"timer slack", std::to_string(::prctl(PR_GET_TIMERSLACK))},
          {"nice", std::to_string(::getpriority(PRIO_PROCESS, 0))},
          {"policy", std::to_string(::sched_getscheduler(0))},
          {"processors", std::to_string(CPU_COUNT(&processors))}};
}

// All that it can take back.
void change_attributes() {
  std::filesystem::current_path("/proc");
  ::umask(0);
  ::prctl(PR_SET_PDEATHSIG, 0);
  ::prctl(PR_SET_DUMPABLE, 0);
  ::prctl(PR_SET_NAME, "somebody else");
  ::prctl(PR_SET_TIMERSLACK, 1'000'000UL);
  cpu_set_t first{};
  CPU_SET(static_cast<unsigned>(::sched_getcpu()), &first);
  ::sched_setaffinity(0, sizeof first, &first);
  take_a_while();
}

// Those that only root can.
void stand_back() {
  const sched_param none{};
  if (::nice(5) < 0 || ::sched_setscheduler(0, SCHED_BATCH, &none) != 0) std::_Exit(9);
  take_a_while();
}

}  // namespace

void define_state(promised::Worker& worker) {
  worker.define("fds_of_a_program", fds_of_a_program)
      .define("signals", signals)
      .define("deaf", [] { return !signals().at("nothing is blocked"); })
      .define("who", [] { return ::getuid(); })
      .define("change_itself", change_itself)
      .define("change_signals", change_signals)
      .define("changed_signals", changed_signals)
      .define("attributes", attributes)
      .define("change_attributes", change_attributes)
      .define("stand_back", stand_back)
      .define("cpu_limit", cpu_limit)
      .define("set_cpu_limit", set_cpu_limit)
      .define("groups", groups)
      .define("join_group", join_group)
      .define("files_limit", files_limit)
      .define("open_all_files", open_all_files)
      .define("lower_limits", lower_limits)
      .define("lower_limits_of_parent", lower_limits_of_parent);
}

}  // namespace misbehave
