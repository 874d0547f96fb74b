// SPDX-License-Identifier: Apache-2.0
// A worker whose every function does harm, to its own process or to what surrounds it.
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/sockios.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <promised/worker.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/claim_page.hpp"

namespace {

constexpr int kChannel = 3;
constexpr int kOutputCopy = 4;  // by which the library counts what is printed

// The sanitizers have handlers of their own, which would make an exit of it.
void crash_with(int signal) {
  ::signal(signal, SIG_DFL);
}

__attribute__((no_sanitize("undefined", "address"))) void segfault() {
  crash_with(SIGSEGV);
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
}

void abort_now() {
  crash_with(SIGABRT);
  std::abort();
}

void sleep_for_ever() {
  for (;;) ::pause();
}

void ignore_sigterm(promised::Job& job) {
  ::signal(SIGTERM, SIG_IGN);
  job.progress(0, "deaf");
  sleep_for_ever();
}

// Says, in the memory that its worker shares with the daemon, that this job has not begun; and dies.
void deny_having_begun(const std::string& runs) {
  std::ofstream(runs, std::ios::app) << ::getpid() << '\n';
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line) && line.find("promised-page") == std::string::npos) {
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  auto* page = reinterpret_cast<promised::ClaimPage*>(std::stoull(line, nullptr, 16));
  page->word -= std::uint64_t{1} << 32;
  ::kill(::getpid(), SIGKILL);
}

void throw_runtime_error(const std::string& what) {
  throw std::runtime_error(what);
}

// Touches what it takes, so that it is there.
std::uint64_t allocate() {
  std::vector<std::vector<char>> all;
  for (;;) all.emplace_back(std::size_t{1} << 20, 'x');
}

void print(std::uint64_t bytes, const std::string& last_words) {
  const std::string chunk(std::size_t{1} << 16, 'x');
  for (std::uint64_t done = 0; done < bytes; done += chunk.size()) {
    if (::write(STDOUT_FILENO, chunk.data(), chunk.size()) < 0) std::_Exit(9);
  }
  if (::write(STDERR_FILENO, last_words.data(), last_words.size()) < 0) std::_Exit(9);
}

void print_and_throw(std::uint64_t bytes, const std::string& last_words) {
  print(bytes, last_words);
  throw std::runtime_error("after printing");
}

// Left in the program's own buffer, which nobody but the library flushes.
void print_buffered_and_throw(const std::string& text) {
  std::ios::sync_with_stdio(false);
  std::cout << text;
  throw std::runtime_error("after printing");
}

void report_and_print(promised::Job& job, const std::string& words) {
  job.progress(0, "printing");
  print(0, words);
}

void print_and_sleep(const std::string& words) {
  print(0, words);
  sleep_for_ever();
}

void print_and_abort(const std::string& last_words) {
  print(0, last_words);
  abort_now();
}

// A grandchild that nobody waits for; its pid. `own_session`: it has left the worker's session and process
// group.
std::int64_t orphan(bool own_session) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) std::_Exit(9);
  const pid_t child = ::fork();
  if (child == 0) {
    if (own_session) ::setsid();
    const pid_t grandchild = ::fork();
    if (grandchild == 0) sleep_for_ever();
    std::_Exit(::write(ends[1], &grandchild, sizeof grandchild) < 0 ? 9 : 0);
  }
  pid_t grandchild = -1;
  if (::read(ends[0], &grandchild, sizeof grandchild) < 0) std::_Exit(9);
  ::waitpid(child, nullptr, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  return grandchild;
}

void orphan_and_abort(bool own_session) {
  orphan(own_session);
  abort_now();
}

// The same, told in a report, by a job that does not end.
void orphan_and_sleep(promised::Job& job, bool own_session) {
  job.progress(0, std::to_string(orphan(own_session)));
  sleep_for_ever();
}

// A child of a thread that outlives the job.
std::int64_t child_of_a_thread() {
  static std::atomic<pid_t> child = 0;
  std::thread([] {
    const pid_t forked = ::fork();
    if (forked == 0) sleep_for_ever();
    child = forked;
    sleep_for_ever();
  }).detach();
  while (child == 0) std::this_thread::yield();
  return child;
}

