// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <promised/types.hpp>
#include <set>
#include <unordered_set>

namespace promised::test {
namespace {

constexpr const char* kText = "01920b7e-1c2d-7abc-9def-0123456789ab";

TEST_CASE("an id reads as it is written") {
  const auto id = JobId::parse(kText);
  REQUIRE(id.has_value());
  CHECK(id->text() == kText);
  CHECK(id->bytes()[0] == 0x01);
  CHECK(id->bytes()[6] == 0x7a);
  CHECK(id->bytes()[15] == 0xab);
  CHECK(id->view().size() == 16);
}

TEST_CASE("an id may be written in either case") {
  CHECK(JobId::parse("01920B7E-1C2D-7ABC-9DEF-0123456789AB") == JobId::parse(kText));
}

TEST_CASE("what is no id is none") {
  for (const std::string text :
       {"", "01920b7e", "01920b7e1c2d7abc9def0123456789ab", "01920b7e-1c2d-7abc-9def-0123456789a",
        "01920b7e-1c2d-7abc-9def-0123456789abc", "01920b7e-1c2d-7abc-9def-0123456789ag",
        "01920b7e+1c2d-7abc-9def-0123456789ab", "01920b7e-1c2d-7abc-9def--123456789ab",
        "{1920b7e-1c2d-7abc-9def-0123456789a}", "-1920b7e-1c2d-7abc-9def-0123456789ab",
        " 1920b7e-1c2d-7abc-9def-0123456789ab"}) {
    CAPTURE(text);
    CHECK_FALSE(JobId::parse(text).has_value());
  }
}

TEST_CASE("an id that was never set is empty") {
  CHECK(JobId().empty());
  CHECK(JobId::parse("00000000-0000-0000-0000-000000000000")->empty());
  CHECK_FALSE(JobId::parse(kText)->empty());
  CHECK(JobId().text() == "00000000-0000-0000-0000-000000000000");
}

TEST_CASE("ids can be keys") {
  const JobId id = *JobId::parse(kText);
  CHECK(std::set<JobId>{id, JobId(), id}.size() == 2);
  CHECK(std::unordered_set<JobId>{id, JobId(), id}.size() == 2);
}

TEST_CASE("four states are ends") {
  for (std::uint8_t n = 0; n <= static_cast<std::uint8_t>(State::forgotten); ++n) {
    const auto state = static_cast<State>(n);
    const bool ended = state == State::succeeded || state == State::failed || state == State::cancelled ||
                       state == State::expired;
    CHECK(is_ended(state) == ended);
  }
}

TEST_CASE("every state and every cause has a name of its own") {
  std::set<std::string_view> states;
  for (std::uint8_t n = 0; n <= static_cast<std::uint8_t>(State::forgotten); ++n) {
    states.insert(to_string(static_cast<State>(n)));
  }
  CHECK(states.size() == 11);
  CHECK(to_string(State::lapsed) == "lapsed");
  std::set<std::string_view> causes;
  for (std::uint8_t n = 0; n <= static_cast<std::uint8_t>(Cause::member_failed); ++n) {
    causes.insert(to_string(static_cast<Cause>(n)));
  }
  CHECK(causes.size() == 13);
  CHECK(to_string(Cause::bad_arguments) == "bad_arguments");
}

TEST_CASE("options start with the defaults and keep what they are told") {
  using namespace std::chrono_literals;
  const Options none;
  CHECK(none.queue() == "default");
  CHECK(none.priority() == 0);
  CHECK(none.timeout() == 0ms);
  CHECK(none.run_timeout() == 0ms);
  CHECK(none.name().empty());
  CHECK_FALSE(none.lifespan().has_value());
  CHECK(none.duplicate() == Duplicate::raise);
  CHECK(none.durability() == Durability::durable);
  CHECK_FALSE(none.at_most_once());

  const Options all = Options{}
                          .queue("q")
                          .priority(-7)
                          .timeout(90s)
                          .run_timeout(5min)
                          .remember("name", 10min, Duplicate::attach)
                          .durability(Durability::memory)
                          .at_most_once();
  CHECK(all.queue() == "q");
  CHECK(all.priority() == -7);
  CHECK(all.timeout() == 90s);
  CHECK(all.run_timeout() == 5min);
  CHECK(all.name() == "name");
  CHECK(all.lifespan() == 10min);
  CHECK(all.duplicate() == Duplicate::attach);
  CHECK(all.durability() == Durability::memory);
  CHECK(all.at_most_once());
  CHECK(all != none);
}

}  // namespace
}  // namespace promised::test
