// SPDX-License-Identifier: Apache-2.0
// The lines that a compilation unit's code was made from: a small program that has to be run to find one.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "worker/symbols/budget.hpp"
#include "worker/symbols/unit.hpp"

namespace promised::symbols {

class LineTable {
 public:
  struct Line {
    std::uint64_t file;  ///< for file()
    std::uint64_t line;  ///< 0: none
  };

  /// Of the unit's; it must live as long as this. Without lines if there are none that can be read.
  explicit LineTable(const Unit& unit);

  /// None if the address has none, or the budget is spent.
  [[nodiscard]] std::optional<Line> find(std::uint64_t address, Budget& budget) const;
  /// Without its folder; empty if there is none of that number.
  [[nodiscard]] std::string_view file(std::uint64_t number) const;

 private:
  struct Row {
    std::uint64_t address = 0;
    std::uint64_t file = 1;
    std::int64_t line = 1;
  };
  enum class Step : std::uint8_t { none, row, end_of_sequence };

  [[nodiscard]] Step step(Cursor& program, Row& row) const;
  [[nodiscard]] Step extended_step(Cursor& program, Row& row) const;
  [[nodiscard]] std::uint64_t advance(std::uint64_t operations) const;
  [[nodiscard]] std::string_view file_before_version_5(std::uint64_t number) const;
  [[nodiscard]] std::string_view file_of_version_5(std::uint64_t number) const;

  const Unit& unit_;
  Encoding encoding_;
  std::string_view bytes_;  // up to this table's end
  std::uint64_t names_ = 0;
  std::uint64_t program_ = 0;
  std::uint8_t instruction_size_ = 1;
  std::int8_t line_base_ = 0;
  std::uint8_t line_range_ = 0;  // 0: there is no table
  std::uint8_t opcode_base_ = 0;
  std::uint64_t operand_counts_ = 0;
};

}  // namespace promised::symbols
