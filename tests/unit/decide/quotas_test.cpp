// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/decide/yard.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("Q3 a quota caps what runs, over all pools and queues, and does not block others") {
  Yard yard(2);
  yard.lanes.configure_quota("two", 2);
  const Options limited = Options{}.quota("two");
  Job& a = yard.add("q", limited);
  Job& b = yard.add("r", limited);
  Job& c = yard.add("q", limited);
  Job& d = yard.add("r", limited, "g");
  Job& free = yard.add("q");
  CHECK(yard.run(0) == &a);
  CHECK(yard.run(1) == &c);
  CHECK(yard.run(0) == &free);
  CHECK(yard.run(0) == nullptr);
  CHECK(yard.run(1) == nullptr);
  yard.end(c);
  // Each pool may take the one that can go.
  CHECK(yard.lines[0].changed);
  CHECK(yard.lines[1].changed);
  CHECK(yard.run(1) == &b);
  CHECK(yard.run(0) == nullptr);
  yard.end(a);
  CHECK(yard.run(0) == &d);
}

TEST_CASE("Q3 a job takes all its quotas together, or none") {
  Yard yard;
  yard.lanes.configure_quota("x", 1);
  yard.lanes.configure_quota("y", 1);
  Job& only_x = yard.add("q", Options{}.quota("x"));
  Job& both = yard.add("q", Options{}.quota("y").quota("x"));
  Job& only_y = yard.add("q", Options{}.quota("y"));
  CHECK(yard.run() == &only_x);
  CHECK(yard.run() == &only_y);
  CHECK(yard.run() == nullptr);
  yard.end(only_x);
  CHECK(yard.run() == nullptr);
  yard.end(only_y);
  CHECK(yard.run() == &both);
}

TEST_CASE("Q3 among the jobs of a queue that wait for one quota the first goes first, whatever they call") {
  Yard yard;
  yard.lanes.configure_quota("one", 1);
  const Options limited = Options{}.quota("one");
  Job& running = yard.add("q", limited);
  REQUIRE(yard.run() == &running);
  Job& second = yard.add("q", limited, "g");
  Job& third = yard.add("q", limited, "h");
  CHECK(yard.run() == nullptr);
  Job& urgent = yard.add("q", Options(limited).priority(1), "i");
  Job& fourth = yard.add("q", limited);
  for (Job* next : {&urgent, &second, &third, &fourth}) {
    Job* before = next == &urgent ? &running : nullptr;
    if (before != nullptr) yard.end(*before);
    Job* job = yard.run();
    CHECK(job == next);
    CHECK(yard.run() == nullptr);
    REQUIRE(job != nullptr);
    yard.end(*job);
  }
}

TEST_CASE("Q3 queues share a quota by their weights") {
  Yard yard;
  yard.lanes.configure_quota("one", 1);
  yard.lanes.configure("heavy", {.weight = 3});
  for (int i = 0; i < 500; ++i) {
    for (const char* queue : {"heavy", "light"}) yard.add(queue, Options{}.quota("one"));
  }
  const auto of = yard.shares(400);
  CHECK(of.at("heavy") >= 295);
  CHECK(of.at("heavy") <= 305);
}

TEST_CASE("Q3 room for several goes to several queues") {
  Yard yard;
  yard.lanes.configure_quota("n", 0);
  for (int i = 0; i < 3; ++i) {
    for (const char* queue : {"a", "b"}) yard.add(queue, Options{}.quota("n"));
  }
  CHECK(yard.run() == nullptr);
  yard.lanes.configure_quota("n", 4);
  std::string order;
  while (const Job* job = yard.run()) order += job->lane->queue->name;
  CHECK(order == "abab");
}

