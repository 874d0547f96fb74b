// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/wire/samples.hpp"

#include <array>
#include <chrono>
#include <limits>
#include <string>
#include <utility>

namespace promised::test {
namespace {

using namespace std::chrono_literals;

WallClock moment(std::int64_t us) {
  return WallClock(std::chrono::microseconds(us));
}

}  // namespace

JobId id(std::uint8_t first) {
  std::array<std::uint8_t, JobId::kSize> bytes{};
  for (std::uint8_t& byte : bytes) byte = first++;
  return JobId(bytes);
}

Options full_options() {
  return Options{}
      .queue("reports")
      .priority(-100)
      .timeout(90s)
      .run_timeout(1ms)
      .remember("client-123-r\xc3\xa9port", 10min, Duplicate::attach)
      .durability(Durability::memory)
      .at_most_once()
      .abandon(Abandon::cancel, 7s)
      .progress_timeout(8s)
      .deadline(9min)
      .retry_on(Retry::crash)
      .quota("licences \xc3\xa4")
      .quota("customer 17", 4'000'000'000)
      .exclusive("account 4711")
      .unique()
      .begin_after(moment(1'700'000'000'000'012))
      .begin_by(10s)
      .retries(kMostRetries)
      .backoff({Growth::fixed, 11s, 12min, 0.25});
}

Failure full_failure() {
  return {Cause::timed_out,
          "std::runtime_error",
          "it took too l\xc3\xb6ng",
          "the last\nwords",
          "run_timeout",
          9,
          -3,
          7,
          4711,
          123456789ns,
          2'000'000'001ns,
          17ns,
          std::uint64_t{1} << 33,

          "#0 _Z3foov at foo.cpp:1\n#1 m\xc3\xa4in",
          true,
          13s};
}

message::Told full_told() {
  return {{{"st\xc3\xb6p", std::string("\xff\0x", 3)}, {"empty", ""}},
          99.5,
          "nearly",
          7,
          2,
          1000,
          9,
          std::uint64_t{1} << 34};
}

JobView full_job() {
  JobView job;
  job.id = id(1);
  job.state = State::failed;
  job.function = "report.build";
  job.name = "monthly";
  job.queue = "reports";
  job.pool = "documents";
  job.reason = "cancelled by uid 1000";
  job.failure = full_failure();
  job.owner = 1000;
  job.priority = 100;
  job.durability = Durability::memory;
  job.attempts = 3;
  job.interruptions = 2;
  job.worker_pid = 815;
  job.remembered = true;
  job.at_most_once = true;
  job.arguments_size = std::uint64_t{1} << 40;
  job.result_size = 77;
  job.lifespan = 10min;
  job.timeout = 2h;
  job.run_timeout = 3ms;
  job.submitted = moment(1'700'000'000'000'001);
  job.started = moment(1'700'000'000'000'002);
  job.ended = moment(1'700'000'000'000'003);
  job.kept_until = moment(-4);
  job.progress = 12.5;
  job.progress_message = "reading \xe2\x82\xac";
  job.notes = full_told().notes;
  job.parts = 3;
  job.parts_size = std::uint64_t{1} << 33;
  job.crashes = 2;
  job.progress_timeout = 8s;
  job.deadline = 9min;
  job.retry_on = Retry::crash;
  job.waits_for = {id(2), id(3)};
  job.last_failure = full_failure();
  job.output_size = 65'536;
  job.quotas = full_options().quotas();
  job.begin_after = moment(1'700'000'000'000'013);
  job.begin_by = 14s;
  job.retries = 15;
  job.due = moment(1'700'000'000'000'014);
  job.unique = true;
  job.parent = id(4);
  job.follows = Follows::then;
  job.composite = Composite::parallel;
  job.on_member_failure = MemberFailure::stop;
  job.related = {{id(5), State::waiting, "report.s\xc3\xa4nd", Follows::failure},
                 {id(6), State::unknown, "", {}}};
  return job;
}

StatusView full_status() {
  StatusView view;
  view.version = "0.1.0";
  view.health = "degraded";
  view.problems = {"pool documents is failing", "the disk is slow"};
  view.endpoint = "ipc:///run/promised/socket";
  view.state_dir = "/var/lib/promised";
  view.pid = 42;
  view.uptime = 5h;
  view.jobs_by_state = {0, 0, 12, 2, 0, std::numeric_limits<std::uint64_t>::max()};
  view.pools = {PoolView{"documents",
                         "/usr/bin/analyse",
                         "failing",
                         "not executable",
                         4,
                         3,
                         2,
                         9,
                         1000,
                         15s,
                         {{"report.build", "(text, int32) -> text"}, {"noop", "() -> null"}},
                         "cgroup",
                         Isolation::job,
                         2,
                         8,
                         5,
                         6},
                PoolView{}};
  view.queues = {{"default", 17, 250ms},
                 {"reports", 1, 0ms, 3, true, true, 5, {10, 1s, 20}, 150ms, 10min, 1000, true}};
  view.quotas = {{"mailserver", 4, 5}, {"closed", 0, 0}};
  view.waited = {10us, 200us, 3000};
  view.ran = {40us, 500us, 6000};
  view.accepted = 101;
  view.finished = 99;
  view.finished_per_second = 0.125;
  view.remembered = 8;
  view.store_bytes = 123'456;
  view.last_commit = moment(1'700'000'000'000'009);
  view.full_since = moment(1'700'000'000'000'010);
  view.store_failed_at = moment(1'700'000'000'000'011);
  view.store_failure = "disk I/O error";
  view.clients = 3;
  view.garbage = 1;
  view.refused = 2;
  view.stale_reports = 4;
  view.limits = {{"jobs", 14, 1'000'000}, {"bytes", 1, 2}};
  view.maintenance = "backup";
  view.maintenance_percent = 43;
  return view;
}

QueueChange full_change() {
  return {true, true, 5, Rate{10, 1s, 20}, std::numeric_limits<std::uint64_t>::max()};
}

JobEvent full_event() {
  JobEvent event;
  event.kind = EventKind::expired;
  event.at = moment(1'700'000'000'000'012);
  event.id = id(1);
  event.function = "report.build";
  event.queue = "reports";
  event.name = "m\xc3\xb6nthly";
  event.owner = 1000;
  event.attempt = 3;
  event.progress = 12.5;
  event.progress_message = "reading \xe2\x82\xac";
  event.failure = full_failure();
  event.reason = "cancelled by uid 1000";
  return event;
}

StoreReport full_report() {
  StoreReport report;
  report.task = StoreTask::compact;
  report.path = "/var/lib/promised/backups/today";
  report.jobs = 1;
  report.names = 2;
  report.tombstones = 3;
  report.results = 4;
  report.result_files = 5;
  report.bytes = std::uint64_t{1} << 40;
  report.bytes_before = std::numeric_limits<std::uint64_t>::max();
  report.took = 90s;
  report.damages = 1'000;
  report.damage = {"the first", "the sec\xc3\xb6nd"};
  return report;
}

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
