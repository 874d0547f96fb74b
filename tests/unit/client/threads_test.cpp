// SPDX-License-Identifier: Apache-2.0
// SEMANTICS S9: many threads, and fork.
#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

TEST_CASE_FIXTURE(Fixture, "S9 many threads submit, wait and ask through one client") {
  Client client(options());
  std::atomic<int> right{0};
  constexpr int kThreads = 8;
  constexpr int kEach = 100;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        std::vector<Future<int>> futures;
        for (int i = 0; i < kEach; ++i) {
          futures.push_back(client.submit<int>("echo", t * kEach + i));
          if (i % 10 == 0 && client.submit<int>("echo", i).result(kPatience) == i) ++right;
          if (i % 25 == 0 && client.cancel("x")) ++right;
        }
        for (int i = 0; i < kEach; ++i) {
          if (futures[static_cast<std::size_t>(i)].result(kPatience) == t * kEach + i) ++right;
        }
      });
    }
  }
  CHECK(right == kThreads * (kEach + kEach / 10 + kEach / 25));
}

TEST_CASE_FIXTURE(Fixture, "S9 threads go on through restarts of the daemon, and every job ends once") {
  Client client(options());
  std::atomic<int> right{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) {
          if (client.submit<int>("echo", i).result(kPatience) == i) ++right;
        }
      });
    }
    for (const int so_far : {20, 60, 100, 140, 180}) {
      if (!eventually([&] { return right >= so_far; })) break;
      daemon.stop();
      daemon.start();
    }
  }
  CHECK(right == 200);
}

TEST_CASE_FIXTURE(Fixture, "S9 a thread that has begun to wait alone is in nobody's way") {
  Client client(options());
  client.submit("anything").wait(kPatience);
  const auto held = client.submit<int>("hold");
  held.accepted(kPatience);
  std::atomic<int> called{0};
  int waited = 0;
  {
    std::jthread alone([&] { waited = held.result(kPatience); });
    for (int i = 0; i < 50; ++i) {
      // Together with the one that is held, alone with a callback, and by a question.
      CHECK(client.submit<int>("echo", i).result(kPatience) == i);
      client.submit<int>("echo", i).add_done_callback([&](const AnyFuture&) { ++called; });
      CHECK(client.cancel("x"));
    }
    daemon.answer(daemon.wait_for<message::Submit>(2), succeeded(held.id()), encoded(Value(std::int64_t{9})));
  }
  CHECK(waited == 9);
  CHECK(eventually([&] { return called == 50; }));
}

TEST_CASE_FIXTURE(Fixture, "S9 one job after the other, each waited for alone, through restarts and pauses") {
  Client client(options());
  int right = 0;
  for (int i = 0; i < 300; ++i) {
    if (client.submit<int>("echo", i).result(kPatience) == i) ++right;
    if (i % 100 == 50) {
      daemon.stop();
      daemon.start();
    }
    // What is out when nobody waits comes all the same.
    if (i % 60 == 0) {
      const auto unwatched = client.submit<int>("echo", i);
      CHECK(eventually([&] { return unwatched.done(); }));
    }
  }
  CHECK(right == 300);
}

TEST_CASE_FIXTURE(Fixture, "more than the connection takes at once waits its turn") {
  daemon.stop();
  ClientOptions patient = options();
  patient.connect_timeout = 10min;  // so many submissions take a while
  Client client(patient);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 20'000; ++i) futures.push_back(client.submit<int>("echo", i));
  daemon.start();
  int right = 0;
  for (int i = 0; i < 20'000; ++i)
    right += futures[static_cast<std::size_t>(i)].result(kPatience * 3) == i ? 1 : 0;
  CHECK(right == 20'000);
}

/// The exit status of `child`, run in a fork.
int in_child(const std::function<bool()>& child) {
  const pid_t pid = fork();
  if (pid == 0) _exit(child() ? 0 : 1);
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

TEST_CASE_FIXTURE(Fixture, "S9 a forked child's use of the client throws, and the parent's goes on") {
  Client client(options());
  const auto done = client.submit<int>("echo", 1);
  REQUIRE(done.result(kPatience) == 1);
  const auto open = client.submit<int>("hold");
  open.accepted(kPatience);
  const std::string expected =
      "this client was made by process " + std::to_string(getpid()) + " and cannot be used in process ";
  CHECK(in_child([&] {
          return message_of<Error>([&] { return client.submit("f"); }).starts_with(expected);
        }) == 0);
  CHECK(in_child([&] { return message_of<Error>([&] { return client.status(); }).starts_with(expected); }) ==
        0);
  CHECK(in_child([&] { return message_of<Error>([&] { return open.result(); }).starts_with(expected); }) ==
        0);
  CHECK(in_child([&] { return message_of<Error>([&] { return client.close(); }).starts_with(expected); }) ==
        0);
  CHECK(in_child([&] { return done.result() == 1; }) == 0);
  CHECK(client.submit<int>("echo", 2).result(kPatience) == 2);
}

TEST_CASE_FIXTURE(
    Fixture,
    "S9 destroying the parent's client in a forked child returns at once and leaves the parent's alone") {
  auto client = std::make_unique<Client>(options());
  const auto open = client->submit<int>("hold");
  open.accepted(kPatience);
  CHECK(in_child([&] {
          client.reset();
          return true;
        }) == 0);
  CHECK(daemon.received<message::Bye>().empty());
  daemon.answer(daemon.wait_for<message::Submit>(), succeeded(open.id()), encoded(Value(std::int64_t{4})));
  CHECK(open.result(kPatience) == 4);
}

// ThreadSanitizer itself cannot follow threads that are started after a fork of a process with threads.
#ifndef __SANITIZE_THREAD__
TEST_CASE_FIXTURE(Fixture, "S9 a forked child may make a client of its own") {
  Client client(options());
  REQUIRE(client.submit<int>("echo", 1).result(kPatience) == 1);
  CHECK(in_child([&] {
          Client own(options());
          return own.submit<int>("echo", 2).result(kPatience) == 2;
        }) == 0);
}
#endif

}  // namespace
}  // namespace promised