TEST_CASE("Q3 the room that a lane was to have goes to another when a second quota of it is full meanwhile") {
  Yard yard;
  yard.lanes.configure_quota("c", 1);
  yard.lanes.configure_quota("d", 1);
  Job& running = yard.add("z", Options{}.quota("c"));
  REQUIRE(yard.run() == &running);
  Job& both = yard.add("r", Options{}.quota("c").quota("d"));
  Job& other = yard.add("w", Options{}.quota("c"));
  CHECK(yard.run() == nullptr);
  yard.end(running);
  Job& sooner = yard.add("r", Options{}.quota("d").priority(1));
  CHECK(yard.run() == &sooner);
  CHECK(yard.run() == &other);
  CHECK(yard.run() == nullptr);
  yard.end(other);
  CHECK(yard.run() == nullptr);
  yard.end(sooner);
  CHECK(yard.run() == &both);
}

TEST_CASE("Q4 a quota's size changes at any time: what runs goes on, what waits follows") {
  Yard yard;
  yard.lanes.configure_quota("n", 1);
  std::vector<Job*> jobs;
  for (int i = 0; i < 8; ++i) jobs.push_back(&yard.add("q", Options{}.quota("n")));
  CHECK(yard.run() == jobs[0]);
  CHECK(yard.run() == nullptr);
  yard.lanes.configure_quota("n", 3);
  CHECK(yard.run() == jobs[1]);
  CHECK(yard.run() == jobs[2]);
  CHECK(yard.run() == nullptr);
  yard.lanes.configure_quota("n", 1);
  yard.end(*jobs[0]);
  yard.end(*jobs[1]);
  CHECK(yard.run() == nullptr);
  yard.end(*jobs[2]);
  CHECK(yard.run() == jobs[3]);
  yard.lanes.configure_quota("n", 0);
  yard.end(*jobs[3]);
  CHECK(yard.run() == nullptr);
  CHECK(yard.lanes.remove_quota("n"));
  for (int i = 4; i < 8; ++i) CHECK(yard.run() == jobs[static_cast<std::size_t>(i)]);
  CHECK_FALSE(yard.lanes.remove_quota("n"));
  // It counts who has it meanwhile: when it is configured again, they are known.
  Job& late = yard.add("q", Options{}.quota("n"));
  yard.lanes.configure_quota("n", 4);
  CHECK(yard.run() == nullptr);
  yard.end(*jobs[4]);
  CHECK(yard.run() == &late);
}

TEST_CASE("Q4 a quota that is not configured binds nobody") {
  Yard yard;
  for (int i = 0; i < 3; ++i) yard.add("q", Options{}.quota("gone"));
  for (int i = 0; i < 3; ++i) CHECK(yard.run() != nullptr);
  CHECK(yard.lanes.quotas().configured().empty());
}

TEST_CASE("Q5 of each key so many run as its jobs say, and no more") {
  Yard yard;
  Job& a1 = yard.add("q", Options{}.exclusive("a"));
  Job& a2 = yard.add("q", Options{}.exclusive("a"));
  Job& b1 = yard.add("q", Options{}.quota("b", 2));
  Job& b2 = yard.add("q", Options{}.quota("b", 2));
  Job& b3 = yard.add("q", Options{}.quota("b", 2));
  Job& b4 = yard.add("q", Options{}.quota("b", 3), "g");
  CHECK(yard.run() == &a1);
  CHECK(yard.run() == &b1);
  CHECK(yard.run() == &b2);
  CHECK(yard.run() == &b4);  // to which three may run
  CHECK(yard.run() == nullptr);
  yard.end(a1);
  CHECK(yard.run() == &a2);
  yard.end(b1);
  CHECK(yard.run() == nullptr);
  yard.end(b2);
  CHECK(yard.run() == &b3);
}

TEST_CASE("Q5 a key is its owner's, and is no quota of the same name") {
  CHECK(quota_text({{"k", 1}}, 1) != quota_text({{"k", 1}}, 2));
  CHECK(quota_text({{"k", 1}}, 1) != quota_text({{"k", 2}}, 1));
  CHECK(quota_text({{"k", 0}}, 1) == quota_text({{"k", 0}}, 2));
  CHECK(quota_text({{"k", 0}}, 1) != quota_text({{"k", 1}}, 1));
  CHECK(quota_text({}, 1).empty());
}

