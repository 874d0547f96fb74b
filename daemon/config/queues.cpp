// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/queues.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "common/units.hpp"
#include "daemon/config/keys.hpp"
#include "daemon/config/values.hpp"

namespace promised::config {
namespace {

constexpr std::size_t kMostNameBytes = 255;

bool is_kind(const Section& section, std::string_view kind) {
  return section.name.starts_with(kind) &&
         (section.name.size() == kind.size() || section.name[kind.size()] == '.' ||
          section.name[kind.size()] == ' ');
}

/// What stands behind `kind` and a dot.
Result<std::string> name_of(const Section& section, const std::string& kind) {
  const std::string prefix = kind + ".";
  std::string name = section.name.starts_with(prefix) ? section.name.substr(prefix.size()) : "";
  if (name.empty() || name.size() > kMostNameBytes) {
    return section.place.problem("expected [" + kind + ".NAME], with a name of 1 to 255 bytes, found [" +
                                 section.name + "]");
  }
  return name;
}

Result<std::uint32_t> parse_weight(std::string_view text) {
  PROMISED_ASSIGN(const std::int64_t weight, parse_integer(text, 1, kMostWeight));
  return static_cast<std::uint32_t>(weight);
}

Result<std::uint64_t> parse_length(std::string_view text) {
  const auto length = parse_integer(text, 0, kMostJobs);
  if (!length) return expected("0 (no limit) or a whole number up to 1000000000", text);
  return static_cast<std::uint64_t>(*length);
}

Result<std::uint64_t> parse_quota_size(std::string_view text) {
  PROMISED_ASSIGN(const std::int64_t size, parse_integer(text, 0, kMostJobs));
  return static_cast<std::uint64_t>(size);
}

}  // namespace

bool is_queue(const Section& section) {
  return is_kind(section, "queue");
}

bool is_quota(const Section& section) {
  return is_kind(section, "quota");
}

Result<void> read_queue(const Section& section, std::vector<QueueSettings>& queues) {
  QueueSettings queue;
  PROMISED_ASSIGN(queue.name, name_of(section, "queue"));
  PROMISED_TRY(set_keys(section, {
                                     {"weight", into(queue.weight, parse_weight)},
                                     {"ageing", into(queue.ageing, parse_duration)},
                                     {"rate", into(queue.rate, parse_rate)},
                                     {"max_length", into(queue.max_length, parse_length)},
                                     {"hold", into(queue.hold, parse_bool)},
                                     {"paused", into(queue.paused, parse_bool)},
                                 }));
  queues.push_back(std::move(queue));
  return {};
}

Result<void> read_quota(const Section& section, std::vector<QuotaSettings>& quotas) {
  QuotaSettings quota;
  PROMISED_ASSIGN(quota.name, name_of(section, "quota"));
  PROMISED_TRY(set_keys(section, {{"size", into(quota.size, parse_quota_size)}}));
  if (!has(section, "size")) {
    return section.place.problem("[" + section.name +
                                 "] has no size; add size = how many of its jobs may run at once");
  }
  quotas.push_back(std::move(quota));
  return {};
}

}  // namespace promised::config
