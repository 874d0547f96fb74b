// SPDX-License-Identifier: Apache-2.0
// What is said of a file that cannot be written, with what to do about it.
#pragma once

#include <cerrno>
#include <string_view>

#include "common/result.hpp"

namespace promised {

/// The Problem's code where a write failed because the disk, or this user's share of it, is full: what had
/// been begun is to be rolled back, and may be tried again. (A sync that failed is something else, whatever
/// it failed of: the kernel may have dropped what it could not write.)
inline constexpr std::string_view kDiskFull = "full";

inline constexpr std::string_view kFullAdvice = "; what was accepted before is safe: free space there";
inline constexpr std::string_view kDiskAdvice =
    "; what was accepted before is safe: see the kernel's log for what the disk has, then start promised "
    "again";

[[nodiscard]] inline bool no_space_left(int error) {
  return error == ENOSPC || error == EDQUOT;
}

/// Of a write: kDiskFull where there is no space left, which may be tried again; else "system".
[[nodiscard]] inline Problem disk_problem(std::string_view what, int error = errno) {
  Problem problem = Problem::system(what, error);
  problem.message += no_space_left(error) ? kFullAdvice : kDiskAdvice;
  if (no_space_left(error)) problem.code = kDiskFull;
  return problem;
}

/// Of a sync, which is never tried again: "system".
[[nodiscard]] inline Problem sync_problem(std::string_view what, int error = errno) {
  Problem problem = Problem::system(what, error);
  problem.message += kDiskAdvice;
  return problem;
}

}  // namespace promised
