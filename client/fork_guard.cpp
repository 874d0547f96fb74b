// SPDX-License-Identifier: Apache-2.0
#include "client/fork_guard.hpp"

#include <promised/error.hpp>

#include <pthread.h>
#include <unistd.h>

namespace promised::detail {

std::atomic<unsigned> ForkGuard::current_{0};

ForkGuard::ForkGuard() : pid_(getpid()) {
  // Without memory for the handler, children would be mistaken for their parent.
  static const int registered = pthread_atfork(nullptr, nullptr, [] { current_.fetch_add(1); });
  if (registered != 0) throw Error("cannot watch for forks: no memory for a handler");
  generation_ = current_.load(std::memory_order_relaxed);
}

void ForkGuard::refuse() const {
  throw Error("this client was made by process " + std::to_string(pid_) + " and cannot be used in process " +
              std::to_string(getpid()) + ", which is a fork of it: make a Client here, after the fork");
}

}  // namespace promised::detail
