// SPDX-License-Identifier: Apache-2.0
// A worker whose functions crash in ways that a backtrace has to tell of, each in a function with a name.
#include <link.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <promised/worker.hpp>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace crashes {

// Behind a call that is to be seen in a backtrace: it is none that ends its function.
int after = 0;

__attribute__((noinline)) void write_nowhere(std::uintptr_t address) {
  *reinterpret_cast<volatile int*>(address) = 1;
}

__attribute__((noinline)) void raise_it(int signal) {
  ::raise(signal);
  ++after;
}

__attribute__((noinline)) void give_up() {
  std::abort();
}

__attribute__((noinline)) void call_nothing() {
  void (*volatile nothing)() = nullptr;
  nothing();
  ++after;
}

__attribute__((noinline)) int never_enough(int depth) {  // NOLINT(misc-no-recursion)
  volatile char room[1024];
  room[0] = static_cast<char>(depth);
  if (depth == -1) return 0;
  return never_enough(depth + 1) + room[0];
}

__attribute__((noinline)) void burn() {
  for (volatile bool on = true; on;) {
  }
}

void in_a_thread(const std::function<void()>& what) {
  std::thread(what).join();
}

}  // namespace crashes

namespace {

using namespace crashes;

void use_a_failed_malloc() {
  auto* const memory = static_cast<char*>(std::malloc(std::size_t{4} << 30));
  write_nowhere(reinterpret_cast<std::uintptr_t>(memory));
}

// bad_alloc that nobody catches, where the library cannot.
void fail_to_allocate_in_a_thread() {
  in_a_thread([] {
    std::vector<std::string> all;
    for (;;) all.emplace_back(std::size_t{1} << 20, 'x');
  });
}

// All memory but what the stack has already, and then the stack needs more.
void fill_memory_and_recurse() {
  for (std::size_t size = std::size_t{1} << 20; size >= 4096; size /= 2) {
    for (volatile bool more = true; more;) {
      void* volatile memory = std::malloc(size);
      more = memory != nullptr;
    }
  }
  errno = 0;
  never_enough(0);
}

// An allocation that fails and is coped with, in a job that ends well.
std::int64_t cope_with_failure() {
  try {
    std::vector<char> memory(std::size_t{4} << 30);
    return static_cast<std::int64_t>(memory.size());
  } catch (const std::bad_alloc&) {
    return 0;
  }
}

// A signal that comes from elsewhere, to a job that has coped.
void cope_and_be_shot(int signal) {
  cope_with_failure();
  const pid_t job = ::getpid();
  if (::fork() == 0) {
    ::kill(job, signal);
    ::_exit(0);
  }
  for (;;) ::pause();
}

void cope_and_abort() {
  cope_with_failure();
  give_up();
}

// Until the time on the processor is used up, with errno as the failure has left it.
void cope_and_burn() {
  cope_with_failure();
  errno = ENOMEM;
  burn();
}

// A child's crash is its own affair.
std::int64_t crash_in_a_child() {
  const pid_t child = ::fork();
  if (child == 0) write_nowhere(16);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

// The dynamic loader's lock is taken, and never given back.
void crash_beside_a_busy_loader() {
  static std::atomic<bool> busy = false;
  const auto stay = [](dl_phdr_info*, std::size_t, void*) {
    busy = true;
    for (;;) ::pause();
    return 0;
  };
  std::thread([=] { ::dl_iterate_phdr(stay, nullptr); }).detach();
  while (!busy) std::this_thread::yield();
  write_nowhere(16);
}

// Whoever goes up this stack falls.
void lose_the_stack() {
#if defined(__x86_64__)
  asm volatile("xor %esp, %esp\n\tpush %rax");
#elif defined(__aarch64__)
  asm volatile("mov x0, xzr\n\tmov sp, x0\n\tstr x0, [sp, #-16]!");
#endif
}

void own_handler(int) {
  ::_exit(77);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--own-handler") == 0) ::signal(SIGSEGV, own_handler);
  promised::Worker worker(argc, argv);
  worker.define("segfault", [] { write_nowhere(16); })
      .define("raise", raise_it)
      .define("abort", give_up)
      .define("call_nothing", call_nothing)
      .define("overflow", [] { return static_cast<std::int64_t>(never_enough(0)); })
      .define("segfault_in_a_thread", [] { in_a_thread([] { write_nowhere(16); }); })
      .define("use_a_failed_malloc", use_a_failed_malloc)
      .define("fail_to_allocate_in_a_thread", fail_to_allocate_in_a_thread)
      .define("fill_memory_and_recurse", fill_memory_and_recurse)
      .define("cope_with_failure", cope_with_failure)
      .define("cope_and_abort", cope_and_abort)
      .define("cope_and_be_shot", cope_and_be_shot)
      .define("cope_and_burn", cope_and_burn)
      .define("crash_in_a_child", crash_in_a_child)
      .define("crash_beside_a_busy_loader", crash_beside_a_busy_loader)
      .define("lose_the_stack", lose_the_stack)
      .define("quick", [](std::int64_t n) { return n; });
  return worker.run();
}
