// SPDX-License-Identifier: Apache-2.0
// What was measured: for every metric and system one sample a round. Shown as medians, with the ratio to the
// best peer within this run, because figures of different runs and machines do not compare.
#pragma once

#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace promised::bench {

enum class Better { lower, higher };

struct Metric {
  std::string key;   ///< for programs: "sync_p50_64"
  std::string text;  ///< for people
  std::string unit;
  Better better = Better::higher;
};

class Figures {
 public:
  void add(const Metric& metric, std::string_view system, double sample);

  /// Over the rounds; nothing if it was not measured.
  [[nodiscard]] std::optional<double> median(std::string_view key, std::string_view system) const;
  /// The best median of the systems whose names begin with `prefix`.
  [[nodiscard]] std::optional<double> best(std::string_view key, std::string_view prefix) const;

  /// A table for each metric; ratios are to the system that comes first in it.
  void print(std::ostream& out) const;
  /// {"KEY": {"unit": ..., "better": ..., "systems": {"NAME": {"median": ..., "samples": [...]}}}}
  [[nodiscard]] std::string json() const;

 private:
  struct Row {
    std::string system;
    std::vector<double> samples;
  };
  struct Table {
    Metric metric;
    std::vector<Row> rows;
  };
  [[nodiscard]] const Table* find(std::string_view key) const;

  std::vector<Table> tables_;  // in the order of the first samples
};

}  // namespace promised::bench
