// SPDX-License-Identifier: Apache-2.0
#include "common/claim_page.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <thread>
#include <vector>

namespace promised::test {
namespace {

void start_at(ClaimPage& page, std::uint32_t sequence) {
  page.word.store(std::uint64_t{sequence} << 32 | sequence);
}

TEST_CASE("a worker claims its jobs in order, and the daemon sees how far it is") {
  ClaimPage page;
  CHECK(page.claimed() == 0);
  CHECK(page.claim(0));
  CHECK(page.claim(1));
  CHECK(page.claimed() == 2);
}

TEST_CASE("A2 what is not claimed can be taken back, and then cannot be claimed") {
  ClaimPage page;
  CHECK(page.claim(0));
  CHECK(page.revoke(4) == 1);
  CHECK_FALSE(page.claim(1));
  CHECK_FALSE(page.claim(3));
  CHECK(page.claimed() == 1);
}

TEST_CASE("A2 a job that is handed back is not begun, whatever was taken back meanwhile") {
  ClaimPage page;
  CHECK(page.claim(0));
  CHECK(page.claim(1));
  CHECK(page.revoke(4) == 2);
  page.hand_back(1);
  CHECK(page.claimed() == 1);
  CHECK(page.revoke(4) == 1);
  CHECK_FALSE(page.claim(1));
}

TEST_CASE("what is sent after a revocation can be claimed again") {
  ClaimPage page;
  CHECK(page.revoke(2) == 0);
  CHECK_FALSE(page.claim(0));
  CHECK_FALSE(page.claim(1));
  CHECK(page.claim(2));
  CHECK(page.claimed() == 3);
  CHECK(page.revoke(3) == 3);
}

TEST_CASE("a revocation with nothing unclaimed takes nothing back") {
  ClaimPage page;
  CHECK(page.claim(0));
  CHECK(page.revoke(1) == 1);
  CHECK(page.claim(1));
}

TEST_CASE("a worker of which nothing is ever taken back claims on, over half of all sequence numbers") {
  ClaimPage page;
  constexpr std::uint32_t kHalf = 0x80000000;
  CHECK(page.claim(kHalf - 2));  // as if it had claimed those before it
  CHECK(page.claim(kHalf - 1));
  CHECK(page.claim(kHalf));
  CHECK(page.claim(kHalf + 1));
  CHECK(page.claimed() == kHalf + 2);
  CHECK(page.revoke(kHalf + 4) == kHalf + 2);
  CHECK_FALSE(page.claim(kHalf + 3));
}

TEST_CASE("sequence numbers wrap around at 2^32") {
  ClaimPage page;
  constexpr std::uint32_t kLast = 0xffffffff;
  start_at(page, kLast - 1);
  CHECK(page.claim(kLast - 1));
  CHECK(page.claim(kLast));
  CHECK(page.claimed() == 0);
  CHECK(page.revoke(3) == 0);
  CHECK_FALSE(page.claim(0));
  CHECK_FALSE(page.claim(2));
  CHECK(page.claim(3));

  start_at(page, kLast);
  CHECK(page.revoke(1) == kLast);  // over the edge: kLast and 0
  CHECK_FALSE(page.claim(kLast));
  CHECK_FALSE(page.claim(0));
  CHECK(page.claim(1));
}

// A worker and a daemon at work on one page, from sequence number `start` on.
class Race {
 public:
  explicit Race(std::uint32_t start) : start_(start), claimed_(kJobs), revoked_(kJobs), sent_(start) {
    start_at(page_, start);
  }

  void run() {
    std::thread worker([this] { work(); });
    send_and_revoke();
    worker.join();
    take_back(start_ + kJobs);
  }

  // How many jobs are neither or both, and how many are claimed.
  [[nodiscard]] std::pair<std::size_t, std::size_t> wrong_and_claimed() const {
    std::size_t wrong = 0;
    std::size_t claimed = 0;
    for (std::size_t i = 0; i < kJobs; ++i) {
      wrong += claimed_[i] == revoked_[i];
      claimed += claimed_[i];
    }
    return {wrong, claimed};
  }

  static constexpr std::uint32_t kJobs = 40'000;

 private:
  void work() {
    for (std::uint32_t i = 0; i < kJobs; ++i) {
      while (static_cast<std::int32_t>(sent_.load(std::memory_order_acquire) - (start_ + i)) <= 0) {
        std::this_thread::yield();
      }
      claimed_[i] = page_.claim(start_ + i) ? 1 : 0;
    }
  }

  void send_and_revoke() {
    for (std::uint32_t i = 1; i <= kJobs; ++i) {
      sent_.store(start_ + i, std::memory_order_release);
      if (i % 7 == 0) take_back(start_ + i);
    }
  }

  void take_back(std::uint32_t sent) {
    for (std::uint32_t s = page_.revoke(sent); s != sent; ++s) revoked_[s - start_] = 1;
  }

  std::uint32_t start_;
  ClaimPage page_;
  std::vector<char> claimed_;  // the worker's
  std::vector<char> revoked_;  // the daemon's
  std::atomic<std::uint32_t> sent_;
};

TEST_CASE("A2 every job is either claimed or taken back, never both, however the two race") {
  for (const std::uint32_t start : {0U, 0xffffffffU - Race::kJobs / 2}) {
    CAPTURE(start);
    Race race(start);
    race.run();
    const auto [wrong, claimed] = race.wrong_and_claimed();
    CHECK(wrong == 0);
    CHECK(claimed > 0);
  }
}

}  // namespace
}  // namespace promised::test
