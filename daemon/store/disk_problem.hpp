// SPDX-License-Identifier: Apache-2.0
// What is said of a file that cannot be written, with what to do about it.
#pragma once

#include <cerrno>
#include <string_view>

#include "common/result.hpp"

namespace promised {

inline constexpr std::string_view kFullAdvice =
    "; what was accepted before is safe: free space there, then start promised again";
inline constexpr std::string_view kDiskAdvice =
    "; what was accepted before is safe: see the kernel's log for what the disk has, then start promised "
    "again";

/// Problem "full" where there is no space left, else "system".
[[nodiscard]] inline Problem disk_problem(std::string_view what, int error = errno) {
  const bool full = error == ENOSPC || error == EDQUOT;
  Problem problem = Problem::system(what, error);
  problem.message += full ? kFullAdvice : kDiskAdvice;
  if (full) problem.code = "full";
  return problem;
}

}  // namespace promised
