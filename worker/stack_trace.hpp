// SPDX-License-Identifier: Apache-2.0
// Where a thread was when a signal hit it, for the handler of that signal: nothing here allocates with
// malloc, takes a lock of the program's, or throws.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace promised::detail {

/// Addresses of code, the innermost first.
struct StackTrace {
  static constexpr std::size_t kMost = 64;
  std::array<std::uintptr_t, kMost> addresses;
  std::size_t count = 0;
};

/// Only the address at which the signal hit this thread: all that can be told where the stack is spoilt.
void take_innermost(void* context, StackTrace& trace);

/// Of the thread that this is called on, from where the signal hit it: `context` is the handler's third
/// argument. Its own frames and this library's are left out.
void take_stack_trace(void* context, StackTrace& trace);

}  // namespace promised::detail
