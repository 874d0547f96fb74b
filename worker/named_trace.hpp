// SPDX-License-Identifier: Apache-2.0
// A stack trace in words: addresses, which cost nothing; names, which cost little; and lines, as far as a
// budget of processor time goes. For the handler of the signal that the trace is of: nothing here allocates
// with malloc, takes a lock, or throws.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "worker/loaded_file.hpp"
#include "worker/stack_trace.hpp"
#include "worker/symbols/budget.hpp"
#include "worker/symbols/calls.hpp"
#include "worker/symbols/debug_sections.hpp"
#include "worker/symbols/elf_file.hpp"

namespace promised::detail {

/// A line a frame: "#0 0x1234 in /path/of/the/program", an address as addr2line takes it. Needs microseconds.
/// The text stands until the next call.
[[nodiscard]] std::string_view plain_lines(const StackTrace& trace);

class NamedTrace {
 public:
  /// Reads the symbols of the files that the trace goes through, and nothing of their debug information: well
  /// below a millisecond for a program of usual size.
  explicit NamedTrace(const StackTrace& trace);

  /// A line a frame: "#0 _Z3foov in /path/of/the/program"; a plain one where there is no symbol. The text
  /// stands until the next call.
  [[nodiscard]] std::string_view names() const;
  /// With files and lines, where the debug information of the program or a library beside it has them: "#0
  /// _Z3foov at foo.cpp:12"; inlined functions have lines of their own. The frames are read from the
  /// innermost on; those that the budget was spent before have the same line as in names(). Of the system's
  /// libraries only names are told.
  [[nodiscard]] std::string_view lines(symbols::Search search, symbols::Budget& budget);
  /// The lines() before were not all: there may be more of them everywhere.
  [[nodiscard]] bool has_missed_lines() const { return has_missed_lines_; }

 private:
  static constexpr std::size_t kMostFiles = 8;  // of the others there are addresses

  struct File {
    explicit File(const link_map& of) : loaded(&of), elf(path_to_open(of)) {}
    const link_map* loaded;
    symbols::ElfFile elf;
    std::optional<symbols::DebugSections> debug;  ///< read when it is needed
  };

  [[nodiscard]] File* file_at(std::size_t frame);
  void name_functions_of(File& file);

  const StackTrace& trace_;
  std::array<const link_map*, StackTrace::kMost> loaded_{};  // of each frame; null: code of no file
  std::array<std::string_view, StackTrace::kMost> names_{};
  std::array<std::optional<File>, kMostFiles> files_;
  bool has_missed_lines_ = false;
};

}  // namespace promised::detail
