// SPDX-License-Identifier: Apache-2.0
#include "worker/symbols/unit_search.hpp"

namespace promised::symbols {
namespace {

/// Where the unit begins that one set of the table names, if its addresses are among them; `cursor` is at the
/// set, and then at the next one.
std::optional<std::uint64_t> look_into_set(Cursor& cursor, std::uint64_t address, Budget& budget) {
  const std::uint64_t begin = cursor.at();
  const Cursor::Length length = cursor.unit_length();
  const std::uint64_t end = cursor.at() + length.bytes;
  static_cast<void>(cursor.number(2));
  const std::uint64_t unit = cursor.number(length.offset_size);
  const auto address_size = cursor.get<std::uint8_t>();
  const auto segment_size = cursor.get<std::uint8_t>();
  const std::uint64_t pair = std::uint64_t{2} * address_size;
  if (pair == 0 || segment_size != 0) {
    cursor.seek(end);
    return std::nullopt;
  }
  const std::uint64_t header = cursor.at() - begin;
  cursor.skip((pair - header % pair) % pair);
  while (cursor.ok() && cursor.at() + pair <= end && !budget.spent()) {
    const std::uint64_t from = cursor.number(address_size);
    const std::uint64_t size = cursor.number(address_size);
    if (cursor.ok() && from != 0 && address - from < size) return unit;
  }
  cursor.seek(end);
  return std::nullopt;
}

}  // namespace

std::optional<Unit> find_unit(const Sections& sections, std::uint64_t address, Budget& budget) {
  for (Cursor cursor(sections.aranges); !cursor.at_end() && !budget.spent();) {
    if (const auto begin = look_into_set(cursor, address, budget)) return Unit::at(sections, *begin);
  }
  for (std::uint64_t begin = 0; begin < sections.info.size() && !budget.spent();) {
    std::optional<Unit> unit = Unit::at(sections, begin);
    if (unit && unit->covers(unit->root(), address)) return unit;
    begin = Unit::next(sections, begin);
    if (begin == 0) break;
  }
  return std::nullopt;
}

std::optional<Unit> unit_of_entry(const Sections& sections, std::uint64_t offset, Budget& budget) {
  for (std::uint64_t begin = 0; begin < sections.info.size() && !budget.spent();) {
    const std::uint64_t end = Unit::next(sections, begin);
    if (end == 0) break;
    if (offset >= begin && offset < end) return Unit::at(sections, begin);
    begin = end;
  }
  return std::nullopt;
}

}  // namespace promised::symbols
