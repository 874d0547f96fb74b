// SPDX-License-Identifier: Apache-2.0
#include "common/ids.hpp"

#include <pthread.h>
#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <random>

namespace promised {
namespace {

// Counts forks, so that a child does not repeat its parent's ids.
std::atomic<unsigned> fork_generation{0};
const int fork_handler = pthread_atfork(nullptr, nullptr, [] { fork_generation.fetch_add(1); });

struct Generator {
  std::mt19937_64 random{random_seed()};
  unsigned generation = fork_generation.load(std::memory_order_relaxed);

  std::uint64_t next() {
    const unsigned current = fork_generation.load(std::memory_order_relaxed);
    if (current != generation) {
      random.seed(random_seed());
      generation = current;
    }
    return random();
  }
};

}  // namespace

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  std::size_t have = 0;
  while (have < sizeof seed) {
    const ssize_t n = getrandom(reinterpret_cast<char*>(&seed) + have, sizeof seed - have, 0);
    if (n < 0 && errno != EINTR) std::abort();  // getrandom cannot fail otherwise for so few bytes
    if (n > 0) have += static_cast<std::size_t>(n);
  }
  return seed;
}

namespace {

/// The time in 4096ths of a millisecond, and later than that of every id made before in this process (RFC
/// 9562, section 6.2, method 3).
std::uint64_t next_moment() {
  static std::atomic<std::uint64_t> last{0};
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch);
  const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch - ms);
  const std::uint64_t now = static_cast<std::uint64_t>(ms.count()) << 12 |
                            static_cast<std::uint64_t>(rest.count()) * 4096 / 1'000'000;
  std::uint64_t before = last.load(std::memory_order_relaxed);
  std::uint64_t moment = 0;
  do {
    moment = std::max(now, before + 1);
  } while (!last.compare_exchange_weak(before, moment, std::memory_order_relaxed));
  return moment;
}

}  // namespace

JobId new_job_id() {
  thread_local Generator generator;
  const std::uint64_t moment = next_moment();
  const std::uint64_t random = generator.next();
  std::array<std::uint8_t, JobId::kSize> bytes{};
  for (int i = 0; i < 6; ++i)
    bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(moment >> (52 - 8 * i));
  bytes[6] = static_cast<std::uint8_t>(0x70 | (moment >> 8 & 0x0f));
  bytes[7] = static_cast<std::uint8_t>(moment);
  for (int i = 0; i < 8; ++i)
    bytes[static_cast<std::size_t>(8 + i)] = static_cast<std::uint8_t>(random >> (8 * i));
  bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3f));
  return JobId(bytes);
}

}  // namespace promised
