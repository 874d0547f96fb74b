// SPDX-License-Identifier: Apache-2.0
#include "worker/crash_handler.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <new>
#include <string_view>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#include "worker/loaded_file.hpp"
#include "worker/named_trace.hpp"
#include "worker/stack_trace.hpp"
#include "worker/symbols/budget.hpp"

namespace promised::detail {
namespace {

constexpr std::array kCrashes{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP, SIGXCPU};
// What may go into lines: the client is to know of a crash within 10 ms.
constexpr std::chrono::milliseconds kBudgetForLines{4};
// For all of it together, by the clock: the processor may be shared with many.
constexpr suseconds_t kPatienceMicroseconds = 500'000;
constexpr std::size_t kHandlerStack = std::size_t{128} << 10;
constexpr std::size_t kGuard = std::size_t{64} << 10;  // whole pages, whatever their size
// A frame that has no room any more begins this near to the stack's end.
constexpr std::uintptr_t kLargestFrame = std::uintptr_t{256} << 10;
constexpr std::uintptr_t kStackMargin = std::uintptr_t{1} << 20;

CrashReport* report = nullptr;
std::atomic<pid_t> process = 0;  // whose crashes are told
std::atomic<int> crashed_by = 0;
std::atomic<bool> allocation_failed = false;
bool memory_is_limited = false;
std::uintptr_t stack_begin = 0;  // of the main thread, about
std::uintptr_t stack_limit = 0;
StackTrace trace;  // in a handler there may be little room on the stack

void unblock(int signal) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void handle_by(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_NODEFER | SA_ONSTACK;
  ::sigaction(signal, &action, nullptr);
}

/// A second fault, or the time is over: the end that the first would have been, at once.
void end_now(int) {
  const int signal = crashed_by.load();
  ::signal(signal, SIG_DFL);
  unblock(signal);
  ::kill(::getpid(), signal);
  ::raise(signal);
  ::_exit(128 + signal);
}

void end_in_time() {
  for (const int signal : kCrashes) {
    handle_by(signal, end_now);
    unblock(signal);
  }
  handle_by(SIGALRM, end_now);
  unblock(SIGALRM);
  const itimerval patience{{0, 0}, {0, kPatienceMicroseconds}};
  ::setitimer(ITIMER_REAL, &patience, nullptr);
}

std::uintptr_t stack_pointer(const ucontext_t& context) {
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(context.uc_mcontext.gregs[REG_RSP]);
#elif defined(__aarch64__)
  return context.uc_mcontext.sp;
#else
  static_cast<void>(context);
  return 0;
#endif
}

/// The stack of the main thread wanted to grow, has not reached its own limit, and got no memory.
bool stack_could_not_grow(int signal, const siginfo_t& info, const ucontext_t& context) {
  if (signal != SIGSEGV || info.si_code != SEGV_MAPERR || stack_limit == 0) return false;
  const auto address = reinterpret_cast<std::uintptr_t>(info.si_addr);
  const std::uintptr_t pointer = stack_pointer(context);
  const std::uintptr_t distance = address > pointer ? address - pointer : pointer - address;
  return distance < kLargestFrame && address < stack_begin &&
         stack_begin - address + kStackMargin < stack_limit;
}

/// By this process itself: a fault of its own, or what it sends itself, as abort() does. What others send,
/// and that the time on the processor is used up, comes at any moment and says nothing of what happened
/// before.
bool is_of_its_own(int signal, const siginfo_t& info) {
  if (signal == SIGXCPU) return false;
  if (info.si_code > 0) return true;
  return (info.si_code == SI_TKILL || info.si_code == SI_USER) && info.si_pid == ::getpid();
}

bool memory_had_run_out(int signal, const siginfo_t& info, const ucontext_t& context, int last_error) {
  if (!is_of_its_own(signal, info)) return false;
  if (allocation_failed.load()) return true;
  return memory_is_limited && (last_error == ENOMEM || stack_could_not_grow(signal, info, context));
}

/// Those of AddressSanitizer on the stack of handlers: they are of what was there before, for it does not see
/// that the kernel has changed stacks.
void forget_marks() {
#if defined(__SANITIZE_ADDRESS__)
  stack_t now{};
  ::sigaltstack(nullptr, &now);
  ASAN_UNPOISON_MEMORY_REGION(now.ss_sp, now.ss_size);
#endif
}

void tell_names_and_lines() {
  NamedTrace named(trace);
  report->write(named.names());
  symbols::Budget budget(kBudgetForLines);
  report->write(named.lines(symbols::Search::usual_places, budget));
  if (!named.has_missed_lines() || budget.spent()) return;
  const std::string_view more = named.lines(symbols::Search::everywhere, budget);
  if (!budget.spent()) report->write(more);
}

void on_crash(int signal, siginfo_t* info, void* context) {
  const int last_error = errno;  // of the thread: what failed last in it, likely a moment ago
  int none = 0;
  if (process.load() != ::getpid()) {
    ::signal(signal, SIG_DFL);
    ::raise(signal);
    return;
  }
  if (!crashed_by.compare_exchange_strong(none, signal)) {
    for (;;) ::pause();  // another thread crashed before, and the process ends with it
  }
  forget_marks();
  end_in_time();
  const auto& where = *static_cast<const ucontext_t*>(context);
  if (memory_had_run_out(signal, *info, where, last_error)) report->note_out_of_memory();
  take_innermost(context, trace);
  report->write(plain_lines(trace));
  take_stack_trace(context, trace);
  report->write(plain_lines(trace));
  tell_names_and_lines();
  // It strikes when this handler returns, so that a core shows the place and not this.
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

// As if there were no handler, but noted.
void on_failed_new() {
  allocation_failed.store(true);
  throw std::bad_alloc();
}

/// One that is there already stays if it is large enough: AddressSanitizer's, for one, is not.
void give_handlers_a_stack() {
  stack_t now{};
  if (::sigaltstack(nullptr, &now) != 0) return;
  if ((now.ss_flags & SS_DISABLE) == 0 && now.ss_size >= kHandlerStack) return;
  void* const memory = ::mmap(nullptr, kGuard + kHandlerStack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;  // then a stack overflow has no backtrace
  void* const stack = static_cast<char*>(memory) + kGuard;
  if (::mprotect(stack, kHandlerStack, PROT_READ | PROT_WRITE) != 0) return;
  stack_t ours{};
  ours.ss_sp = stack;
  ours.ss_size = kHandlerStack;
  ::sigaltstack(&ours, nullptr);
}

void learn_limits() {
  rlimit memory{}, stack{};
  memory_is_limited = ::getrlimit(RLIMIT_AS, &memory) == 0 && memory.rlim_cur != RLIM_INFINITY;
  const bool in_main_thread = ::getpid() == ::gettid();
  if (!in_main_thread || ::getrlimit(RLIMIT_STACK, &stack) != 0) return;
  stack_begin = reinterpret_cast<std::uintptr_t>(&stack);
  stack_limit = stack.rlim_cur == RLIM_INFINITY ? ~std::uintptr_t{0} : stack.rlim_cur;
}

}  // namespace

void install_crash_handler(CrashReport& to) {
  if (report != nullptr) return;
  report = &to;
  process.store(::getpid());
  learn_limits();
  prepare_loaded_files();
  give_handlers_a_stack();
  for (const int signal : kCrashes) {
    struct sigaction now {};
    if (::sigaction(signal, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) continue;
    struct sigaction ours {};
    ours.sa_sigaction = on_crash;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    ::sigaction(signal, &ours, nullptr);
  }
  if (std::get_new_handler() == nullptr) std::set_new_handler(on_failed_new);
}

void forget_failed_allocations() {
  allocation_failed.store(false, std::memory_order_relaxed);
  errno = 0;
}

void adopt_crash_handler() {
  process.store(::getpid());
}

}  // namespace promised::detail
