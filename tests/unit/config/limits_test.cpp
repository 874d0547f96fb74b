// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/config/fixture.hpp"

namespace promised {
namespace {

using namespace std::chrono_literals;

TEST_CASE("E3 max_unread below max_result is refused, and follows it where nobody has said it") {
  const Scene scene;
  CHECK(scene.problem("[limits]\nmax_unread = 1MiB\n") ==
        "FILE:2: max_unread: 1MiB is less than max_result, which is 64MiB: such a result could not be sent");
  CHECK(scene.settings("[limits]\nmax_result = 512MiB\n").limits.max_unread == std::uint64_t{512} << 20);
}

TEST_CASE("every key of [limits] reaches the settings") {
  const Scene scene;
  const Limits l = scene
                       .settings(
                           "[limits]\n"
                           "max_message = 1MiB\n"
                           "max_result = 2MiB\n"
                           "max_jobs = 3\n"
                           "max_jobs_per_owner = 4\n"
                           "max_bytes = 5MiB\n"
                           "max_bytes_per_owner = 3MiB\n"
                           "max_unread = 4MiB\n"
                           "max_remembered = 6\n"
                           "max_remembered_per_owner = 5\n"
                           "max_name = 7\n"
                           "max_notes = 2KiB\n"
                           "max_parts = 3KiB\n"
                           "max_output = 9\n"
                           "max_in_memory = 21\n"
                           "max_queues = 8\n"
                           "max_unwritten = 22MiB\n"
                           "max_clients = 9\n"
                           "max_clients_per_owner = 2\n"
                           "max_watches = 10\n"
                           "max_watches_per_owner = 1\n"
                           "default_lifespan = 11s\n"
                           "max_lifespan = 12min\n"
                           "keep_unfetched = 13h\n"
                           "keep_tombstones = 14d\n"
                           "max_tombstones = 16\n"
                           "allow_forever = yes\n"
                           "max_interruptions = 15\n"
                           "max_crashes = 17\n"
                           "max_waiting = 18\n"
                           "max_subscriptions = 19\n"
                           "max_subscriptions_per_owner = 20\n"
                           "max_events = 23\n"
                           "max_members = 24\n"
                           "max_callbacks = 25\n")
                       .limits;
  Limits wanted;
  wanted.max_message = 1 << 20;
  wanted.max_result = 2 << 20;
  wanted.max_jobs = 3;
  wanted.max_jobs_per_owner = 4;
  wanted.max_bytes = 5 << 20;
  wanted.max_bytes_per_owner = 3 << 20;
  wanted.max_unread = 4 << 20;
  wanted.max_remembered = 6;
  wanted.max_remembered_per_owner = 5;
  wanted.max_clients_per_owner = 2;
  wanted.max_crashes = 17;
  wanted.max_waiting = 18;
  wanted.max_subscriptions = 19;
  wanted.max_subscriptions_per_owner = 20;
  wanted.max_events = 23;
  wanted.max_members = 24;
  wanted.max_callbacks = 25;
  wanted.max_watches_per_owner = 1;
  wanted.max_name = 7;
  wanted.max_notes = 2048;
  wanted.max_parts = 3072;
  wanted.max_output = 9;
  wanted.max_in_memory = 21;
  wanted.max_queues = 8;
  wanted.max_unwritten = 22 << 20;
  wanted.max_tombstones = 16;
  wanted.allow_forever = true;
  wanted.max_clients = 9;
  wanted.max_watches = 10;
  wanted.default_lifespan = 11s;
  wanted.max_lifespan = 12min;
  wanted.keep_unfetched = 13h;
  wanted.keep_tombstones = 24h * 14;
  wanted.max_interruptions = 15;
  CHECK(l == wanted);
}

TEST_CASE("E3 max_unwritten below max_message is refused, and follows it where nobody has said it") {
  const Scene scene;
  CHECK(scene.problem("[limits]\nmax_unwritten = 1MiB\n") ==
        "FILE:2: max_unwritten: 1MiB is less than max_message, which is 64MiB: such arguments could not be "
        "accepted");
  CHECK(scene.settings("[limits]\nmax_message = 512MiB\n").limits.max_unwritten == std::uint64_t{512} << 20);
}

TEST_CASE("E3 an impossible value in [limits] is told with file, line and what was expected") {
  const Scene scene;
  const auto told = [&](const std::string& line) { return scene.problem("[limits]\n" + line + "\n"); };
  CHECK(told("max_message = 1023") == "FILE:2: max_message: expected at least 1KiB, found '1023'");
  for (const std::string key : {"max_message", "max_result"}) {
    CHECK(scene.settings("[limits]\n" + key + " = 900MiB\n").limits != Limits());
    CHECK(told(key + " = 943718401") ==
          "FILE:2: " + key +
              ": expected at most 900MiB, for which the database has room in a row, "
              "found '943718401'");
    CHECK(told(key + " = 1GiB").find("expected at most 900MiB") != std::string::npos);
  }
  CHECK(told("max_result = many") ==
        "FILE:2: max_result: expected a size such as 4096, 64KiB, 1MiB or 4GiB, found 'many'");
  CHECK(told("max_jobs = 0") == "FILE:2: max_jobs: expected a whole number from 1 to 1000000000, found '0'");
  CHECK(told("max_jobs = -1").find("found '-1'") != std::string::npos);
  CHECK(told("max_bytes = 1KiB") == "FILE:2: max_bytes: expected at least 1MiB, found '1KiB'");
  CHECK(told("max_notes = 2MiB") == "FILE:2: max_notes: expected at most 1MiB, found '2MiB'");
  CHECK(told("max_output = 65MiB") == "FILE:2: max_output: expected at most 64MiB, found '65MiB'");
  CHECK(told("max_name = 65537") ==
        "FILE:2: max_name: expected a whole number from 1 to 65536, found '65537'");
  CHECK(told("max_interruptions = x") ==
        "FILE:2: max_interruptions: expected a whole number from 0 to 1000000, found 'x'");
  CHECK(told("max_jbos = 1") ==
        "FILE:2: unknown key 'max_jbos' in [limits]; did you mean max_jobs, max_bytes or max_name?");
}

TEST_CASE(
    "a default lifespan above the longest one is refused where it is given and lowered where it is not") {
  const Scene scene;
  CHECK(scene.problem("[limits]\nmax_lifespan = 1h\ndefault_lifespan = 2h\n") ==
        "FILE:3: default_lifespan: 2h is longer than max_lifespan, which is 1h");
  CHECK(scene.settings("[limits]\nmax_lifespan = 10min\n").limits.default_lifespan == 10min);
}

}  // namespace
}  // namespace promised
