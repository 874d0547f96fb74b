// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/steering.hpp"

#include <algorithm>
#include <utility>

#include "common/glob.hpp"

namespace promised {
namespace {

/// Calls `f` with each key, as a pointer to its member.
template <class F>
void each_key(F&& f) {
  f(&QueueChange::paused);
  f(&QueueChange::draining);
  f(&QueueChange::weight);
  f(&QueueChange::rate);
  f(&QueueChange::max_length);
}

/// Keeps of what was said only what differs from `now`, and was said over the same.
void drop_outdated(SteeredQueue& queue, const QueueChange& now) {
  each_key([&](auto key) {
    const bool holds = queue.said.*key && queue.configured.*key == now.*key && queue.said.*key != now.*key;
    if (holds) return;
    (queue.said.*key).reset();
    (queue.configured.*key).reset();
  });
}

}  // namespace

Steering::Steering(const Settings& settings) : settings_(settings) {
  static_cast<void>(configure());
}

const QueueSettings* Steering::configured(std::string_view queue) const {
  if (const auto exact = by_name_.find(queue); exact != by_name_.end()) return &exact->second;
  const auto glob = std::find_if(globs_.begin(), globs_.end(), [&](const QueueSettings& settings) {
    return glob_matches(settings.name, queue);
  });
  return glob == globs_.end() ? nullptr : &*glob;
}

QueueRule Steering::rule(std::string_view queue) const {
  QueueRule rule;
  if (const QueueSettings* settings = configured(queue); settings != nullptr) {
    rule = {settings->weight, settings->ageing, settings->rate, settings->max_length,
            settings->hold,   settings->paused, false};
  }
  if (queues_.empty()) return rule;
  if (const auto steered = queues_.find(queue); steered != queues_.end()) {
    const QueueChange& said = steered->second.said;
    rule.paused = said.paused.value_or(rule.paused);
    rule.draining = said.draining.value_or(rule.draining);
    rule.weight = said.weight.value_or(rule.weight);
    rule.rate = said.rate.value_or(rule.rate);
    rule.max_length = said.max_length.value_or(rule.max_length);
  }
  return rule;
}

std::vector<std::string> Steering::named_queues() const {
  std::vector<std::string> names;
  for (const auto& [name, settings] : by_name_) names.push_back(name);
  for (const auto& [name, steered] : queues_) {
    if (!by_name_.contains(name)) names.push_back(name);
  }
  return names;
}

std::map<std::string, std::uint64_t> Steering::quotas() const {
  std::map<std::string, std::uint64_t> all(sizes_.begin(), sizes_.end());
  for (const auto& [name, steered] : quotas_) {
    if (steered.size) {
      all[name] = *steered.size;
    } else {
      all.erase(name);
    }
  }
  return all;
}

std::optional<std::uint64_t> Steering::quota(const std::string& name) const {
  if (const auto steered = quotas_.find(name); steered != quotas_.end()) return steered->second.size;
  return configured_size(name);
}

std::optional<std::uint64_t> Steering::configured_size(std::string_view quota) const {
  const auto size = sizes_.find(quota);
  return size == sizes_.end() ? std::nullopt : std::optional(size->second);
}

/// All that the configuration says of what can be said at run time.
QueueChange Steering::configured_change(std::string_view queue) const {
  const QueueSettings* settings = configured(queue);
  const QueueSettings none;
  const QueueSettings& now = settings == nullptr ? none : *settings;
  return {now.paused, false, now.weight, now.rate, now.max_length};
}

SteeredQueue Steering::say(const std::string& queue, const QueueChange& change) {
  const QueueChange now = configured_change(queue);
  SteeredQueue& steered = queues_[queue];
  steered.name = queue;
  each_key([&](auto key) {
    if (!(change.*key)) return;
    steered.said.*key = change.*key;
    steered.configured.*key = now.*key;
  });
  drop_outdated(steered, now);
  SteeredQueue remembered = steered;
  if (remembered.said.empty()) queues_.erase(queue);
  return remembered;
}

SteeredQuota Steering::say(const std::string& quota, std::optional<std::uint64_t> size) {
  SteeredQuota steered{quota, size, configured_size(quota)};
  if (steered.size == steered.configured) {
    quotas_.erase(quota);
  } else {
    quotas_[quota] = steered;
  }
  return steered;
}

Steering::Changed Steering::configure() {
  by_name_.clear();
  globs_.clear();
  for (const QueueSettings& queue : settings_.queues) {
    if (queue.is_glob()) {
      globs_.push_back(queue);
    } else {
      by_name_.emplace(queue.name, queue);
    }
  }
  sizes_.clear();
  for (const QuotaSettings& quota : settings_.quotas) sizes_.emplace(quota.name, quota.size);
  Changed changed;
  for (auto& [name, steered] : queues_) {
    const QueueChange before = steered.said;
    drop_outdated(steered, configured_change(name));
    if (steered.said != before) changed.queues.push_back(steered);
  }
  std::erase_if(queues_, [](const auto& entry) { return entry.second.said.empty(); });
  std::erase_if(quotas_, [&](const auto& entry) {
    const SteeredQuota& steered = entry.second;
    const std::optional<std::uint64_t> now = configured_size(steered.name);
    if (steered.configured == now && steered.size != now) return false;
    changed.quotas.push_back({steered.name, now, now});
    return true;
  });
  return changed;
}

}  // namespace promised
