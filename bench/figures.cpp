// SPDX-License-Identifier: Apache-2.0
#include "bench/figures.hpp"

#include <algorithm>
#include <iomanip>
#include <nlohmann/json.hpp>

namespace promised::bench {
namespace {

double median_of(std::vector<double> samples) {
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  if (samples.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(samples.begin(), middle)) / 2;
}

}  // namespace

void Figures::add(const Metric& metric, std::string_view system, double sample) {
  auto table = std::find_if(tables_.begin(), tables_.end(),
                            [&](const Table& t) { return t.metric.key == metric.key; });
  if (table == tables_.end()) table = tables_.insert(table, Table{metric, {}});
  auto& rows = table->rows;
  auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.system == system; });
  if (row == rows.end()) row = rows.insert(row, Row{std::string(system), {}});
  row->samples.push_back(sample);
}

const Figures::Table* Figures::find(std::string_view key) const {
  const auto table =
      std::find_if(tables_.begin(), tables_.end(), [&](const Table& t) { return t.metric.key == key; });
  return table == tables_.end() ? nullptr : &*table;
}

std::optional<double> Figures::median(std::string_view key, std::string_view system) const {
  const Table* table = find(key);
  if (table == nullptr) return std::nullopt;
  for (const Row& row : table->rows) {
    if (row.system == system) return median_of(row.samples);
  }
  return std::nullopt;
}

std::optional<double> Figures::best(std::string_view key, std::string_view prefix) const {
  const Table* table = find(key);
  std::optional<double> best;
  if (table == nullptr) return best;
  for (const Row& row : table->rows) {
    if (!row.system.starts_with(prefix)) continue;
    const double median = median_of(row.samples);
    const bool better = table->metric.better == Better::lower ? median < best : median > best;
    if (!best || better) best = median;
  }
  return best;
}

void Figures::print(std::ostream& out) const {
  for (const Table& table : tables_) {
    out << '\n' << table.metric.text << " [" << table.metric.unit << "]\n";
    const double first = median_of(table.rows.front().samples);
    for (const Row& row : table.rows) {
      const auto [least, most] = std::minmax_element(row.samples.begin(), row.samples.end());
      const double median = median_of(row.samples);
      out << "  " << std::left << std::setw(36) << row.system << std::right << std::fixed
          << std::setprecision(0) << std::setw(11) << median << std::setw(11) << *least << " to"
          << std::setw(10) << *most << std::setprecision(2) << std::setw(10) << median / first << "x\n";
    }
  }
}

std::string Figures::json() const {
  nlohmann::ordered_json all;
  for (const Table& table : tables_) {
    auto& metric = all[table.metric.key];
    metric["text"] = table.metric.text;
    metric["unit"] = table.metric.unit;
    metric["better"] = table.metric.better == Better::lower ? "lower" : "higher";
    for (const Row& row : table.rows) {
      metric["systems"][row.system] = {{"median", median_of(row.samples)}, {"samples", row.samples}};
    }
  }
  return all.dump(2);
}

}  // namespace promised::bench
