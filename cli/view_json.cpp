// SPDX-License-Identifier: Apache-2.0
#include "cli/view_json.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <promised/stream.hpp>
#include <string>

#include "cli/times.hpp"
#include "cli/value_json.hpp"
#include "common/printable.hpp"
#include "common/units.hpp"

namespace promised::cli {
namespace {

using Json = nlohmann::ordered_json;

Json time_json(WallClock time) {
  return time == WallClock() ? Json(nullptr) : Json(rfc3339(time));
}

/// Null where there is nothing.
Json text_json(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(valid_utf8(text));
}

/// Null: it has told none, or does not know.
Json progress_json(const JobView& job) {
  return job.progress && !std::isnan(*job.progress) ? Json(*job.progress) : Json(nullptr);
}

Json notes_json(const JobView& job) {
  Json notes = Json::object();
  for (const NoteView& note : job.notes) notes[valid_utf8(note.key)] = to_json(value_of(note));
  return notes;
}

Json ids_json(const std::vector<JobId>& ids) {
  Json texts = Json::array();
  for (const JobId& id : ids) texts.push_back(id.text());
  return texts;
}

Json quotas_json(const std::vector<QuotaUse>& quotas) {
  Json uses = Json::array();
  for (const auto& [name, most] : quotas)
    uses.push_back({{"name", valid_utf8(name)}, {"most", most == 0 ? Json(nullptr) : Json(most)}});
  return uses;
}

Json lifespan_json(std::chrono::milliseconds lifespan) {
  return lifespan == kForever ? Json("forever") : Json(lifespan.count());
}

Json percentiles_json(const PercentilesView& p) {
  return {{"p50_us", p.p50.count()}, {"p95_us", p.p95.count()}, {"count", p.count}};
}

Json pool_json(const PoolView& pool) {
  Json functions = Json::array();
  for (const FunctionView& f : pool.functions) {
    functions.push_back({{"name", valid_utf8(f.name)}, {"signature", valid_utf8(f.signature)}});
  }
  return {{"name", valid_utf8(pool.name)},
          {"program", valid_utf8(pool.program)},
          {"state", valid_utf8(pool.state)},
          {"reason", text_json(pool.reason)},
          {"retry_in_ms", pool.retry_in.count()},
          {"size", pool.size},
          {"workers", pool.workers},
          {"busy", pool.busy},
          {"crashes", pool.crashes},
          {"finished", pool.finished},
          {"isolation", to_string(pool.isolation)},
          {"functions", std::move(functions)},
          {"containment", text_json(pool.containment)},
          {"size_min", pool.size_min},
          {"size_max", pool.size_max},
          {"draining", pool.draining},
          {"waiting", pool.waiting}};
}

Json states_json(const StatusView& status) {
  Json states = Json::object();
  for (std::size_t i = 0; i < status.jobs_by_state.size(); ++i) {
    if (i > static_cast<std::size_t>(State::expired) || i == 0) continue;  // the others are no states of jobs
    states[std::string(to_string(static_cast<State>(i)))] = status.jobs_by_state[i];
  }
  return states;
}

Json store_json(const StatusView& s) {
  Json failed;
  if (s.store_failed_at != WallClock())
    failed = {{"at", time_json(s.store_failed_at)}, {"reason", valid_utf8(s.store_failure)}};
  return {{"bytes", s.store_bytes},
          {"last_commit", time_json(s.last_commit)},
          {"full_since", time_json(s.full_since)},
          {"failed", std::move(failed)},
          {"maintenance", text_json(s.maintenance)},
          {"maintenance_percent", s.maintenance.empty() ? Json(nullptr) : Json(s.maintenance_percent)}};
}

}  // namespace

nlohmann::ordered_json to_json(const Failure& f) {
  return {{"cause", to_string(f.cause)},
          {"type", text_json(f.type)},
          {"message", valid_utf8(f.message)},
          {"limit", text_json(f.limit)},
          {"signal", f.signal},
          {"exit_code", f.exit_code},
          {"attempt", f.attempt},
          {"pid", f.pid},
          {"ran_us", std::chrono::duration_cast<std::chrono::microseconds>(f.ran).count()},
          {"user_us", std::chrono::duration_cast<std::chrono::microseconds>(f.user).count()},
          {"system_us", std::chrono::duration_cast<std::chrono::microseconds>(f.system).count()},
          {"peak_memory", f.peak_memory},
          {"output", valid_utf8(f.output)},
          {"backtrace", text_json(f.backtrace)}};
}

nlohmann::ordered_json to_json(const JobView& job) {
  return {{"id", job.id.text()},
          {"state", to_string(job.state)},
          {"function", valid_utf8(job.function)},
          {"name", text_json(job.name)},
          {"queue", valid_utf8(job.queue)},
          {"priority", job.priority},
          {"pool", text_json(job.pool)},
          {"reason", text_json(job.reason)},
          {"failure", job.failure.cause == Cause::none ? Json(nullptr) : to_json(job.failure)},
          {"owner", job.owner},
          {"durable", job.durability == Durability::durable},
          {"at_most_once", job.at_most_once},
          {"attempts", job.attempts},
          {"interruptions", job.interruptions},
          {"worker_pid", job.worker_pid == 0 ? Json(nullptr) : Json(job.worker_pid)},
          {"arguments_size", job.arguments_size},
          {"result_size", job.result_size},
          {"lifespan_ms", job.remembered ? lifespan_json(job.lifespan) : Json(nullptr)},
          {"queue_timeout_ms", job.timeout.count()},
          {"run_timeout_ms", job.run_timeout.count()},
          {"progress", progress_json(job)},
          {"progress_message", text_json(job.progress_message)},
          {"notes", notes_json(job)},
          {"parts", job.parts},
          {"parts_size", job.parts_size},
          {"output_size", job.output_size},
          {"submitted", time_json(job.submitted)},
          {"started", time_json(job.started)},
          {"ended", time_json(job.ended)},
          {"kept_until", time_json(job.kept_until)},
          {"crashes", job.crashes},
          {"last_failure", job.last_failure.cause == Cause::none ? Json(nullptr) : to_json(job.last_failure)},
          {"progress_timeout_ms", job.progress_timeout.count()},
          {"deadline_ms", job.deadline.count()},
          {"retry_on", job.retry_on == Retry::crash ? Json::array({"crash"}) : Json::array()},
          {"waits_for", ids_json(job.waits_for)},
          {"quotas", quotas_json(job.quotas)}};
}

nlohmann::ordered_json to_json(const StatusView& s) {
  Json problems = Json::array(), pools = Json::array(), limits = Json::array();
  for (const std::string& problem : s.problems) problems.push_back(valid_utf8(problem));
  for (const PoolView& pool : s.pools) pools.push_back(pool_json(pool));
  for (const LimitView& l : s.limits) {
    limits.push_back({{"name", valid_utf8(l.name)}, {"used", l.used}, {"most", l.most}});
  }
  return {{"health", valid_utf8(s.health)},
          {"problems", std::move(problems)},
          {"version", valid_utf8(s.version)},
          {"pid", s.pid},
          {"uptime_ms", s.uptime.count()},
          {"endpoint", valid_utf8(s.endpoint)},
          {"state_dir", valid_utf8(s.state_dir)},
          {"clients", s.clients},
          {"jobs", states_json(s)},
          {"remembered", s.remembered},
          {"pools", std::move(pools)},
          {"queues", to_json(s.queues)},
          {"quotas", to_json(s.quotas)},
          {"last_minute",
           {{"finished_per_second", s.finished_per_second},
            {"waited", percentiles_json(s.waited)},
            {"ran", percentiles_json(s.ran)}}},
          {"since_start",
           {{"accepted", s.accepted},
            {"finished", s.finished},
            {"refused", s.refused},
            {"garbage", s.garbage},
            {"stale_reports", s.stale_reports}}},
          {"store", store_json(s)},
          {"limits", std::move(limits)}};
}

nlohmann::ordered_json to_json(const std::vector<QueueView>& queues) {
  Json list = Json::array();
  for (const QueueView& q : queues) {
    list.push_back({{"name", valid_utf8(q.name)},
                    {"length", q.length},
                    {"oldest_ms", q.oldest.count()},
                    {"running", q.running},
                    {"paused", q.paused},
                    {"draining", q.draining},
                    {"weight", q.weight},
                    {"rate", q.rate.limits() ? Json(format_rate(q.rate)) : Json(nullptr)},
                    {"next_in_ms", q.next_in.count()},
                    {"ageing_ms", q.ageing.count()},
                    {"max_length", q.max_length},
                    {"hold", q.holds}});
  }
  return list;
}

nlohmann::ordered_json to_json(const std::vector<QuotaView>& quotas) {
  Json list = Json::array();
  for (const QuotaView& q : quotas)
    list.push_back({{"name", valid_utf8(q.name)}, {"size", q.size}, {"running", q.running}});
  return list;
}

nlohmann::ordered_json to_json(const Explanation& e) {
  Json reasons = Json::array();
  for (const WaitReason& r : e.reasons) {
    reasons.push_back({{"code", valid_utf8(r.code)},
                       {"text", valid_utf8(r.text)},
                       {"subject", text_json(r.subject)},
                       {"until", time_json(r.until)},
                       {"jobs", ids_json(r.jobs)},
                       {"count", r.count}});
  }
  return {{"id", e.id.text()}, {"state", to_string(e.state)}, {"reasons", std::move(reasons)}};
}

nlohmann::ordered_json to_json(const ReloadReport& r) {
  const auto list = [](const std::vector<std::string>& words) {
    Json array = Json::array();
    for (const std::string& word : words) array.push_back(valid_utf8(word));
    return array;
  };
  return {{"added", list(r.added)},       {"removed", list(r.removed)},
          {"replaced", list(r.replaced)}, {"adjusted", list(r.adjusted)},
          {"changed", list(r.changed)},   {"needs_restart", list(r.needs_restart)}};
}

nlohmann::ordered_json to_json(const StoreReport& r) {
  Json document = {{"task", to_string(r.task)}, {"took_ms", r.took.count()}, {"bytes", r.bytes}};
  if (r.task == StoreTask::compact) {
    document["bytes_before"] = r.bytes_before;
    return document;
  }
  if (r.task == StoreTask::backup) document["path"] = valid_utf8(r.path);
  Json damage = Json::array();
  for (const std::string& sentence : r.damage) damage.push_back(valid_utf8(sentence));
  document.update({{"jobs", r.jobs},
                   {"names", r.names},
                   {"tombstones", r.tombstones},
                   {"results", r.results},
                   {"result_files", r.result_files},
                   {"damages", r.damages},
                   {"damage", std::move(damage)}});
  return document;
}

}  // namespace promised::cli
