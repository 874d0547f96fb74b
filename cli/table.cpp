// SPDX-License-Identifier: Apache-2.0
#include "cli/table.hpp"

#include <algorithm>

#include "common/printable.hpp"

namespace promised::cli {
namespace {

bool is_number(const std::string& cell) {
  return !cell.empty() &&
         std::all_of(cell.begin(), cell.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

}  // namespace

Table::Table(std::vector<std::string> header) {
  if (header.empty()) return;
  lines_.push_back({std::move(header), false});
  has_header_ = true;
}

void Table::add(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = printable(cell);
  lines_.push_back({std::move(cells), false});
  ++rows_;
}

void Table::note(const std::string& text) {
  lines_.push_back({{printable(text)}, true});
}

void Table::print(std::ostream& out) const {
  std::vector<std::size_t> widths;
  std::vector<bool> numbers;
  for (const Line& line : lines_) {
    if (line.is_note) continue;
    widths.resize(std::max(widths.size(), line.cells.size()), 0);
    numbers.resize(widths.size(), true);
    for (std::size_t i = 0; i < line.cells.size(); ++i) {
      widths[i] = std::max(widths[i], columns(line.cells[i]));
      const bool is_header = has_header_ && &line == &lines_.front();
      if (!is_header && !is_number(line.cells[i])) numbers[i] = false;
    }
  }
  for (const Line& line : lines_) {
    std::string text = line.is_note ? "    " + line.cells.front() : "";
    for (std::size_t i = 0; !line.is_note && i < line.cells.size(); ++i) {
      const std::string padding(widths[i] - columns(line.cells[i]), ' ');
      text += (i == 0 ? "" : "  ") + (numbers[i] ? padding + line.cells[i] : line.cells[i] + padding);
    }
    const auto end = text.find_last_not_of(' ');
    out << text.substr(0, end == std::string::npos ? 0 : end + 1) << '\n';
  }
}

}  // namespace promised::cli
