// SPDX-License-Identifier: Apache-2.0
// A status with something of everything, and text in it that means no good.
#pragma once

#include <promised/views.hpp>

namespace promised::cli {

inline const WallClock kSampleNow{std::chrono::seconds(1'769'860'800)};

inline StatusView sample_status() {
  using namespace std::chrono_literals;
  StatusView s;
  s.version = "1.2.3";
  s.health = "degraded";
  s.problems = {"pool bad is failing"};
  s.endpoint = "ipc:///run/p.sock";
  s.state_dir = "/var/lib/p";
  s.pid = 4711;
  s.uptime = 2h;
  s.jobs_by_state = {0, 1, 2, 3, 0, 5, 6, 0, 0, 0, 0};
  PoolView good;
  good.name = "docs";
  good.program = "/bin/docs";
  good.isolation = Isolation::job;
  good.state = "ready";
  good.size = 2;
  good.workers = 2;
  good.busy = 1;
  good.crashes = 3;
  good.finished = 1234;
  good.size_min = 1;
  good.size_max = 8;
  good.draining = 3;
  good.waiting = 2;
  good.functions = {{"doc.count", "(text) -> int64"}, {"doc.\nfake", "() -> null"}};
  good.containment = "rlimit";
  PoolView bad;
  bad.name = "bad";
  bad.program = "/no/such";
  bad.state = "failing";
  bad.reason = "/no/such: No such file or directory\x1b[2J";
  bad.size = bad.size_min = bad.size_max = 1;
  bad.retry_in = 4s;
  s.pools = {good, bad};
  s.queues = {{"default", 2, 3200ms},
              {"\xff", 0, 0ms},
              {"mail", 7, 1h, 3, true, true, 5, {10, 1s, 20}, 1500ms, 10min, 1000, true}};
  s.quotas = {{"mailserver", 4, 5}, {"\xff", 0, 0}};
  s.waited = {1ms, 20ms, 100};
  s.accepted = 20;
  s.finished = 11;
  s.finished_per_second = 1.25;
  s.remembered = 4;
  s.store_bytes = 1536;
  s.last_commit = kSampleNow - 3200ms;
  s.full_since = kSampleNow - 60s;
  s.store_failed_at = kSampleNow - 2h;
  s.store_failure = "disk\x1b error";
  s.clients = 1;
  s.garbage = 7;
  s.refused = 8;
  s.stale_reports = 9;
  s.maintenance = "backup";
  s.maintenance_percent = 43;
  s.limits = {{"max_jobs", 81, 100}, {"max_clients", 1, 100}};
  return s;
}

inline ReloadReport sample_reload() {
  return {{"new"}, {"old"}, {"docs"}, {"mail"}, {"limits.max_jobs"}, {"daemon.user"}};
}

inline StoreReport sample_report(StoreTask task) {
  using namespace std::chrono_literals;
  StoreReport r;
  r.task = task;
  r.path = "/mnt/\xff";
  r.jobs = 1;
  r.names = 2;
  r.tombstones = 3;
  r.results = 4;
  r.result_files = 5;
  r.bytes = 1536;
  r.bytes_before = 4096;
  r.took = 1500ms;
  r.damages = 21;
  r.damage = {"the first\xfe"};
  return r;
}

}  // namespace promised::cli
