// SPDX-License-Identifier: Apache-2.0
// What a fuzz target calls when the code under test broke its word: the input is then kept as a crash.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace promised::fuzz {

inline void require(bool kept, const char* promise) {
  if (kept) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

}  // namespace promised::fuzz
