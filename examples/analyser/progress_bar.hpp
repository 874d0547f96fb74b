// SPDX-License-Identifier: Apache-2.0
// A bar on a terminal; where stderr is none, nothing.
#pragma once

#include <chrono>
#include <cstddef>

namespace analyser {

class ProgressBar {
 public:
  explicit ProgressBar(std::size_t all);
  /// Ends the line.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Drawn again ten times a second at most.
  void update(std::size_t done, std::size_t failed);

 private:
  void draw() const;

  std::size_t all_;
  std::size_t done_ = 0;
  std::size_t failed_ = 0;
  bool on_terminal_;
  std::chrono::steady_clock::time_point drawn_;
};

}  // namespace analyser
