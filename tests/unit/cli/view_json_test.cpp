// SPDX-License-Identifier: Apache-2.0
#include "cli/view_json.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/unit/cli/sample_status.hpp"

namespace promised::cli {
namespace {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

JobView sample_job() {
  JobView job;
  job.id = *JobId::parse("01909d5e-7a3b-7c4d-8e5f-0123456789ab");
  job.state = State::failed;
  job.function = "doc.count\xff";
  job.queue = "default";
  job.pool = "docs";
  job.failure = {
      Cause::crashed, "",      "killed by signal 11",   "last words\xfe", "", 11, 0, 2, 99, 1500us, 900us,
      200us,          5 << 20, "#0 foo() at foo.cpp:12"};
  job.owner = 1000;
  job.attempts = 2;
  job.arguments_size = 10;
  job.submitted = kSampleNow;
  job.run_timeout = 5s;
  return job;
}

TEST_CASE("M5 a job has the documented shape") {
  CHECK(to_json(sample_job()) == Json::parse(R"({
    "id": "01909d5e-7a3b-7c4d-8e5f-0123456789ab", "state": "failed", "function": "doc.count\ufffd", "name": null,
    "queue": "default", "priority": 0, "pool": "docs", "reason": null,
    "failure": {"cause": "crashed", "type": null, "message": "killed by signal 11", "limit": null, "signal": 11,
                "exit_code": 0, "attempt": 2, "pid": 99, "ran_us": 1500, "user_us": 900, "system_us": 200,
                "peak_memory": 5242880, "output": "last words\ufffd",
                "backtrace": "#0 foo() at foo.cpp:12"},
    "owner": 1000, "durable": true, "at_most_once": false, "attempts": 2, "interruptions": 0, "worker_pid": null,
    "arguments_size": 10, "result_size": 0, "lifespan_ms": null, "queue_timeout_ms": 0, "run_timeout_ms": 5000,
    "progress": null, "progress_message": null, "notes": {}, "parts": 0, "parts_size": 0, "output_size": 0,
    "submitted": "2026-01-31T12:00:00.000000Z", "started": null, "ended": null, "kept_until": null,
    "crashes": 0, "last_failure": null, "progress_timeout_ms": 0, "deadline_ms": 0, "retry_on": [],
    "waits_for": [], "quotas": [], "begin_after": null, "begin_by_ms": 0, "retries": 0, "due": null,
    "unique": false, "parent": null, "follows": null, "composite": null, "on_member_failure": null,
    "related": []})"));
}

TEST_CASE("M5 a job that is tried again tells why, and one that waits for what") {
  JobView job = sample_job();
  job.state = State::waiting;
  job.last_failure = std::exchange(job.failure, {});
  job.crashes = 1;
  job.retry_on = Retry::crash;
  job.progress_timeout = 3s;
  job.deadline = 2h;
  job.waits_for = {job.id};
  job.quotas = {{"licences", 0}, {"customer 17", 2}};
  job.begin_after = WallClock(std::chrono::microseconds(1'769'860'800'000'042));
  job.begin_by = std::chrono::seconds(5);
  job.retries = 3;
  job.due = job.begin_after;
  job.unique = true;
  const Json shown = to_json(job);
  CHECK(shown.at("failure").is_null());
  CHECK(shown.at("last_failure").at("cause") == "crashed");
  CHECK(shown.at("crashes") == 1);
  CHECK(shown.at("retry_on") == Json::array({"crash"}));
  CHECK(shown.at("progress_timeout_ms") == 3'000);
  CHECK(shown.at("deadline_ms") == 7'200'000);
  CHECK(shown.at("waits_for") == Json::array({job.id.text()}));
  CHECK(shown.at("quotas") ==
        Json::parse(R"([{"name": "licences", "most": null}, {"name": "customer 17", "most": 2}])"));
  CHECK(shown.at("begin_after") == "2026-01-31T12:00:00.000042Z");
  CHECK(shown.at("begin_by_ms") == 5000);
  CHECK(shown.at("retries") == 3);
  CHECK(shown.at("due") == shown.at("begin_after"));
  CHECK(shown.at("unique") == true);
}

TEST_CASE("C3 a job tells what it hangs on, and what hangs on it") {
  JobView job = sample_job();
  job.parent = job.id;
  job.follows = Follows::member;
  job.composite = Composite::serial;
  job.on_member_failure = MemberFailure::stop;
  job.related = {{job.id, State::waiting, "mail.send", Follows::success},
                 {job.id, State::unknown, "", Follows::then}};
  const Json shown = to_json(job);
  CHECK(shown.at("parent") == job.id.text());
  CHECK(shown.at("follows") == "member");
  CHECK(shown.at("composite") == "serial");
  CHECK(shown.at("on_member_failure") == "stop");
  CHECK(
      shown.at("related").at(0) ==
      Json({{"id", job.id.text()}, {"state", "waiting"}, {"function", "mail.send"}, {"follows", "success"}}));
  CHECK(shown.at("related").at(1).at("function").is_null());
}

TEST_CASE("M5 a remembered job that runs has its name, lifespan and worker") {
  JobView job = sample_job();
  job.state = State::running;
  job.failure = Failure();
  job.name = "report";
  job.remembered = true;
  job.lifespan = 60s;
  job.worker_pid = 4712;
  const Json json = to_json(job);
  CHECK(json["failure"].is_null());
  CHECK(json["name"] == "report");
  CHECK(json["lifespan_ms"] == 60000);
  CHECK(json["worker_pid"] == 4712);
}

TEST_CASE("M5 the status has the documented shape") {
  CHECK(to_json(sample_status()) == Json::parse(R"({
    "health": "degraded", "problems": ["pool bad is failing"], "version": "1.2.3", "pid": 4711, "uptime_ms": 7200000,
    "endpoint": "ipc:///run/p.sock", "state_dir": "/var/lib/p", "clients": 1,
    "jobs": {"scheduled": 1, "pending": 2, "running": 3, "waiting": 0, "succeeded": 5, "failed": 6, "cancelled": 0,
             "expired": 0},
    "remembered": 4,
    "pools": [
      {"name": "docs", "program": "/bin/docs", "state": "ready", "reason": null, "retry_in_ms": 0, "size": 2,
       "workers": 2, "busy": 1, "crashes": 3, "finished": 1234, "isolation": "job",
       "functions": [{"name": "doc.count", "signature": "(text) -> int64"},
                     {"name": "doc.\nfake", "signature": "() -> null"}], "containment": "rlimit",
       "size_min": 1, "size_max": 8, "draining": 3, "waiting": 2},
      {"name": "bad", "program": "/no/such", "state": "failing",
       "reason": "/no/such: No such file or directory\u001b[2J", "retry_in_ms": 4000, "size": 1, "workers": 0,
       "busy": 0, "crashes": 0, "finished": 0, "isolation": "worker", "functions": [], "containment": null,
       "size_min": 1, "size_max": 1, "draining": 0, "waiting": 0}],
    "queues": [
      {"name": "default", "length": 2, "oldest_ms": 3200, "running": 0, "paused": false, "draining": false,
       "weight": 1, "rate": null, "next_in_ms": 0, "ageing_ms": 0, "max_length": 0, "hold": false},
      {"name": "\ufffd", "length": 0, "oldest_ms": 0, "running": 0, "paused": false, "draining": false,
       "weight": 1, "rate": null, "next_in_ms": 0, "ageing_ms": 0, "max_length": 0, "hold": false},
      {"name": "mail", "length": 7, "oldest_ms": 3600000, "running": 3, "paused": true, "draining": true,
       "weight": 5, "rate": "10/s burst 20", "next_in_ms": 1500, "ageing_ms": 600000, "max_length": 1000,
       "hold": true}],
    "quotas": [{"name": "mailserver", "size": 4, "running": 5}, {"name": "\ufffd", "size": 0, "running": 0}],
    "last_minute": {"finished_per_second": 1.25, "waited": {"p50_us": 1000, "p95_us": 20000, "count": 100},
                    "ran": {"p50_us": 0, "p95_us": 0, "count": 0}},
    "since_start": {"accepted": 20, "finished": 11, "refused": 8, "garbage": 7, "stale_reports": 9},
    "store": {
      "bytes": 1536,
      "last_commit": "2026-01-31T11:59:56.800000Z",
      "full_since": "2026-01-31T11:59:00.000000Z",
      "failed": {"at": "2026-01-31T10:00:00.000000Z", "reason": "disk\u001b error"},
      "maintenance": "backup",
      "maintenance_percent": 43
    },
    "limits": [{"name": "max_jobs", "used": 81, "most": 100}, {"name": "max_clients", "used": 1, "most": 100}]})"));
}

TEST_CASE("M5 an explanation has the documented shape") {
  Explanation explanation;
  explanation.id = sample_job().id;
  explanation.state = State::pending;
  explanation.reasons = {{"rate", "for people\xff", "mail", kSampleNow, {explanation.id}, 12},
                         {"disk", "full"}};
  CHECK(to_json(explanation) == Json{{"id", explanation.id.text()},
                                     {"state", "pending"},
                                     {"reasons",
                                      {{{"code", "rate"},
                                        {"text", "for people\xef\xbf\xbd"},
                                        {"subject", "mail"},
                                        {"until", "2026-01-31T12:00:00.000000Z"},
                                        {"jobs", Json::array({explanation.id.text()})},
                                        {"count", 12}},
                                       {{"code", "disk"},
                                        {"text", "full"},
                                        {"subject", nullptr},
                                        {"until", nullptr},
                                        {"jobs", Json::array()},
                                        {"count", 0}}}}});
}

TEST_CASE("M5 nothing that is done to the store is null") {
  StatusView status = sample_status();
  status.maintenance.clear();
  CHECK(to_json(status)["store"]["maintenance"].is_null());
  CHECK(to_json(status)["store"]["maintenance_percent"].is_null());
}

TEST_CASE("M5 what came of work on the store has the documented shape") {
  CHECK(to_json(sample_report(StoreTask::check)) == Json::parse(R"({
    "task": "check", "took_ms": 1500, "bytes": 1536, "jobs": 1, "names": 2, "tombstones": 3, "results": 4,
    "result_files": 5, "damages": 21, "damage": ["the first\ufffd"]})"));
  CHECK(to_json(sample_report(StoreTask::backup)) == Json::parse(R"({
    "task": "backup", "took_ms": 1500, "bytes": 1536, "path": "/mnt/\ufffd", "jobs": 1, "names": 2, "tombstones": 3,
    "results": 4, "result_files": 5, "damages": 21, "damage": ["the first\ufffd"]})"));
  CHECK(to_json(sample_report(StoreTask::compact)) ==
        Json::parse(R"({"task": "compact", "took_ms": 1500, "bytes": 1536, "bytes_before": 4096})"));
}

TEST_CASE("M5 what came of a reload has the documented shape") {
  CHECK(to_json(sample_reload()) == Json::parse(R"({
    "added": ["new"], "removed": ["old"], "replaced": ["docs"], "adjusted": ["mail"], "changed": ["limits.max_jobs"],
    "needs_restart": ["daemon.user"]})"));
}

void collect_keys(const Json& json, std::set<std::string>& keys) {
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) {
      keys.insert(key);
      collect_keys(value, keys);
    }
  } else if (json.is_array()) {
    for (const Json& item : json) collect_keys(item, keys);
  }
}

std::string page() {
  std::ifstream in(PROMISED_CTL_DOCS);
  REQUIRE(in.good());
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST_CASE("M5 what docs/promisectl.md shows as JSON is JSON, a document or one a line") {
  const std::string text = page();
  const std::string fence = "```json\n";
  std::size_t blocks = 0;
  for (std::size_t at = text.find(fence); at != std::string::npos; at = text.find(fence, at)) {
    at += fence.size();
    const std::string block = text.substr(at, text.find("```", at) - at);
    ++blocks;
    if (Json::accept(block)) continue;
    std::istringstream lines(block);
    for (std::string line; std::getline(lines, line);) {
      CAPTURE(line);
      CHECK(Json::accept(line));
    }
  }
  CHECK(blocks > 10);
}

TEST_CASE("M5 every key of the JSON shapes is in docs/promisectl.md") {
  const std::string text = page();
  std::set<std::string> keys;
  collect_keys(to_json(sample_status()), keys);
  collect_keys(to_json(sample_job()), keys);
  for (const StoreTask task : {StoreTask::check, StoreTask::backup, StoreTask::compact})
    collect_keys(to_json(sample_report(task)), keys);
  collect_keys(to_json(sample_reload()), keys);
  REQUIRE(keys.size() > 50);
  for (const std::string& key : keys) {
    CAPTURE(key);
    CHECK(text.find("\"" + key + "\"") != std::string::npos);
  }
}

}  // namespace
}  // namespace promised::cli
