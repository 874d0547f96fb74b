// SPDX-License-Identifier: Apache-2.0
// The status page, and what came of work on the store, on the wire.
#include <proto/client.pb.h>

#include <chrono>
#include <utility>

#include "common/wire/nouns.hpp"
#include "common/wire/replies.hpp"

namespace promised::wire {
namespace {

std::uint64_t count(auto duration) {
  return static_cast<std::uint64_t>(duration.count());
}

void fill(const PoolView& in, proto::Reply::Pool& out) {
  out.set_name(in.name);
  out.set_program(in.program);
  out.set_state(in.state);
  out.set_reason(in.reason);
  out.set_size(in.size);
  out.set_workers(in.workers);
  out.set_busy(in.busy);
  out.set_crashes(in.crashes);
  out.set_finished(in.finished);
  out.set_retry_in_ms(count(in.retry_in));
  out.set_containment(in.containment);
  out.set_isolation(static_cast<std::uint32_t>(in.isolation));
  out.set_size_min(in.size_min);
  out.set_size_max(in.size_max);
  out.set_draining(in.draining);
  out.set_waiting(in.waiting);
  for (const FunctionView& function : in.functions) {
    auto& f = *out.add_functions();
    f.set_name(function.name);
    f.set_signature(function.signature);
  }
}

PoolView take(proto::Reply::Pool& in, Fields& fields) {
  PoolView view;
  view.name = fields.text("pools.name", in.mutable_name());
  view.program = Fields::prose(in.mutable_program());
  view.state = fields.text("pools.state", in.mutable_state());
  view.reason = Fields::prose(in.mutable_reason());
  view.size = in.size();
  view.workers = in.workers();
  view.busy = in.busy();
  view.crashes = in.crashes();
  view.finished = in.finished();
  view.retry_in = fields.millis("pools.retry_in", in.retry_in_ms());
  view.containment = fields.text("pools.containment", in.mutable_containment());
  view.isolation = fields.isolation("pools.isolation", in.isolation());
  view.size_min = in.size_min();
  view.size_max = in.size_max();
  view.draining = in.draining();
  view.waiting = in.waiting();
  for (auto& function : *in.mutable_functions()) {
    std::string name = fields.text("pools.functions.name", function.mutable_name());
    view.functions.push_back({std::move(name), Fields::prose(function.mutable_signature())});
  }
  return view;
}

void fill(const QueueView& in, proto::Reply::Queue& out) {
  out.set_name(in.name);
  out.set_length(in.length);
  out.set_oldest_ms(count(in.oldest));
  out.set_running(in.running);
  out.set_paused(in.paused);
  out.set_draining(in.draining);
  out.set_weight(in.weight);
  if (in.rate.limits()) wire::fill(in.rate, *out.mutable_rate());
  out.set_next_in_ms(count(in.next_in));
  out.set_ageing_ms(count(in.ageing));
  out.set_max_length(in.max_length);
  out.set_holds(in.holds);
}

QueueView take(proto::Reply::Queue& in, Fields& fields) {
  QueueView view;
  view.name = fields.text("queues.name", in.mutable_name());
  view.length = in.length();
  view.oldest = fields.millis("queues.oldest", in.oldest_ms());
  view.running = in.running();
  view.paused = in.paused();
  view.draining = in.draining();
  view.weight = in.weight();
  if (in.has_rate()) view.rate = take(in.rate(), fields);
  view.next_in = fields.millis("queues.next_in", in.next_in_ms());
  view.ageing = fields.millis("queues.ageing", in.ageing_ms());
  view.max_length = in.max_length();
  view.holds = in.holds();
  return view;
}

void fill(const QuotaView& in, proto::Reply::Quota& out) {
  out.set_name(in.name);
  out.set_size(in.size);
  out.set_running(in.running);
}

QuotaView take(proto::Reply::Quota& in, Fields& fields) {
  return {fields.text("quotas.name", in.mutable_name()), in.size(), in.running()};
}

void fill(const PercentilesView& in, proto::Reply::Percentiles& out) {
  out.set_p50_us(count(in.p50));
  out.set_p95_us(count(in.p95));
  out.set_count(in.count);
}

PercentilesView take(const proto::Reply::Percentiles& in, Fields& fields) {
  return {fields.micros("p50", in.p50_us()), fields.micros("p95", in.p95_us()), in.count()};
}

}  // namespace

void fill(const StatusView& in, proto::Reply_Status& out) {
  out.set_version(in.version);
  out.set_uptime_ms(count(in.uptime));
  out.set_pid(in.pid);
  out.set_health(in.health);
  for (const std::string& problem : in.problems) out.add_problems(problem);
  out.mutable_jobs_by_state()->Add(in.jobs_by_state.begin(), in.jobs_by_state.end());
  for (const PoolView& pool : in.pools) fill(pool, *out.add_pools());
  for (const QueueView& queue : in.queues) fill(queue, *out.add_queues());
  fill(in.waited, *out.mutable_waited());
  fill(in.ran, *out.mutable_ran());
  out.set_finished(in.finished);
  out.set_accepted(in.accepted);
  out.set_finished_per_second(in.finished_per_second);
  out.set_store_bytes(in.store_bytes);
  out.set_last_commit_us(in.last_commit.time_since_epoch().count());
  out.set_state_dir(in.state_dir);
  out.set_clients(in.clients);
  out.set_garbage(in.garbage);
  out.set_refused(in.refused);
  out.set_stale_reports(in.stale_reports);
  for (const LimitView& limit : in.limits) {
    auto& l = *out.add_limits();
    l.set_name(limit.name);
    l.set_used(limit.used);
    l.set_most(limit.most);
  }
  out.set_remembered(in.remembered);
  out.set_endpoint(in.endpoint);
  out.set_maintenance(in.maintenance);
  out.set_maintenance_percent(in.maintenance_percent);
  out.set_full_since_us(in.full_since.time_since_epoch().count());
  out.set_store_failed_us(in.store_failed_at.time_since_epoch().count());
  out.set_store_failure(in.store_failure);
  for (const QuotaView& quota : in.quotas) fill(quota, *out.add_quotas());
}

StatusView take(proto::Reply_Status& in, Fields& fields) {
  StatusView view;
  view.version = Fields::prose(in.mutable_version());
  view.uptime = fields.millis("uptime", in.uptime_ms());
  view.pid = in.pid();
  view.health = fields.text("health", in.mutable_health());
  for (std::string& problem : *in.mutable_problems()) view.problems.push_back(Fields::prose(&problem));
  view.jobs_by_state.assign(in.jobs_by_state().begin(), in.jobs_by_state().end());
  for (auto& pool : *in.mutable_pools()) view.pools.push_back(take(pool, fields));
  for (auto& queue : *in.mutable_queues()) view.queues.push_back(take(queue, fields));
  view.waited = take(in.waited(), fields);
  view.ran = take(in.ran(), fields);
  view.finished = in.finished();
  view.accepted = in.accepted();
  view.finished_per_second = in.finished_per_second();
  view.store_bytes = in.store_bytes();
  view.last_commit = WallClock(std::chrono::microseconds(in.last_commit_us()));
  view.state_dir = Fields::prose(in.mutable_state_dir());
  view.clients = in.clients();
  view.garbage = in.garbage();
  view.refused = in.refused();
  view.stale_reports = in.stale_reports();
  for (auto& limit : *in.mutable_limits()) {
    std::string name = fields.text("limits.name", limit.mutable_name());
    view.limits.push_back({std::move(name), limit.used(), limit.most()});
  }
  view.remembered = in.remembered();
  view.endpoint = Fields::prose(in.mutable_endpoint());
  view.maintenance = fields.text("maintenance", in.mutable_maintenance());
  view.maintenance_percent = in.maintenance_percent();
  view.full_since = WallClock(std::chrono::microseconds(in.full_since_us()));
  view.store_failed_at = WallClock(std::chrono::microseconds(in.store_failed_us()));
  view.store_failure = Fields::prose(in.mutable_store_failure());
  for (auto& quota : *in.mutable_quotas()) view.quotas.push_back(take(quota, fields));
  return view;
}

void fill(const StoreReport& in, proto::Reply_StoreReport& out) {
  out.set_task(static_cast<std::uint32_t>(in.task));
  out.set_path(in.path);
  out.set_jobs(in.jobs);
  out.set_names(in.names);
  out.set_tombstones(in.tombstones);
  out.set_results(in.results);
  out.set_result_files(in.result_files);
  out.set_bytes(in.bytes);
  out.set_bytes_before(in.bytes_before);
  out.set_took_ms(count(in.took));
  out.set_damages(in.damages);
  for (const std::string& sentence : in.damage) out.add_damage(sentence);
}

StoreReport take(proto::Reply_StoreReport& in, Fields& fields) {
  StoreReport report;
  report.task = fields.store_task("task", in.task());
  report.path = Fields::prose(in.mutable_path());
  report.jobs = in.jobs();
  report.names = in.names();
  report.tombstones = in.tombstones();
  report.results = in.results();
  report.result_files = in.result_files();
  report.bytes = in.bytes();
  report.bytes_before = in.bytes_before();
  report.took = fields.millis("took", in.took_ms());
  report.damages = in.damages();
  for (std::string& sentence : *in.mutable_damage()) report.damage.push_back(Fields::prose(&sentence));
  return report;
}

}  // namespace promised::wire
