// SPDX-License-Identifier: Apache-2.0
// What a client takes for its futures. The allocations of this process are counted here, so that the numbers
// are the same under every sanitizer.
#include <doctest/doctest.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <ranges>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

std::atomic<std::int64_t> live_bytes{0};
/// Of the allocator's own, for each piece.
constexpr std::int64_t kOverhead = 8;

std::int64_t size_of(void* piece) {
  return static_cast<std::int64_t>(::malloc_usable_size(piece)) + kOverhead;
}

}  // namespace

void* operator new(std::size_t size) {
  void* const piece = std::malloc(size);
  if (piece == nullptr) throw std::bad_alloc();
  live_bytes.fetch_add(size_of(piece), std::memory_order_relaxed);
  return piece;
}

void operator delete(void* piece) noexcept {
  if (piece == nullptr) return;
  live_bytes.fetch_sub(size_of(piece), std::memory_order_relaxed);
  std::free(piece);
}

void operator delete(void* piece, std::size_t) noexcept {
  operator delete(piece);
}

TEST_CASE(
    "S3 a hundred thousand unfinished futures take less than 400 bytes each, the caller's vector included") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  constexpr std::int64_t kFutures = 100'000;
  const Options options = Options().durability(Durability::memory);
  const auto first = client.submit<std::int64_t>(options, "wait_for", gate.string());
  REQUIRE(eventually([&] { return first.running(); }));
  const std::int64_t before = live_bytes;
  std::vector<Future<std::int64_t>> futures;
  futures.reserve(kFutures);
  for (std::int64_t i = 0; i < kFutures; ++i)
    futures.push_back(client.submit<std::int64_t>(options, "customer.older", i, std::string(100, 'x')));
  for (const auto& future : futures) future.accepted(5min);
  const std::int64_t each = (live_bytes - before) / kFutures;
  MESSAGE("bytes for each unfinished future: " << each);
  CHECK(each > 100);  // that they were counted
  CHECK(each < 400);
  client.shutdown(Shutdown::leave, NotBegun::cancel);
  write_file(gate, "");
  CHECK(first.result(5min) > 0);
}

TEST_CASE("S4 a map over a hundred thousand calls keeps no more than its chunk in memory") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  MapOptions options;
  options.options.durability(Durability::memory);
  constexpr std::int64_t kCalls = 100'000;
  const std::int64_t before = live_bytes;
  std::int64_t most = 0;
  std::int64_t next = 0;
  std::int64_t wrong = 0;
  for (const std::int64_t result :
       client.map<std::int64_t>(options, "echo", std::views::iota(std::int64_t{0}, kCalls))) {
    if (result != next) ++wrong;
    if (++next % 1000 == 0) most = std::max(most, live_bytes - before);
  }
  CHECK(next == kCalls);
  CHECK(wrong == 0);
  MESSAGE("bytes for the calls under way, at most: " << most);
  CHECK(most < 8 << 20);
}
