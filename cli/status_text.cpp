// SPDX-License-Identifier: Apache-2.0
#include "cli/status_text.hpp"

#include <array>
#include <cstdio>
#include <string>

#include "cli/table.hpp"
#include "cli/times.hpp"
#include "common/printable.hpp"
#include "common/units.hpp"

namespace promised::cli {
namespace {

std::string jobs_line(const StatusView& s) {
  std::string text;
  for (std::size_t i = 1; i < s.jobs_by_state.size() && i <= static_cast<std::size_t>(State::expired); ++i) {
    const auto state = static_cast<State>(i);
    const bool always = state == State::pending || state == State::running;
    if (s.jobs_by_state[i] == 0 && !always) continue;
    text +=
        (text.empty() ? "" : ", ") + std::to_string(s.jobs_by_state[i]) + " " + std::string(to_string(state));
  }
  return text + (s.remembered == 0 ? "" : "; " + std::to_string(s.remembered) + " remembered");
}

std::string percentiles(const PercentilesView& p) {
  return p.count == 0 ? "-" : "p50 " + brief(p.p50) + ", p95 " + brief(p.p95);
}

std::string per_second(double rate) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.1f jobs/s", rate);
  return text.data();
}

std::string maintenance(const StatusView& s) {
  return s.maintenance.empty() ? ""
                               : "; " + s.maintenance + ", " + std::to_string(s.maintenance_percent) + " %";
}

void print_summary(std::ostream& out, const StatusView& s, WallClock now) {
  out << "promised " << printable(s.version) << ": " << printable(s.health) << ", up " << brief(s.uptime)
      << ", pid " << s.pid << '\n';
  for (const std::string& problem : s.problems) out << "  ! " << printable(problem) << '\n';
  Table table;
  table.add({"endpoint",
             s.endpoint + ", " + std::to_string(s.clients) + (s.clients == 1 ? " client" : " clients")});
  table.add({"store", s.state_dir + ", " + brief_size(s.store_bytes) + ", last commit " +
                          relative(s.last_commit, now) + maintenance(s)});
  if (s.store_failed_at != WallClock())
    table.add({"", "the store failed at " + format_time(s.store_failed_at) + ": " + s.store_failure});
  if (!s.pools.empty() && !s.pools.front().containment.empty())
    table.add({"workers", "held by " + s.pools.front().containment});
  table.add({"jobs", jobs_line(s)});
  table.add({"last minute", per_second(s.finished_per_second) + "; waited " + percentiles(s.waited) +
                                "; ran " + percentiles(s.ran)});
  std::string since = std::to_string(s.accepted) + " accepted, " + std::to_string(s.finished) + " finished";
  if (s.refused != 0) since += ", " + std::to_string(s.refused) + " refused";
  if (s.garbage != 0) since += ", " + std::to_string(s.garbage) + " garbage messages";
  if (s.stale_reports != 0) since += ", " + std::to_string(s.stale_reports) + " stale reports";
  table.add({"since start", since});
  table.print(out);
}

/// Their names; of many only how many there are and the first, for the line to stay one. JSON has them all.
std::string functions_line(const PoolView& pool) {
  constexpr std::size_t kMostNames = 4;
  constexpr std::size_t kMostColumns = 48;
  std::string text;
  std::size_t shown = 0;
  for (; shown < pool.functions.size() && shown < kMostNames; ++shown) {
    const std::string name = (shown == 0 ? "" : ", ") + printable(pool.functions[shown].name);
    if (shown != 0 && columns(text) + columns(name) > kMostColumns) break;
    text += name;
  }
  if (shown == pool.functions.size()) return text;
  return std::to_string(pool.functions.size()) + ": " + text + ", ...";
}

/// Those that serve, of how many: `2/2`, or by load `3/2..8`; and those that leave.
std::string workers(const PoolView& pool) {
  std::string text = std::to_string(pool.workers) + "/";
  text += pool.size_min < pool.size_max ? std::to_string(pool.size_min) + ".." + std::to_string(pool.size_max)
                                        : std::to_string(pool.size);
  if (pool.waiting > 0) text += ", " + std::to_string(pool.waiting) + " waiting";
  return text + (pool.draining == 0 ? "" : ", " + std::to_string(pool.draining) + " leaving");
}

void print_pools(std::ostream& out, const StatusView& s) {
  if (s.pools.empty()) {
    out << "\nno pools: every submission is refused\n";
    return;
  }
  Table table({"POOL", "STATE", "WORKERS", "BUSY", "CRASHES", "FINISHED", "FUNCTIONS"});
  for (const PoolView& pool : s.pools) {
    table.add({pool.name, pool.state, workers(pool), std::to_string(pool.busy), std::to_string(pool.crashes),
               std::to_string(pool.finished), functions_line(pool)});
    if (pool.reason.empty()) continue;
    table.note(pool.reason + (pool.retry_in.count() == 0 ? "" : "; next try in " + brief(pool.retry_in)));
  }
  out << '\n';
  table.print(out);
}

/// What is special about how it is served.
std::string served(const QueueView& queue) {
  std::string text;
  const auto add = [&](const std::string& word) { text += (text.empty() ? "" : ", ") + word; };
  if (queue.paused) add("paused");
  if (queue.draining) add("draining");
  if (queue.weight != 1) add("weight " + std::to_string(queue.weight));
  if (queue.rate.limits()) add("rate " + format_rate(queue.rate));
  if (queue.next_in.count() != 0) add("next in " + brief(queue.next_in));
  if (queue.ageing.count() != 0) add("ageing " + format_duration(queue.ageing));
  if (queue.max_length != 0) add("max_length " + std::to_string(queue.max_length));
  if (queue.holds) add("hold");
  return text;
}

/// Those of which more than four fifths are used.
void print_limits(std::ostream& out, const StatusView& s) {
  Table table({"LIMIT NEAR", "USED", "MOST"});
  for (const LimitView& l : s.limits) {
    if (l.used > l.most / 5 * 4) table.add({l.name, std::to_string(l.used), std::to_string(l.most)});
  }
  if (table.empty()) return;
  out << '\n';
  table.print(out);
}

}  // namespace

void print_queues(std::ostream& out, const std::vector<QueueView>& queues) {
  Table table({"QUEUE", "LENGTH", "RUNNING", "OLDEST", "SERVED"});
  for (const QueueView& q : queues) {
    table.add({q.name, std::to_string(q.length), std::to_string(q.running),
               q.length == 0 ? "-" : brief(q.oldest), served(q)});
  }
  if (!table.empty()) table.print(out);
}

void print_quotas(std::ostream& out, const std::vector<QuotaView>& quotas) {
  Table table({"QUOTA", "SIZE", "RUNNING"});
  for (const QuotaView& q : quotas) table.add({q.name, std::to_string(q.size), std::to_string(q.running)});
  if (!table.empty()) table.print(out);
}

void print_status(std::ostream& out, const StatusView& status, WallClock now) {
  print_summary(out, status, now);
  print_pools(out, status);
  if (!status.queues.empty()) out << '\n';
  print_queues(out, status.queues);
  if (!status.quotas.empty()) out << '\n';
  print_quotas(out, status.quotas);
  print_limits(out, status);
}

}  // namespace promised::cli
