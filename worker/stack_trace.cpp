// SPDX-License-Identifier: Apache-2.0
#include "worker/stack_trace.hpp"

#include <dlfcn.h>
#include <link.h>
#include <ucontext.h>
#include <unistd.h>

#include <backtrace.h>

#include <algorithm>
#include <charconv>
#include <climits>

#include "common/crash_report.hpp"

namespace promised::detail {
namespace {

std::array<char, PATH_MAX> program_path;  // its link map has no name

std::string_view view_of(const char* text) {
  return text == nullptr ? std::string_view() : std::string_view(text);
}

/// Text in a piece of memory that does not grow: what is too much is left out.
class Text {
 public:
  explicit Text(std::array<char, CrashReport::kRoom>& room) : room_(room) {}

  Text& operator<<(std::string_view text) {
    const std::size_t size = std::min(text.size(), room_.size() - size_);
    std::copy_n(text.data(), size, room_.data() + size_);
    size_ += size;
    return *this;
  }
  Text& number(std::uintptr_t number, int base) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
    return *this << std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data()));
  }
  Text& begin_frame() { return (*this << "#").number(frames_++, 10) << " "; }
  [[nodiscard]] std::string_view view() const { return {room_.data(), size_}; }

 private:
  std::array<char, CrashReport::kRoom>& room_;
  std::size_t size_ = 0;
  std::size_t frames_ = 0;
};

/// The loaded file that an address lies in; without a lock, unlike dladdr().
const link_map* file_of(std::uintptr_t address) {
  dl_find_object found{};
  if (::_dl_find_object(reinterpret_cast<void*>(address), &found) != 0) return nullptr;
  return found.dlfo_link_map;
}

std::string_view path_of(const link_map& file) {
  const std::string_view name = view_of(file.l_name);
  return name.empty() ? view_of(program_path.data()) : name;
}

bool is_this_library(std::uintptr_t address) {
  static const int here = 0;
  return file_of(address) == file_of(reinterpret_cast<std::uintptr_t>(&here));
}

bool is_of_the_system(std::string_view path) {
  return path.starts_with("/lib") || path.starts_with("/usr/lib");
}

void add_plain_frame(std::uintptr_t address, Text& text) {
  text.begin_frame() << "0x";
  if (const link_map* file = file_of(address)) {
    text.number(address - file->l_addr, 16) << " in " << path_of(*file);
  } else {
    text.number(address, 16);
  }
  text << "\n";
}

// ---- the walk up the stack ----------------------------------------------------------------------

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

int on_address(void* data, std::uintptr_t address) {
  Walk& walk = *static_cast<Walk*>(data);
  if (!walk.arrived && address != walk.from) return 0;
  walk.arrived = true;
  if (address == ~std::uintptr_t{0}) return 1;
  if (is_this_library(address)) return 0;
  walk.trace.addresses[walk.trace.count++] = address;
  return walk.trace.count == StackTrace::kMost ? 1 : 0;
}

void ignore_error(void*, const char*, int) {}

// ---- names and lines ----------------------------------------------------------------------------

const StackTrace* read_for = nullptr;  // the files of which are read, and no others

struct Naming {
  Text& text;
  std::uintptr_t address;
  bool named = false;
};

int on_line(void* data, std::uintptr_t, const char* file, int line, const char* function) {
  auto& naming = *static_cast<Naming*>(data);
  if (function == nullptr) return 0;
  naming.named = true;
  naming.text.begin_frame() << function;
  if (file != nullptr) {
    const std::string_view path = file;
    naming.text << " at " << path.substr(path.rfind('/') + 1);
    if (line > 0) (naming.text << ":").number(static_cast<std::uintptr_t>(line), 10);
  }
  naming.text << "\n";
  return 0;
}

void add_symbol(Naming& naming, std::string_view name) {
  naming.named = true;
  naming.text.begin_frame() << name;
  if (const link_map* file = file_of(naming.address)) naming.text << " in " << path_of(*file);
  naming.text << "\n";
}

