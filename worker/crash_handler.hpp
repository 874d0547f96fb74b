// SPDX-License-Identifier: Apache-2.0
// What a worker process does in its last moment when it crashes: it writes down where, for the daemon to read
// when it is gone, and then ends as it would have ended without that, by the same signal and with the same
// core. It never lives on for that: after half a second, or at another fault, it ends with what it has
// written.
#pragma once

#include "common/crash_report.hpp"

namespace promised::detail {

/// For the signals that mean a crash (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP, SIGXCPU), as
/// far as the program has left them at their default: a handler of its own, or of a sanitizer, stays. Gives
/// this thread a stack for handlers, if it has none, so that the end of its own can be told too; other
/// threads run the handler on their own. Once a process; `report` must live as long as it does.
void install_crash_handler(CrashReport& report);

/// A job begins: what was noted of the memory in the one before counts no more.
void forget_failed_allocations();

/// In a fork() of the process that goes on as a worker: its crashes are told, too. Those of all other
/// children are their own affair.
void adopt_crash_handler();

}  // namespace promised::detail
