// SPDX-License-Identifier: Apache-2.0
// Rows whose columns stand below each other. Cells may hold text from others: what is unprintable in it is
// escaped.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace promised::cli {

class Table {
 public:
  /// The first row; empty: none.
  explicit Table(std::vector<std::string> header = {});

  void add(std::vector<std::string> cells);
  /// A line of its own below the last row, indented.
  void note(const std::string& text);
  [[nodiscard]] bool empty() const { return rows_ == 0; }

  /// Two spaces between columns, none at the end of a line. Columns whose cells are all numbers stand to the
  /// right.
  void print(std::ostream& out) const;

 private:
  struct Line {
    std::vector<std::string> cells;
    bool is_note = false;
  };
  std::vector<Line> lines_;
  std::size_t rows_ = 0;
  bool has_header_ = false;
};

}  // namespace promised::cli
