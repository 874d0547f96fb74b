// SPDX-License-Identifier: Apache-2.0
// A compilation unit's debug information: its entries and what they say.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "worker/symbols/cursor.hpp"
#include "worker/symbols/dwarf.hpp"

namespace promised::symbols {

/// What an attribute has, as it stands there: what it refers to is looked up only when it is wanted.
struct Value {
  enum class Kind : std::uint8_t {
    none,
    other,  ///< nothing that is of use here
    number,
    address,
    address_index,
    reference,  ///< `number` is an offset in Sections::info
    section_offset,
    ranges_index,
    text_in_info,
    text_in_str,
    text_in_line_str,
    text_index,
  };
  Kind kind = Kind::none;
  std::uint64_t number = 0;

  [[nodiscard]] bool there() const { return kind != Kind::none; }
};

/// The sizes that the bytes of a unit are read with.
struct Encoding {
  std::uint16_t version = 0;
  std::uint8_t offset_size = 4;
  std::uint8_t address_size = 8;
  std::uint64_t unit_begin = 0;  ///< references within the unit count from here
};

/// Reads the value of one attribute; the cursor fails where the form is not known.
[[nodiscard]] Value read_value(Cursor& cursor, std::uint64_t form, std::int64_t implicit,
                               const Encoding& encoding);

/// One entry, as far as it is of use here.
struct Entry {
  std::uint64_t tag = 0;  ///< 0: it ends the list of children
  bool has_children = false;
  Value sibling, name, linkage_name, origin, low_pc, high_pc, ranges, call_file, call_line;
  Value statement_list, str_offsets_base, addr_base, rnglists_base;  ///< of a unit's first entry

  /// Where the attribute of that number is kept; null if it is of no use here.
  [[nodiscard]] Value* attribute(std::uint64_t number);
};

class Unit {
 public:
  /// Where the code of the next unit begins in Sections::info, whatever is wrong with this one; 0: nowhere.
  [[nodiscard]] static std::uint64_t next(const Sections& sections, std::uint64_t begin);
  /// Before at() has read anything: nothing of it is initialised that is not read.
  explicit Unit(const Sections& sections) : sections_(&sections) {}
  /// The unit that begins there; none if it has no entries of use.
  [[nodiscard]] static std::optional<Unit> at(const Sections& sections, std::uint64_t begin);

  [[nodiscard]] std::uint64_t begin() const { return encoding_.unit_begin; }
  [[nodiscard]] bool holds(std::uint64_t offset) const { return offset >= begin() && offset < end_; }
  [[nodiscard]] std::uint64_t first_entry() const { return first_entry_; }
  [[nodiscard]] const Entry& root() const { return root_; }
  [[nodiscard]] const Sections& sections() const { return *sections_; }

  /// For read(): over the whole section, but not beyond the unit's end.
  [[nodiscard]] Cursor cursor_at(std::uint64_t offset) const;
  /// The entry at the cursor, which is then behind it and fails at anything that it does not understand.
  [[nodiscard]] Entry read(Cursor& cursor);

  [[nodiscard]] std::string_view text(const Value& value) const;
  /// Whether the code of an entry of this unit covers that address.
  [[nodiscard]] bool covers(const Entry& entry, std::uint64_t address) const;

 private:
  /// Where in Sections::abbrev the description of entries with that code is, behind the code.
  [[nodiscard]] std::optional<std::uint64_t> abbreviation(std::uint64_t code);
  [[nodiscard]] std::uint64_t address(const Value& value) const;
  [[nodiscard]] std::uint64_t indexed_address(std::uint64_t index) const;
  [[nodiscard]] bool listed(std::uint64_t offset, std::uint64_t address) const;
  [[nodiscard]] bool listed_before_version_5(std::uint64_t offset, std::uint64_t address) const;

  // Codes count up from 1 in each unit. One with more of them than this has no lines for some of its entries.
  static constexpr std::size_t kMostAbbreviations = 4096;

  const Sections* sections_;
  Encoding encoding_;
  std::uint64_t end_ = 0;
  std::uint64_t first_entry_ = 0;
  std::uint64_t abbreviations_end_ = 0;  // up to where they are indexed
  std::size_t abbreviation_count_ = 0;
  std::array<std::uint32_t, kMostAbbreviations> abbreviations_;
  Entry root_;
};

}  // namespace promised::symbols
