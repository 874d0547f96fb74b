// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/wire/samples.hpp"

#include <array>
#include <chrono>
#include <limits>
#include <string>
#include <utility>

namespace promised::test {

using namespace std::chrono_literals;

WallClock moment(std::int64_t us) {
  return WallClock(std::chrono::microseconds(us));
}

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

}  // namespace promised::test
