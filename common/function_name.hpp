// SPDX-License-Identifier: Apache-2.0
// What a function may be called: the worker library refuses another name where it is defined, and the daemon
// where a worker tells it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/printable.hpp"

namespace promised {

inline constexpr std::size_t kMostFunctionName = 255;  ///< bytes

enum class NameFault : std::uint8_t {
  none,
  size,        ///< empty, or longer than that
  unprintable  ///< it cannot be shown as it is, see printable()
};

[[nodiscard]] inline NameFault fault_of_function_name(std::string_view name) {
  if (name.empty() || name.size() > kMostFunctionName) return NameFault::size;
  return printable(name) == name ? NameFault::none : NameFault::unprintable;
}

}  // namespace promised
