// SPDX-License-Identifier: Apache-2.0
// worker_misbehave: a worker whose every function does harm, to its own process or to what surrounds it. Each
// file defines what harms in one way.
#pragma once

#include <sys/types.h>
#include <promised/worker.hpp>

namespace misbehave {

inline constexpr int kChannel = 3;  // the library's

/// Before a crash by `signal`, which is to be one: the sanitizers have handlers of their own, which would
/// make an exit of it. Without them the library's handler is there, and stays.
void crash_with(int signal);
void segfault();
[[noreturn]] void abort_now();
[[noreturn]] void sleep_for_ever();

/// misbehave_deaths.cpp: it ends, or should.
void define_deaths(promised::Worker& worker);
/// misbehave_output.cpp: it prints.
void define_output(promised::Worker& worker);
/// misbehave_processes.cpp: it starts processes; `helper` was started by the program, before its first job.
void define_processes(promised::Worker& worker, pid_t helper);
/// misbehave_state.cpp: it makes something else of its process; and says what it finds of that.
void define_state(promised::Worker& worker);

}  // namespace misbehave