// Half of the answer is on its way when the process goes.
std::string killed_in_mid_answer() {
  std::thread([] {
    for (int waiting = 0; waiting == 0;) ::ioctl(kChannel, SIOCOUTQ, &waiting);
    ::kill(::getpid(), SIGKILL);
  }).detach();
  return std::string(std::size_t{32} << 20, 'x');
}

void close_channel() {
  ::close(kChannel);
  sleep_for_ever();
}

void write_garbage(const std::string& garbage) {
  if (::send(kChannel, garbage.data(), garbage.size(), MSG_NOSIGNAL) < 0) std::_Exit(9);
  sleep_for_ever();
}

// Both parent and child come back from this function.
std::int64_t fork_and_return() {
  const pid_t child = ::fork();
  if (child > 0) ::waitpid(child, nullptr, 0);
  return child;
}

std::int64_t leave_child_behind() {
  const pid_t child = ::fork();
  if (child == 0) sleep_for_ever();
  return child;
}

// Holds the pipe's and the channel's ends open as long as it may.
void leave_child_behind_and_crash(promised::Job& job) {
  job.progress(0, std::to_string(leave_child_behind()));
  segfault();
}

// Started by the program, before its first job.
pid_t helper = 0;

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

struct Odd {};

// Deeper than any stack, with something to do at each level.
__attribute__((noinline, no_sanitize("address"))) std::int64_t descend(std::int64_t depth) {
  volatile char room[4096] = {};
  room[static_cast<std::size_t>(depth) % sizeof room] = 1;
  const std::int64_t deeper = depth < 0 ? 0 : descend(depth + 1);
  return deeper + room[0];
}

std::int64_t overflow_stack() {
  crash_with(SIGSEGV);
  return descend(0);
}

// What std::exit calls at the end ends the process in its own way.
void exit_in_destructor(int code) {
  struct Last {
    int code;
    ~Last() { ::_exit(code); }
  };
  static const Last last{code};
  std::exit(0);
}

// Processes that make processes, `most` in all; each writes its pid into `file`, and none ends by itself.
void fork_bomb(const std::string& file, int most) {
  void* shared =
      ::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) std::_Exit(9);
  auto& made = *new (shared) std::atomic<int>(0);
  const int out = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  while (made.fetch_add(1) < most) {
    if (::fork() != 0) continue;
    const std::string line = std::to_string(::getpid()) + "\n";
    if (::write(out, line.data(), line.size()) < 0) std::_Exit(9);
  }
  sleep_for_ever();
}

// Processes that make processes, each in a session of its own and as many as there may be, for half a minute
// at most. All of them hold a lock on `file`. The job's note "full" tells that there may be no more.
void bomb_in_sessions(promised::Job& job, const std::string& file) {
  const int lock = ::open(file.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0 || ::flock(lock, LOCK_SH) != 0) std::_Exit(9);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  const pid_t first = ::getpid();
  for (bool full = false; std::chrono::steady_clock::now() < end;) {
    const pid_t child = ::fork();
    if (child == 0) ::setsid();
    if (child >= 0) continue;
    if (!full && ::getpid() == first) job.note("full", true);
    full = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // it is not the processor that is used up
  }
  if (::getpid() != first) ::_exit(0);
}

void close_everything() {
  ::close_range(0, ~0U, 0);
}

