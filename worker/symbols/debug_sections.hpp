// SPDX-License-Identifier: Apache-2.0
// Where a program's debug information is: in itself, or in a file of its own beside those of the
// distribution.
#pragma once

#include "worker/symbols/dwarf.hpp"
#include "worker/symbols/elf_file.hpp"

namespace promised::symbols {

class DebugSections {
 public:
  /// Of `program`, or if it has none, of the file below /usr/lib/debug that goes with its build id. Valid as
  /// long as both are; without any if there is neither.
  explicit DebugSections(ElfFile& program);
  DebugSections(const DebugSections&) = delete;
  DebugSections& operator=(const DebugSections&) = delete;

  [[nodiscard]] const Sections& get() const { return sections_; }

 private:
  ElfFile apart_;
  Sections sections_;
};

}  // namespace promised::symbols