TEST_CASE("Q3 the order in which quotas are named, and how often, makes no difference") {
  const std::string text = quota_text({{"a", 0}, {"k:*=", 3}}, 7);
  CHECK(quota_text({{"k:*=", 3}, {"a", 0}, {"a", 0}}, 7) == text);
  CHECK(quota_text({{"k:*=", 5}, {"k:*=", 3}, {"a", 0}}, 7) == text);
  Quotas quotas;
  const CapSet& set = quotas.intern(text);
  CHECK(set.text == text);
  auto uses = set.uses;
  std::sort(uses.begin(), uses.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  CHECK(uses == std::vector<QuotaUse>{{"a", 0}, {"k:*=", 3}});
}

TEST_CASE("Q5 a key is forgotten with the last lane that has it, and a configured quota is not") {
  Quotas quotas;
  quotas.configure("named", 5);
  const std::string text = quota_text({{"named", 0}, {"key", 1}}, 1);
  CapSet& set = quotas.intern(text);
  CHECK(quotas.find(text) == &set);
  quotas.drop(set);
  CHECK(quotas.find(text) == nullptr);
  CHECK(quotas.configured().at("named")->caps.empty());
  CHECK(quotas.is_configured("named"));
}

TEST_CASE("C8 a job that goes on after a wait has its quotas before new ones") {
  Yard yard;
  Job& waits = yard.add("q", Options{}.exclusive("k"));
  Job& second = yard.add("q", Options{}.exclusive("k"));
  Job& third = yard.add("q", Options{}.exclusive("k"));
  REQUIRE(yard.run() == &waits);
  yard.lanes.give_back(waits);
  REQUIRE(yard.run() == &second);
  yard.lanes.claim(waits);
  CHECK_FALSE(yard.lanes.take_claimed(waits));
  yard.end(second);
  CHECK(yard.run() == nullptr);
  CHECK(yard.lanes.take_claimed(waits));
  yard.lanes.give_back(waits);
  yard.lanes.claim(waits);
  CHECK(yard.run() == nullptr);
  yard.lanes.drop_claim(waits);
  CHECK(yard.run() == &third);
}

TEST_CASE("Q5 each job says itself how many may run with a key: it begins when that many do not") {
  Yard yard;
  const auto with = [&](std::uint32_t most) -> Job& { return yard.add("q", Options{}.quota("key", most)); };
  Job &a = with(3), &alone = with(1), &b = with(2), &second = with(2), &c = with(3), &d = with(3);
  CHECK(yard.run() == &a);
  CHECK(yard.run() == &b);
  CHECK(yard.run() == &c);
  CHECK(yard.run() == nullptr);
  yard.end(c);
  CHECK(yard.run() == &d);
  CHECK(yard.run() == nullptr);
  yard.end(a);
  CHECK(yard.run() == nullptr);
  yard.end(d);
  CHECK(yard.run() == &second);
  yard.end(b);
  CHECK(yard.run() == nullptr);
  yard.end(second);
  CHECK(yard.run() == &alone);
}

TEST_CASE("Q5 a key with a number of its own for each of many jobs is as quick as another") {
  Yard yard;
  constexpr std::uint32_t kMany = 50'000;  // looking at all numbers for each job is a billion steps
  std::vector<Job*> jobs;
  for (std::uint32_t most = kMany; most > 0; --most)
    jobs.push_back(&yard.add("q", Options{}.quota("key", most)));
  std::vector<Job*> running;
  while (Job* job = yard.run()) running.push_back(job);
  CHECK(running.size() == kMany / 2);
  for (Job* job : running) yard.end(*job);
  std::size_t rest = 0;
  for (; Job* job = yard.run(); ++rest) yard.end(*job);
  CHECK(running.size() + rest == kMany);
}
