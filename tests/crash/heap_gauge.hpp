// SPDX-License-Identifier: Apache-2.0
// The memory of a process under test, to the byte: heap_library.cpp counts in it what is not freed.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace promised::test {

/// What the page with the number is called among the mappings of a process.
inline constexpr const char* kHeapPage = "promised-live-bytes";

struct Memory {
  std::uint64_t live = 0;      ///< bytes allocated and not freed
  std::uint64_t resident = 0;  ///< KiB
  std::size_t mappings = 0;
};
/// Throws std::runtime_error where the process does not count.
[[nodiscard]] Memory memory_of(pid_t pid);

}  // namespace promised::test
