// SPDX-License-Identifier: Apache-2.0
// Whether the test case that is running has failed so far: fixtures keep their files and show their logs
// then.
#pragma once

namespace promised::test {

/// True once an assertion of the running test case has failed or an exception is on its way out.
[[nodiscard]] bool has_failed();

}  // namespace promised::test
