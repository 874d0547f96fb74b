// SPDX-License-Identifier: Apache-2.0
#include "worker/symbols/debug_sections.hpp"

#include <algorithm>
#include <array>

#include "worker/symbols/cursor.hpp"

namespace promised::symbols {
namespace {

Sections sections_of(ElfFile& file) {
  Sections sections;
  sections.info = file.section(".debug_info");
  if (sections.info.empty()) return sections;
  sections.abbrev = file.section(".debug_abbrev");
  sections.aranges = file.section(".debug_aranges");
  sections.line = file.section(".debug_line");
  sections.line_str = file.section(".debug_line_str");
  sections.str = file.section(".debug_str");
  sections.str_offsets = file.section(".debug_str_offsets");
  sections.addr = file.section(".debug_addr");
  sections.ranges = file.section(".debug_ranges");
  sections.rnglists = file.section(".debug_rnglists");
  return sections;
}

/// "/usr/lib/debug/.build-id/12/3456.debug", ended by a zero, for the note that the linker has left.
class PathByBuildId {
 public:
  explicit PathByBuildId(std::string_view note) {
    Cursor cursor(note);
    const auto name_size = cursor.get<std::uint32_t>();
    const auto id_size = cursor.get<std::uint32_t>();
    cursor.skip(4 + (std::uint64_t{name_size} + 3) / 4 * 4);
    if (!cursor.ok() || id_size < 2 || id_size > kMostBytes) return;
    add("/usr/lib/debug/.build-id/");
    for (std::uint32_t i = 0; i < id_size; ++i) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      const auto byte = cursor.get<std::uint8_t>();
      add(kDigits.substr(byte >> 4U, 1));
      add(kDigits.substr(byte & 0xfU, 1));
      if (i == 0) add("/");
    }
    add(".debug");
    complete_ = cursor.ok();
  }
  [[nodiscard]] const char* get() const { return complete_ ? path_.data() : nullptr; }

 private:
  static constexpr std::size_t kMostBytes = 64;  // 20 are usual

  void add(std::string_view text) { end_ = std::copy(text.begin(), text.end(), end_); }

  std::array<char, 2 * kMostBytes + 64> path_{};
  char* end_ = path_.data();
  bool complete_ = false;
};

}  // namespace

DebugSections::DebugSections(ElfFile& program) : sections_(sections_of(program)) {
  if (!sections_.info.empty()) return;
  const PathByBuildId path(program.section(".note.gnu.build-id"));
  if (path.get() == nullptr) return;
  apart_ = ElfFile(path.get());
  sections_ = sections_of(apart_);
}

}  // namespace promised::symbols
