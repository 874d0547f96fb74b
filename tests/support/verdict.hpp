// SPDX-License-Identifier: Apache-2.0
// Whether the test case that is running has failed so far: fixtures keep their files and show their logs
// then.
#pragma once

#include <functional>

namespace promised::test {

/// True once an assertion of the running test case has failed or an exception is on its way out.
[[nodiscard]] bool has_failed();

/// Calls `f` when the test case has ended, with whether it has failed: an exception that is on its way out
/// may yet be caught, as it should.
void at_end_of_test(std::function<void(bool failed)> f);

}  // namespace promised::test
