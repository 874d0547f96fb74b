// SPDX-License-Identifier: Apache-2.0
#include "common/payload.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace promised::test {
namespace {

// Bytes that somebody else owns, who counts how often they are given back.
struct Foreign {
  std::string bytes = "foreign bytes";
  std::atomic<int> given_back{0};

  Payload payload() {
    return {
        bytes.data(), bytes.size(),
        [](void* self) { static_cast<Foreign*>(self)->given_back.fetch_add(1, std::memory_order_relaxed); },
        this};
  }
};

TEST_CASE("an empty payload has no bytes") {
  CHECK(Payload().empty());
  CHECK(Payload().view().empty());
  CHECK(Payload("").size() == 0);
}

TEST_CASE("a payload keeps a copy of its bytes, and its copies share them") {
  std::string bytes = "some bytes";
  const Payload payload{std::string_view(bytes)};
  bytes.assign("overwritten");
  const Payload copy = payload;  // NOLINT(performance-unnecessary-copy-initialization): it is the subject
  CHECK(payload.view() == "some bytes");
  CHECK(copy.view().data() == payload.view().data());
  CHECK(copy.size() == 10);
}

TEST_CASE("a payload outlives the one that it was copied from") {
  Payload last;
  {
    const Payload first("bytes");
    last = first;
  }
  CHECK(last.view() == "bytes");
}

TEST_CASE("a moved payload leaves nothing behind") {
  Payload first("bytes");
  Payload second = std::move(first);
  CHECK(first.empty());  // NOLINT(bugprone-use-after-move): it is the subject
  CHECK(second.view() == "bytes");
  first = std::move(second);
  CHECK(first.view() == "bytes");
}

TEST_CASE("a payload assigned to itself stays") {
  Payload payload("bytes");
  const Payload& same = payload;
  payload = same;
  CHECK(payload.view() == "bytes");
}

TEST_CASE("foreign bytes are not copied and are given back once, with the last copy") {
  Foreign foreign;
  {
    const Payload first = foreign.payload();
    CHECK(first.view().data() == foreign.bytes.data());
    {
      const Payload second = first;  // NOLINT(performance-unnecessary-copy-initialization): it is the subject
      CHECK(second.view() == "foreign bytes");
    }
    CHECK(foreign.given_back == 0);
  }
  CHECK(foreign.given_back == 1);
}

TEST_CASE("a leaked reference keeps the bytes until it is released") {
  Foreign foreign;
  Payload payload = foreign.payload();
  Payload copy = payload;
  void* leaked = std::move(copy).leak();
  payload = Payload();
  CHECK(foreign.given_back == 0);
  Payload::release(leaked);
  CHECK(foreign.given_back == 1);
}

TEST_CASE("releasing the leak of an empty payload does nothing") {
  Payload::release(Payload().leak());
  CHECK(Payload().leak() == nullptr);
}

TEST_CASE("copies on many threads free the bytes once, on whichever thread is last") {
  for (int round = 0; round < 100; ++round) {
    Foreign foreign;
    std::vector<std::thread> threads;
    std::atomic<bool> torn{false};
    {
      const Payload payload = foreign.payload();
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([payload, &torn] {
          for (int n = 0; n < 100; ++n) {
            const Payload mine =
                payload;  // NOLINT(performance-unnecessary-copy-initialization): it is the subject
            if (mine.view() != "foreign bytes") torn = true;
          }
        });
      }
    }
    for (auto& thread : threads) thread.join();
    CHECK_FALSE(torn);
    CHECK(foreign.given_back == 1);
  }
}

}  // namespace
}  // namespace promised::test
