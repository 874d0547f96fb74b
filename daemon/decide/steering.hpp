// SPDX-License-Identifier: Apache-2.0
// How each queue is to be served, and how large each quota is (SEMANTICS Q2, Q4): what the configuration
// says, and over it what administrators have said at run time. Key by key, what was said holds until the
// configuration says something else of that key than it did then. Knows nothing of jobs; Scheduler asks it,
// tells lanes of it, and has written what is to be remembered.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/nouns.hpp"
#include "daemon/settings.hpp"

namespace promised {

/// How a queue is served now.
struct QueueRule {
  std::uint32_t weight = 1;
  std::chrono::milliseconds ageing{0};
  Rate rate{};
  std::uint64_t max_length = 0;
  bool hold = false;
  bool paused = false;
  bool draining = false;
  friend bool operator==(const QueueRule&, const QueueRule&) = default;
};

class Steering {
 public:
  /// `settings` must outlive this; a change of their queues or quotas is in force with the next configure().
  explicit Steering(const Settings& settings);

  [[nodiscard]] QueueRule rule(std::string_view queue) const;
  /// The queues of which something is said by their very names.
  [[nodiscard]] std::vector<std::string> named_queues() const;
  [[nodiscard]] bool is_named(std::string_view queue) const {
    return by_name_.contains(queue) || queues_.contains(queue);
  }
  /// Of all that bind, by name.
  [[nodiscard]] std::map<std::string, std::uint64_t> quotas() const;
  [[nodiscard]] std::optional<std::uint64_t> quota(const std::string& name) const;

  /// From now on this holds. Returns what is to be remembered of the queue, or quota (no size: it is
  /// removed).
  SteeredQueue say(const std::string& queue, const QueueChange& change);
  SteeredQuota say(const std::string& quota, std::optional<std::uint64_t> size);

  /// What was remembered, in an earlier life of the daemon.
  void restore(SteeredQueue queue) { queues_[queue.name] = std::move(queue); }
  void restore(SteeredQuota quota) { quotas_[quota.name] = std::move(quota); }

  /// What is remembered in another way than before.
  struct Changed {
    std::vector<SteeredQueue> queues;
    std::vector<SteeredQuota> quotas;
  };
  /// The settings have changed, or all is restored: what was said over values that are others now is dropped.
  Changed configure();

 private:
  [[nodiscard]] const QueueSettings* configured(std::string_view queue) const;
  [[nodiscard]] std::optional<std::uint64_t> configured_size(std::string_view quota) const;
  [[nodiscard]] QueueChange configured_change(std::string_view queue) const;

  const Settings& settings_;
  // Of the configuration, as configure() has seen it.
  std::map<std::string, QueueSettings, std::less<>> by_name_;  ///< those that are no globs
  std::vector<QueueSettings> globs_;
  std::map<std::string, std::uint64_t, std::less<>> sizes_;  ///< of quotas
  // What was said over it.
  std::map<std::string, SteeredQueue, std::less<>> queues_;
  std::map<std::string, SteeredQuota, std::less<>> quotas_;
};

}  // namespace promised