void on_symbol(void* data, std::uintptr_t, const char* name, std::uintptr_t, std::uintptr_t) {
  if (name != nullptr) add_symbol(*static_cast<Naming*>(data), name);
}

}  // namespace

void prepare_stack_traces() {
  const ssize_t size = ::readlink("/proc/self/exe", program_path.data(), program_path.size() - 1);
  program_path[size > 0 ? static_cast<std::size_t>(size) : 0] = '\0';
}

void take_innermost(void* context, StackTrace& trace) {
  trace.count = 0;
  if (const std::uintptr_t* counter = program_counter(*static_cast<ucontext_t*>(context)))
    trace.addresses[trace.count++] = *counter;
}

void take_stack_trace(void* context, StackTrace& trace) {
  trace.count = 0;
  backtrace_state* const state = ::backtrace_create_state(nullptr, 0, ignore_error, nullptr);
  auto& changed = *static_cast<ucontext_t*>(context);
  std::uintptr_t* const counter = program_counter(changed);
  const bool nowhere = counter != nullptr && file_of(*counter) == nullptr;
  if (!nowhere) {
    Walk walk{trace, counter == nullptr ? 0 : *counter, counter == nullptr};
    ::backtrace_simple(state, 0, on_address, ignore_error, &walk);
    return;
  }
  const mcontext_t kept = changed.uc_mcontext;
  trace.addresses[trace.count++] = *counter;
  return_to_caller(changed);
  Walk walk{trace, *counter, false};
  ::backtrace_simple(state, 0, on_address, ignore_error, &walk);
  changed.uc_mcontext = kept;
}

std::string_view plain_lines(const StackTrace& trace) {
  static std::array<char, CrashReport::kRoom> room;
  Text text(room);
  for (std::size_t i = 0; i < trace.count; ++i) add_plain_frame(trace.addresses[i], text);
  return text.view();
}

std::string_view symbolised_lines(const StackTrace& trace) {
  static std::array<char, CrashReport::kRoom> room;
  Text text(room);
  read_for = &trace;
  backtrace_state* const state = ::backtrace_create_state(nullptr, 0, ignore_error, nullptr);
  for (std::size_t i = 0; i < trace.count; ++i) {
    Naming naming{text, trace.addresses[i]};
    ::backtrace_pcinfo(state, naming.address, on_line, ignore_error, &naming);
    if (!naming.named) ::backtrace_syminfo(state, naming.address, on_symbol, ignore_error, &naming);
    Dl_info info{};
    if (!naming.named && ::dladdr(reinterpret_cast<void*>(naming.address), &info) != 0 &&
        info.dli_sname != nullptr)
      add_symbol(naming, info.dli_sname);
    if (!naming.named) add_plain_frame(naming.address, text);
  }
  return text.view();
}

}  // namespace promised::detail

// What libbacktrace finds when it looks for loaded files (the linker's --wrap): those that the trace goes
// through, without the system's and this library. Their debug information would cost tens of milliseconds and
// megabytes, and tell nothing of the program.
extern "C" {
using Visit = int (*)(dl_phdr_info*, std::size_t, void*);
int __real_dl_iterate_phdr(Visit visit, void* data);
int __wrap_dl_iterate_phdr(Visit visit, void* data) {
  using namespace promised::detail;
  struct Filter {
    Visit visit;
    void* data;
  } filter{visit, data};
  const auto pass_on = [](dl_phdr_info* file, std::size_t size, void* given) {
    const auto& to = *static_cast<Filter*>(given);
    const StackTrace& trace = *read_for;
    if (is_of_the_system(view_of(file->dlpi_name))) return 0;
    const auto goes_through = [&](std::uintptr_t address) {
      const link_map* holder = file_of(address);
      return holder != nullptr && holder->l_addr == file->dlpi_addr && !is_this_library(address);
    };
    const auto* const begin = trace.addresses.data();
    return std::any_of(begin, begin + trace.count, goes_through) ? to.visit(file, size, to.data) : 0;
  };
  return __real_dl_iterate_phdr(pass_on, &filter);
}
}
