// SPDX-License-Identifier: Apache-2.0
#include "common/ids.hpp"

#include <pthread.h>
#include <sys/random.h>

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

JobId new_job_id() {
  thread_local Generator generator;
  const auto ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                                 std::chrono::system_clock::now().time_since_epoch())
                                                 .count());
  const std::uint64_t a = generator.next();
  const std::uint64_t b = generator.next();
  std::array<std::uint8_t, JobId::kSize> bytes{};
  for (int i = 0; i < 6; ++i)
    bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
  bytes[6] = static_cast<std::uint8_t>(0x70 | (a & 0x0f));
  bytes[7] = static_cast<std::uint8_t>(a >> 8);
  for (int i = 0; i < 8; ++i)
    bytes[static_cast<std::size_t>(8 + i)] = static_cast<std::uint8_t>(b >> (8 * i));
  bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3f));
  return JobId(bytes);
}

}  // namespace promised
