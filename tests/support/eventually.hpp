// SPDX-License-Identifier: Apache-2.0
// Waiting in tests: for a condition with a deadline, never for a time.
#pragma once

#include <chrono>
#include <functional>

namespace promised::test {

using namespace std::chrono_literals;

/// Long enough for a sanitizer build on a busy machine; a test that passes never waits for it.
inline constexpr std::chrono::milliseconds kPatience = 60s;

/// Tries `condition` until it holds (true) or `deadline` has passed (false). The pause between tries grows
/// from 1 ms to 20 ms.
[[nodiscard]] bool eventually(const std::function<bool()>& condition,
                              std::chrono::milliseconds deadline = kPatience);

}  // namespace promised::test
