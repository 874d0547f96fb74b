// SPDX-License-Identifier: Apache-2.0
// What the jobs of the soak do (tests/workers/misbehave.hpp), and how each of them may end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <random>
#include <vector>

#include "promised/client.hpp"

namespace promised::test {

/// What the test does about a job that runs.
enum class Then : std::uint8_t { nothing, cancel, cancel_now };

/// Whether its process ends for it, or goes on. One that counts as a crash always ends.
enum class Dies : std::uint8_t { somebody, nobody };

enum class Returns : std::uint8_t { nothing, something };

/// How a job may end; without a cause: it succeeds.
struct End {
  Cause cause = Cause::none;
  int signal = 0;
  int exit_code = 0;
  friend bool operator==(const End&, const End&) = default;
};

struct Deed {
  const char* function;
  Value::List arguments;
  std::vector<End> ends;
  Options options = {};
  std::uint32_t attempts = 1;   ///< that it takes until the job has ended
  std::uint32_t crashes = 1;    ///< that the pool counts until then
  const char* place = nullptr;  ///< what its backtrace names, if it ends by a signal of its own
  Then then = Then::nothing;
  Dies dies = Dies::somebody;
  Returns returns = Returns::nothing;

  [[nodiscard]] bool may_end(const std::optional<Failure>& failure) const;
};

/// Of results, in the soak.
inline constexpr std::uint64_t kMaxResult = 1 << 20;

/// The pools of the soak: each is called as its queue is.
enum class Pool : std::uint8_t { together, apart, sandboxed };
[[nodiscard]] const char* name_of(Pool pool);
[[nodiscard]] Pool choose_pool(std::uint64_t random);

class Deeds {
 public:
  /// `runs`: a file to be made, into which each run goes of a job that denies having run.
  explicit Deeds(std::filesystem::path runs);

  [[nodiscard]] const Deed& choose(Pool pool, std::mt19937_64& random) const;
  /// Each has been a crash.
  [[nodiscard]] std::size_t denied_runs() const;

 private:
  std::filesystem::path runs_;
  std::vector<Deed> usual_;  ///< in every pool
  std::vector<Deed> denying_;
  Deed stuck_, greedy_;
};

}  // namespace promised::test
