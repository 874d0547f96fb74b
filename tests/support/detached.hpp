// SPDX-License-Identifier: Apache-2.0
// For tests of what can be awaited.
#pragma once

#include <coroutine>

namespace promised::test {

/// A coroutine that starts at once and belongs to nobody.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { throw; }
  };
};

}  // namespace promised::test
