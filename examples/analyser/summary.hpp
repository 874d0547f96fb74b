// SPDX-License-Identifier: Apache-2.0
// All outcomes together, for a reader.
#pragma once

#include <promised/types.hpp>

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "examples/analyser/analysis.hpp"

namespace analyser {

class Summary {
 public:
  void add(const Analysis& analysis);
  /// A document that has failed.
  void add(const std::string& path, const promised::Failure& failure);
  /// One that has ended in another way, or of which nothing is known.
  void add(const std::string& path, const std::string& what_happened);

  [[nodiscard]] std::size_t analysed() const { return analysed_; }
  [[nodiscard]] std::size_t failed() const { return failures_.size(); }
  [[nodiscard]] std::size_t without_outcome() const { return others_.size(); }

  void print(std::ostream& out) const;

 private:
  struct Failed {
    std::string path;
    promised::Failure failure;
  };

  void print_words(std::ostream& out) const;
  void print_slowest(std::ostream& out) const;
  void print_failures(std::ostream& out) const;

  std::size_t analysed_ = 0;
  std::size_t compressed_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t lines_ = 0;
  std::uint64_t words_ = 0;
  std::unordered_map<std::string, std::uint64_t> frequent_;
  std::vector<std::pair<std::uint64_t, std::string>> slowest_;  ///< microseconds and path, the slowest first
  std::vector<Failed> failures_;
  std::vector<std::pair<std::string, std::string>> others_;
};

}  // namespace analyser
