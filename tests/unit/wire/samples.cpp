// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/wire/samples.hpp"

#include <array>
#include <chrono>
#include <limits>
#include <string>
#include <utility>

namespace promised::test {

using namespace std::chrono_literals;

std::vector<message::Request> requests() {
  using namespace message;
  const std::uint64_t large = std::numeric_limits<std::uint64_t>::max();
  return {
      {0, 0, std::monostate{}},
      {1, large, std::monostate{}},
      {large, 2, Hello{3, id(9), "analyse \xe2\x82\xac"}},
      {2, 0, Hello{0, id(9), ""}},
      {3, 0, Submit{id(1), "report.build", full_options()}},
      {4, 0, Submit{id(255), "", {}}},
      {5, 0, Watch{{id(2), ""}, true, false}},
      {6, 0, Watch{{{}, "a name"}, false, true}},
      {7, 0, Cancel{{id(3), ""}}},
      {8, 0, Cancel{{{}, "a name"}}},
      {9, 0, Remember{id(4), "name", 0ms, Duplicate::keep, {}}},
      {10, 0, Remember{id(4), "name", {}, Duplicate::raise, {}}},
      {23, 0,
       Remember{id(4),
                "name",
                {},
                Duplicate::raise,
                KnownOutcome{"report.build", State::failed, full_failure(), "why", Durability::memory,
                             full_told()}}},
      {24, 0,
       Remember{id(4), "name", {}, Duplicate::raise, KnownOutcome{"", State::succeeded, {}, "", {}, {}}}},
      {11, 0, Forget{{id(5), ""}}},
      {12, 0, Forget{{{}, "a name"}}},
      {13, 0, Adjust{id(6), 1s, 0ms}},
      {14, 0, Adjust{id(6), {}, {}}},
      {25, 0, Remember{id(4), "name", kForever, Duplicate::raise, {}}},
      {26, 0, Submit{id(1), "report.build", Options{}.remember("name", kForever).abandon(Abandon::cancel)}},
      {28, 0, Submit{id(1), "report.build", Options{}.delay(5min).backoff(Backoff())}},
      {29, 0, RetryJob{{id(3), ""}}},
      {30, 0, RetryJob{{{}, "a name"}}},
      {27, 0, Withdraw{}},
      {28, 0, Withdraw{{id(6), id(7)}}},
      {15, 0, List{0x7ff, "report.*", "reports", "monthly", true, 25, id(7), true, true}},
      {16, 0, List{}},
      {17, 0, Show{{id(8), ""}, "", false}},
      {18, 0, Show{{{}, "a name"}, "", false}},
      {19, 0, Show{{}, "0192", false}},
      {20, 0, Show{{}, "", true}},
      {21, 0, StatusQuery{}},
      {22, 0, Bye{}},
      {25, 0, StoreCommand{StoreTask::backup, "/mnt/backups/f\xc3\xbcr heute"}},
      {26, 0, StoreCommand{}},
      {27, 0, Reload{}},
      {25, 0, Follow{{id(9), ""}, true, true, large, 3}},
      {26, 0, Follow{{{}, "a name"}, false, false, 0, 0}},
      {0, 0, Advance{25, large, true}},
      {25, 0, Follow{{id(9), ""}, true, true, large, 3, true, large}},
      {26, 0, Follow{{{}, "a name"}, false, false, 0, 0, false, 0}},
      {0, 0, Advance{25, large, true, large}},
      {0, 0, Advance{}},
      {27, 0, SetNote{{id(9), ""}, "st\xc3\xb6p"}},
      {28, 0, SetNote{{{}, "a name"}, ""}},
      {29, 0, Cancel{{id(3), ""}, true, "not needed any more, s\xc3\xb6rry"}},
      {30, 0, SteerQueue{"reports", full_change(), true}},
      {31, 0, SteerQueue{"r\xc3\xa9ports", {.paused = false, .max_length = 0}, false}},
      {32, 0, SteerQueue{"reports", {.rate = Rate{}}, false}},
      {33, 0, SteerQueue{}},
      {34, 0, SteerQuota{"mailserver", large, false}},
      {35, 0, SteerQuota{"", 0, true}},
      {36, 0, Explain{{id(3), ""}}},
      {37, 0, Explain{{{}, "a name"}}},
      {50, 0, Subscribe{0x3fe, "report.*", "reports", "m\xc3\xb6nthly", 1000}},
      {51, 0, Subscribe{}},
      {0, 0, Unsubscribe{50}},
      {0, 0, Unsubscribe{}},
      {0, 0, Advance{30, 0, false, 0, large}},
      {60, 0, AddCallback{{id(3), ""}, Follows::success, id(4), "report.send", full_options()}},
      {61, 0, AddCallback{{{}, "a name"}, Follows::done, id(4), "", {}}},
      {62, 0, SubmitTree{}},
      {63, 0,
       SubmitTree{
           {{id(1), "", full_options(), Composite::serial, MemberFailure::stop, Follows::nothing, 0, 0},
            {id(2), "report.build", {}, Composite::none, MemberFailure::go_on, Follows::member, 0, large},
            {id(3), "f", {}, Composite::none, MemberFailure::go_on, Follows::then, 0xffffffff, 1}}}},
  };
}

std::vector<message::Reply> replies() {
  using namespace message;
  const std::uint64_t large = std::numeric_limits<std::uint64_t>::max();
  return {
      {1, 0, Welcome{7, "0.1.0", id(1), std::uint64_t{1} << 30}},
      {0, 0, Accepted{}},
      {large, 0, Accepted{{1, 2, 300, large, 0}}},
      {2, 0, Refused{"name_taken", "the name is t\xc3\xa4ken", id(2), State::running}},
      {3, 0, Refused{}},
      {4, large, Ended{id(3), State::failed, full_failure(), "cancelled by uid 1000", {}}},
      {5, 1, Ended{id(3), State::succeeded, {}, "", {}}},
      {5, 2, Ended{id(3), State::succeeded, {}, "", full_told()}},
      {12, 0, News{}},
      {13, 0,
       News{0.0,
            "reading \xe2\x82\xac",
            large,
            large,
            {0, 1, 0xffffffff},
            true,
            large,
            std::string("\xff\0\n", 3),
            large}},
      {6, 0, Known{id(4), State::forgotten, true}},
      {7, 0, Known{}},
      {8, 0, Jobs{{full_job(), full_job()}, true}},
      {9, 0, Jobs{}},
      {12, 0, Count{large}},
      {13, 0, Count{}},
      {10, 0, Status{full_status()}},
      {11, 0, Status{}},
      {12, 0, StoreDone{full_report()}},
      {13, 0, StoreDone{}},
      {14, 0,
       Reloaded{{{"new"}, {"old", "older"}, {"docs"}, {"mail"}, {"limits.max_jobs"}, {"daemon.user"}}}},
      {15, 0, Reloaded{}},
      {16, 0,
       Explained{{id(3),
                  State::pending,
                  {{"quota",
                    "quota m\xc3\xa4il is full",
                    "mailserver",
                    moment(1'700'000'000'000'012),
                    {id(4), id(5)},
                    large},
                   {}}}}},
      {17, 0, Explained{}},
      {16, 0, Events{{full_event(), full_event()}, large, 7, true}},
      {17, 0, Events{}},
  };
}

std::vector<message::ToWorker> to_worker() {
  using namespace message;
  return {WorkerWelcome{2, "documents", std::uint64_t{1} << 33, 1000, 64, Isolation::job, 90},
          WorkerWelcome{0, "", 0, 0, 0},
          Notes{4, std::uint64_t{1} << 40, 3, full_told().notes},
          Notes{},
          Run{std::numeric_limits<std::uint32_t>::max(), id(1), 3, 2},
          Run{0, id(1), 0, 0},
          Stop{},
          Resume{4, "deadlock", "it waits for its\xc3\xa9lf"},
          Resume{}};
}

std::vector<message::FromWorker> from_worker() {
  using namespace message;
  return {Ready{2, {{"report.build", "(text, int32) -> text"}, {"noop", ""}}},
          Ready{0, {}},
          AttemptEnded{std::numeric_limits<std::uint32_t>::max(), full_failure(), 987654321ns},
          AttemptEnded{},
          AttemptEnded{1, {}, 5ns, id(7)},
          Progress{5, 99.9, "reading \xe2\x82\xac"},
          Progress{0, 0, ""},
          Part{std::numeric_limits<std::uint32_t>::max()},
          Part{},
          WriteNote{5, 6, full_told().notes.front()},
          WriteNote{},
          ReadNotes{5, std::uint64_t{1} << 40},
          ReadNotes{},
          Waits{5, {id(1), id(2)}},
          Waits{},
          Leaves{"a job has changed its us\xc3\xa9r"},
          Leaves{}};
}

std::vector<Value> values() {
  using Double = std::numeric_limits<double>;
  const Value pair(Value::List{Value("key"), Value(std::int64_t{-1})});
  return {
      Value(),
      Value(false),
      Value(true),
      Value(std::int64_t{0}),
      Value(std::int64_t{-1}),
      Value(std::numeric_limits<std::int64_t>::min()),
      Value(std::numeric_limits<std::int64_t>::max()),
      Value(std::numeric_limits<std::uint64_t>::max()),
      Value(std::uint64_t{1} << 63),
      Value(0.0),
      Value(-0.0),
      Value(0.1),
      Value(Double::max()),
      Value(Double::denorm_min()),
      Value(Double::infinity()),
      Value(-Double::infinity()),
      Value(""),
      Value("text with a \xe2\x82\xac"),
      Value(std::string("not utf-8 \xff and a zero \0 byte", 29)),
      Value(std::string(1000, 'x')),
      Value(Bytes{}),
      Value(Bytes{std::byte{0}, std::byte{255}}),
      Value(Value::List{}),
      Value(Value::List{Value(), pair, Value(Value::List{})}),
      Value(Value::Map{}),
      Value(
          Value::Map{{Value("a"), Value(1.5)}, {pair, pair}, {Value(), Value()}, {Value("a"), Value(true)}}),
  };
}

Arguments full_arguments() {
  return {values(), {{"year", Value(std::int64_t{2026})}, {"", Value()}, {"year", Value("again")}}};
}

Value nested(int depth, Nesting nesting) {
  Value value;
  for (int i = 0; i < depth; ++i) {
    switch (nesting) {
      case Nesting::lists:
        value = Value(Value::List{std::move(value)});
        break;
      case Nesting::map_keys:
        value = Value(Value::Map{{std::move(value), Value()}});
        break;
      case Nesting::map_items:
        value = Value(Value::Map{{Value(), std::move(value)}});
        break;
    }
  }
  return value;
}

}  // namespace promised::test
