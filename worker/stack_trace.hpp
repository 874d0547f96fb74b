// SPDX-License-Identifier: Apache-2.0
// Where a thread was when a signal hit it, for the handler of that signal: nothing here allocates with
// malloc, takes a lock of the program's, or throws.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace promised::detail {

/// Addresses of code, the innermost first.
struct StackTrace {
  static constexpr std::size_t kMost = 64;
  std::array<std::uintptr_t, kMost> addresses;
  std::size_t count = 0;
};

/// Before the first signal: what cannot be asked for in a handler.
void prepare_stack_traces();

/// Only the address at which the signal hit this thread: all that can be told where the stack is spoilt.
void take_innermost(void* context, StackTrace& trace);

/// Of the thread that this is called on, from where the signal hit it: `context` is the handler's third
/// argument. Its own frames and this library's are left out.
void take_stack_trace(void* context, StackTrace& trace);

/// A line a frame: "#0 0x1234 in /path/of/the/program", an address as addr2line takes it. Needs microseconds
/// and no lock at all. The text stands in memory of its own, until the next call.
[[nodiscard]] std::string_view plain_lines(const StackTrace& trace);

/// With names, files and lines, where the program or a library beside it has symbols: "#0 _Z3foov at
/// foo.cpp:12"; inlined functions have lines of their own. Takes some milliseconds, or some tens in a program
/// with much debug information: it reads the debug information of the files that the trace goes through, but
/// of the system's libraries only what they export.
[[nodiscard]] std::string_view symbolised_lines(const StackTrace& trace);

}  // namespace promised::detail
