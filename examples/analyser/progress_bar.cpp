// SPDX-License-Identifier: Apache-2.0
#include "examples/analyser/progress_bar.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace analyser {

ProgressBar::ProgressBar(std::size_t all) : all_(all), on_terminal_(::isatty(STDERR_FILENO) == 1) {
  if (on_terminal_) draw();
}

ProgressBar::~ProgressBar() {
  if (!on_terminal_) return;
  draw();
  std::fputs("\n", stderr);
}

void ProgressBar::update(std::size_t done, std::size_t failed) {
  done_ = done;
  failed_ = failed;
  const auto now = std::chrono::steady_clock::now();
  if (!on_terminal_ || now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  draw();
}

void ProgressBar::draw() const {
  constexpr std::size_t kWidth = 40;
  const std::size_t filled = all_ == 0 ? kWidth : std::min(kWidth, done_ * kWidth / all_);
  const std::string bar = std::string(filled, '#') + std::string(kWidth - filled, '.');
  std::fprintf(stderr, "\r[%s] %zu of %zu documents", bar.c_str(), done_, all_);
  if (failed_ > 0) std::fprintf(stderr, ", %zu failed", failed_);
  std::fputs("\033[K", stderr);
  std::fflush(stderr);
}

}  // namespace analyser
