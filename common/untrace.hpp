// SPDX-License-Identifier: Apache-2.0
// A child can make its parent its tracer (PTRACE_TRACEME), and stands still at its next signal then until
// that has decided about it. Nobody here traces.
#pragma once

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/types.h>

namespace promised {

/// To be called by the thread that is its tracer: it goes on without one, with the signal at which it stands
/// still. The SIGTRAP that tells a tracer, and nobody else, of an exec is dropped.
inline void untrace(pid_t child, int signal) {
  siginfo_t info{};
  const bool is_known = ::ptrace(PTRACE_GETSIGINFO, child, nullptr, &info) == 0;
  const bool of_exec = is_known && signal == SIGTRAP && info.si_code == SI_USER && info.si_pid == child;
  ::ptrace(PTRACE_DETACH, child, nullptr, static_cast<long>(of_exec ? 0 : signal));
}

}  // namespace promised
