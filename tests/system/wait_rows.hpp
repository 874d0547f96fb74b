// SPDX-License-Identifier: Apache-2.0
// Every call of the public headers that blocks, a row each, for the tests that take away what it waits for
// (waits_test.cpp). Who adds such a call adds a row here, and one in tests/unit/client/cut_test.cpp.
#pragma once

#include <promised/client.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace promised::test {

inline constexpr const char* kCrashed = "JobFailed crashed: ";
inline constexpr const char* kNothing = "nothing";

/// A call that blocks until the job has ended, and how it ends then: by a worker's crash, and after a
/// restart. The job runs, and is remembered under its row's name.
struct EndWait {
  const char* name;
  std::function<void(Client&, const Future<std::int64_t>&)> call;
  const char* when_crashed;  ///< the beginning of what it throws
};
[[nodiscard]] const std::vector<EndWait>& end_waits();

/// A call that blocks until the daemon has answered. The job is the row's own, waits for its turn, and is
/// remembered under asked_name().
struct Question {
  const char* name;
  std::function<void(Client&, const Future<std::int64_t>&)> call;
};
[[nodiscard]] const std::vector<Question>& questions();
[[nodiscard]] std::string asked_name(const Question& question);

/// The same for what the daemon does one at a time.
[[nodiscard]] const std::vector<Question>& store_questions();

}  // namespace promised::test
