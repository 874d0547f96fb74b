// SPDX-License-Identifier: Apache-2.0
#include "worker/stack_trace.hpp"

#include <ucontext.h>
#include <unwind.h>

#include "worker/loaded_file.hpp"

namespace promised::detail {
namespace {

bool is_this_library(std::uintptr_t address) {
  static const int here = 0;
  return file_of(address) == file_of(reinterpret_cast<std::uintptr_t>(&here));
}

std::uintptr_t* program_counter(ucontext_t& context) {
#if defined(__x86_64__)
  return reinterpret_cast<std::uintptr_t*>(&context.uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<std::uintptr_t*>(&context.uc_mcontext.pc);
#else
  static_cast<void>(context);
  return nullptr;
#endif
}

/// A call through a pointer that points nowhere has left the stack as the called function would have found
/// it: the context goes back to the caller, from where there is a way up.
void return_to_caller(ucontext_t& context) {
#if defined(__x86_64__)
  auto& registers = context.uc_mcontext.gregs;
  registers[REG_RIP] = *reinterpret_cast<const greg_t*>(registers[REG_RSP]) - 1;
  registers[REG_RSP] += static_cast<greg_t>(sizeof(greg_t));
#elif defined(__aarch64__)
  context.uc_mcontext.pc = context.uc_mcontext.regs[30] - 1;
#else
  static_cast<void>(context);
#endif
}

struct Walk {
  StackTrace& trace;
  std::uintptr_t from;  ///< frames before this one are the handler's
  bool arrived;
};

_Unwind_Reason_Code on_frame(_Unwind_Context* frame, void* data) {
  Walk& walk = *static_cast<Walk*>(data);
  int is_next_instruction = 0;
  std::uintptr_t address = ::_Unwind_GetIPInfo(frame, &is_next_instruction);
  // Where a call returns to may be another line than the call, or another function.
  if (is_next_instruction == 0) --address;
  if (!walk.arrived && address != walk.from) return _URC_NO_REASON;
  walk.arrived = true;
  if (address == ~std::uintptr_t{0}) return _URC_END_OF_STACK;
  if (is_this_library(address)) return _URC_NO_REASON;
  walk.trace.addresses[walk.trace.count++] = address;
  return walk.trace.count == StackTrace::kMost ? _URC_END_OF_STACK : _URC_NO_REASON;
}

}  // namespace

void take_innermost(void* context, StackTrace& trace) {
  trace.count = 0;
  if (const std::uintptr_t* counter = program_counter(*static_cast<ucontext_t*>(context)))
    trace.addresses[trace.count++] = *counter;
}

void take_stack_trace(void* context, StackTrace& trace) {
  trace.count = 0;
  auto& changed = *static_cast<ucontext_t*>(context);
  std::uintptr_t* const counter = program_counter(changed);
  const bool nowhere = counter != nullptr && file_of(*counter) == nullptr;
  if (!nowhere) {
    Walk walk{trace, counter == nullptr ? 0 : *counter, counter == nullptr};
    ::_Unwind_Backtrace(on_frame, &walk);
    return;
  }
  const mcontext_t kept = changed.uc_mcontext;
  trace.addresses[trace.count++] = *counter;
  return_to_caller(changed);
  Walk walk{trace, *counter, false};
  ::_Unwind_Backtrace(on_frame, &walk);
  changed.uc_mcontext = kept;
}

}  // namespace promised::detail