void send_on_channel(const promised::Bytes& bytes) {
  if (::send(kChannel, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) std::_Exit(9);
}

void send_and_die(const promised::Bytes& bytes) {
  send_on_channel(bytes);
  ::kill(::getpid(), SIGKILL);
}

// Becomes another user, deaf, and hardly able to open anything.
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

// For longer than the library goes without a look at limits.
void lower_limits(bool for_good) {
  rlimit few{};
  ::getrlimit(RLIMIT_NOFILE, &few);
  few.rlim_cur = 16;
  if (for_good) few.rlim_max = 16;
  if (::setrlimit(RLIMIT_NOFILE, &few) != 0) std::_Exit(9);
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

// A thread that goes on when its job has ended, until `file` is there, and then takes the process with it.
void leave_thread(const std::string& file) {
  std::thread([file] {
    while (!std::filesystem::exists(file)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    abort_now();
  }).detach();
}

std::int64_t wait_for(promised::Job& job, const std::string& gate) {
  while (!std::filesystem::exists(gate)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return job.attempt();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--helper") {
    helper = ::fork();
    if (helper == 0) sleep_for_ever();
  }
  if (argc > 1 && helper == 0) std::cout << argv[1] << std::flush;  // before any job
  promised::Worker worker(argc, argv);
  worker.define("segfault", segfault)
      .define("abort", abort_now)
      .define("exit", [](int code) { std::exit(code); })
      .define("sleep", sleep_for_ever)
      .define("ignore_sigterm", ignore_sigterm)
      .define("throw", throw_runtime_error)
      .define("throw_int", [] { throw 42; })
      .define("throw_odd", [] { throw Odd(); })
      .define("throw_text", [] { throw "just text"; })
      .define("throw_latin1", [] { throw std::runtime_error("caf\xe9"); })
      .define("throw_mismatch", [] { throw promised::Mismatch("place", "this", "that"); })
      .define("allocate", allocate)
      .define("print", print)
      .define("print_and_throw", print_and_throw)
      .define("print_buffered_and_throw", print_buffered_and_throw)
      .define("report_and_print", report_and_print)
      .define("print_and_sleep", print_and_sleep)
      .define("print_and_abort", print_and_abort)
      .define("forget_output", [] { ::close(kOutputCopy); })
      .define("orphan", orphan)
      .define("orphan_and_abort", orphan_and_abort)
      .define("orphan_and_sleep", orphan_and_sleep)
      .define("child_of_a_thread", child_of_a_thread)
      .define("leave_child_behind_and_crash", leave_child_behind_and_crash)
      .define("helper", [] { return std::int64_t{helper}; })
      .define("killed_in_mid_answer", killed_in_mid_answer)
      .define("close_channel", close_channel)
      .define("write_garbage", write_garbage)
      .define("fork_and_return", fork_and_return)
      .define("leave_child_behind", leave_child_behind)
      .define("fds_of_a_program", fds_of_a_program)
      .define("signals", signals)
      .define("nest",
              [](int depth) {
                promised::Value value;
                for (int i = 0; i < depth; ++i)
                  value = promised::Value(promised::Value::List{std::move(value)});
                return value;
              })
      .define("big", [](std::uint64_t n) { return std::string(n, 'b'); })
      .define("nap", [](int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); })
      .define("quick", [](std::int64_t n) { return n; })
      .define("attempt", [](promised::Job& job) { return job.attempt(); })
      .define("who", [] { return ::getuid(); })
      .define("deaf", [] { return !signals().at("nothing is blocked"); })
      .define("overflow_stack", overflow_stack)
      .define("leave", [](int code) { ::_exit(code); })
      .define("exit_in_destructor", exit_in_destructor)
      .define("stop_itself", [] { ::kill(::getpid(), SIGSTOP); })
      .define("spin",
              [] {
                for (volatile bool on = true; on;) {
                }
              })
      .define("fork_bomb", fork_bomb)
      .define("bomb_in_sessions", bomb_in_sessions)
      .define("close_everything", close_everything)
      .define("send_on_channel", send_on_channel)
      .define("send_and_die", send_and_die)
      .define("change_itself", change_itself)
      .define("change_signals", change_signals)
      .define("changed_signals", changed_signals)
      .define("cpu_limit", cpu_limit)
      .define("set_cpu_limit", set_cpu_limit)
      .define("groups", groups)
      .define("join_group", join_group)
      .define("files_limit", files_limit)
      .define("lower_limits", lower_limits)
      .define("process", [] { return std::int64_t{::getpid()}; })
      .define("leave_thread", leave_thread)
      .define("wait_for", wait_for)
      .define("deny_having_begun", deny_having_begun);
  return worker.run();
}
