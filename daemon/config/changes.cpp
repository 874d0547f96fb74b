// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/changes.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace promised::config {
namespace {

/// The section with this name; null if there is none.
template <class T>
const T* find(const std::vector<T>& all, const std::string& name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const T& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

void compare_pools(const std::vector<PoolSettings>& before, const std::vector<PoolSettings>& after,
                   ReloadReport& report) {
  for (const PoolSettings& pool : before) {
    if (find(after, pool.name) == nullptr) report.removed.push_back(pool.name);
  }
  for (const PoolSettings& pool : after) {
    const PoolSettings* known = find(before, pool.name);
    if (known == nullptr) {
      report.added.push_back(pool.name);
      continue;
    }
    const PoolChange change = compare(*known, pool);
    if (change == PoolChange::process) report.replaced.push_back(pool.name);
    if (change == PoolChange::policy) report.adjusted.push_back(pool.name);
  }
}

/// A command is in force, or is not, with the next outcome.
void take_commands(std::vector<CommandSettings>& current, const std::vector<CommandSettings>& next,
                   ReloadReport& report) {
  const auto has = [](const std::vector<CommandSettings>& list, const std::string& name) {
    return std::any_of(list.begin(), list.end(), [&](const CommandSettings& c) { return c.name == name; });
  };
  for (const CommandSettings& command : next) {
    if (std::find(current.begin(), current.end(), command) == current.end())
      report.changed.push_back("command." + command.name);
  }
  for (const CommandSettings& command : current) {
    if (!has(next, command.name)) report.changed.push_back("command." + command.name);
  }
  current = next;
}

/// The keys of one section.
class Keys {
 public:
  Keys(std::string section, ReloadReport& report) : section_(std::move(section)), report_(report) {}

  template <class T>
  Keys& take(const char* key, T& current, const T& next) {
    if (!(current == next)) {
      current = next;
      report_.changed.push_back(section_ + key);
    }
    return *this;
  }
  template <class T>
  Keys& keep(const char* key, const T& current, const T& next) {
    if (!(current == next)) report_.needs_restart.push_back(section_ + key);
    return *this;
  }

 private:
  std::string section_;
  ReloadReport& report_;
};

void take_limits(Limits& current, const Limits& next, ReloadReport& report) {
  // Those that are kept are known elsewhere: to the door, to clients, to workers that are there.
  Keys("limits.", report)
      .keep("max_message", current.max_message, next.max_message)
      .keep("max_result", current.max_result, next.max_result)
      .keep("max_unread", current.max_unread, next.max_unread)
      .take("max_jobs", current.max_jobs, next.max_jobs)
      .take("max_jobs_per_owner", current.max_jobs_per_owner, next.max_jobs_per_owner)
      .take("max_bytes", current.max_bytes, next.max_bytes)
      .take("max_bytes_per_owner", current.max_bytes_per_owner, next.max_bytes_per_owner)
      .take("max_remembered", current.max_remembered, next.max_remembered)
      .take("max_remembered_per_owner", current.max_remembered_per_owner, next.max_remembered_per_owner)
      .take("max_clients", current.max_clients, next.max_clients)
      .keep("max_clients_per_owner", current.max_clients_per_owner, next.max_clients_per_owner)
      .take("max_watches", current.max_watches, next.max_watches)
      .take("max_watches_per_owner", current.max_watches_per_owner, next.max_watches_per_owner)
      .keep("max_in_memory", current.max_in_memory, next.max_in_memory)
      .take("max_queues", current.max_queues, next.max_queues)
      .take("max_unwritten", current.max_unwritten, next.max_unwritten)
      .take("max_name", current.max_name, next.max_name)
      .keep("max_notes", current.max_notes, next.max_notes)
      .keep("max_parts", current.max_parts, next.max_parts)
      .take("default_lifespan", current.default_lifespan, next.default_lifespan)
      .take("max_lifespan", current.max_lifespan, next.max_lifespan)
      .take("keep_unfetched", current.keep_unfetched, next.keep_unfetched)
      .take("keep_tombstones", current.keep_tombstones, next.keep_tombstones)
      .keep("max_tombstones", current.max_tombstones, next.max_tombstones)
      .take("allow_forever", current.allow_forever, next.allow_forever)
      .take("max_interruptions", current.max_interruptions, next.max_interruptions)
      .take("max_crashes", current.max_crashes, next.max_crashes)
      .take("max_waiting", current.max_waiting, next.max_waiting)
      .take("max_subscriptions", current.max_subscriptions, next.max_subscriptions)
      .take("max_subscriptions_per_owner", current.max_subscriptions_per_owner,
            next.max_subscriptions_per_owner)
      .take("max_events", current.max_events, next.max_events)
      .take("max_members", current.max_members, next.max_members)
      .take("max_callbacks", current.max_callbacks, next.max_callbacks)
      .keep("max_output", current.max_output, next.max_output);
}

/// Sections that come or go are told as a whole, those that stay by their keys.
template <class T, class Compare>
void take_named(const std::string& kind, std::vector<T>& current, const std::vector<T>& next,
                ReloadReport& report, Compare compare) {
  for (const T& one : current) {
    if (find(next, one.name) == nullptr) report.changed.push_back(kind + one.name);
  }
  for (const T& one : next) {
    if (const T* before = find(current, one.name); before == nullptr) {
      report.changed.push_back(kind + one.name);
    } else {
      T taken = *before;
      compare(Keys(kind + one.name + ".", report), taken, one);
    }
  }
  current = next;
}

void take_queues(Settings& current, const Settings& next, ReloadReport& report) {
  take_named("queue.", current.queues, next.queues, report,
             [](Keys keys, QueueSettings& before, const QueueSettings& after) {
               keys.take("weight", before.weight, after.weight)
                   .take("ageing", before.ageing, after.ageing)
                   .take("rate", before.rate, after.rate)
                   .take("max_length", before.max_length, after.max_length)
                   .take("hold", before.hold, after.hold)
                   .take("paused", before.paused, after.paused);
             });
  take_named("quota.", current.quotas, next.quotas, report,
             [](Keys keys, QuotaSettings& before, const QuotaSettings& after) {
               keys.take("size", before.size, after.size);
             });
}

}  // namespace

ReloadReport apply_changes(Settings& current, const Settings& next) {
  ReloadReport report;
  compare_pools(current.pools, next.pools, report);
  current.pools = next.pools;
  Keys("daemon.", report)
      .keep("endpoint", current.endpoint, next.endpoint)
      .keep("endpoint_mode", current.endpoint_mode, next.endpoint_mode)
      .keep("state_dir", current.state_dir, next.state_dir)
      .keep("large_result", current.large_result, next.large_result)
      .keep("user", current.user, next.user)
      .take("log_level", current.log_level, next.log_level)
      .take("stop_grace", current.stop_grace, next.stop_grace);
  Keys("access.", report)
      .take("users", current.access.users, next.access.users)
      .take("groups", current.access.groups, next.access.groups)
      .take("everyone", current.access.everyone, next.access.everyone)
      .take("admins", current.access.admins, next.access.admins)
      .take("shared", current.access.shared, next.access.shared);
  take_limits(current.limits, next.limits, report);
  take_queues(current, next, report);
  take_commands(current.commands, next.commands, report);
  return report;
}

}  // namespace promised::config
