// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/sections.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "common/units.hpp"
#include "daemon/config/keys.hpp"
#include "daemon/config/values.hpp"

namespace promised::config {
namespace {

using Find = std::function<std::optional<uid_t>(const std::string&)>;
static_assert(std::is_same_v<uid_t, gid_t>, "one look-up serves users and groups");

/// An id by name or number; numbers need no account.
Result<uid_t> resolve(const std::string& word, const Find& find, std::string_view kind) {
  constexpr std::int64_t kMost = std::numeric_limits<uid_t>::max() - 1;
  if (const auto number = parse_integer(word, 0, kMost); number) return static_cast<uid_t>(*number);
  if (const auto id = find(word)) return *id;
  return Problem::of("value", "there is no " + std::string(kind) + " '" + word + "' on this system");
}

auto ids_into(std::vector<uid_t>& target, Find find, std::string_view kind) {
  return [&target, find = std::move(find), kind](const Entry& entry) -> Result<void> {
    for (const std::string& word : parse_list(entry.value)) {
      PROMISED_ASSIGN(const uid_t id, resolve(word, find, kind));
      target.push_back(id);
    }
    return {};
  };
}

/// PREFIX:read|write:WHO, where WHO are users, @groups or *, with commas between.
Result<SharedNames> parse_shared(const std::string& text, const Environment& environment) {
  const auto malformed = [&] {
    return expected(
        "shared/PREFIX:read:WHO or shared/PREFIX:write:WHO, where WHO are users, @groups or * (all), "
        "with commas between",
        text);
  };
  const auto before_who = text.rfind(':');
  if (before_who == std::string::npos || before_who == 0) return malformed();
  const auto before_use = text.rfind(':', before_who - 1);
  if (before_use == std::string::npos) return malformed();
  SharedNames rule;
  rule.prefix = text.substr(0, before_use);
  const std::string use = text.substr(before_use + 1, before_who - before_use - 1);
  if (!rule.prefix.starts_with("shared/") || (use != "read" && use != "write")) return malformed();
  rule.use = use == "read" ? NameUse::read : NameUse::write;
  const auto who = parse_list(text.substr(before_who + 1));
  if (who.empty()) return malformed();
  for (const std::string& word : who) {
    if (word == "*") {
      rule.everyone = true;
    } else if (word.front() == '@') {
      PROMISED_ASSIGN(const gid_t group, resolve(word.substr(1), environment.find_group, "group"));
      rule.groups.push_back(group);
    } else {
      PROMISED_ASSIGN(const uid_t user, resolve(word, environment.find_user, "user"));
      rule.users.push_back(user);
    }
  }
  return rule;
}

auto size_from(std::uint64_t least) {
  return [least](const std::string& text) -> Result<std::uint64_t> {
    PROMISED_ASSIGN(const std::uint64_t size, parse_size(text));
    if (size < least) return expected("at least " + format_size(least), text);
    return size;
  };
}

/// Of what is kept in one row of the database.
Result<std::uint64_t> payload_size(const std::string& text) {
  PROMISED_ASSIGN(const std::uint64_t size, size_from(1024)(text));
  if (size > kLargestPayload) {
    return expected("at most " + format_size(kLargestPayload) + ", for which the database has room in a row",
                    text);
  }
  return size;
}

/// All notes of a job go in one message.
Result<std::uint64_t> notes_size(const std::string& text) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 20;
  PROMISED_ASSIGN(const std::uint64_t size, size_from(1024)(text));
  if (size > kMost) return expected("at most " + format_size(kMost), text);
  return size;
}

/// Each worker's is in memory.
Result<std::uint64_t> output_size(const std::string& text) {
  constexpr std::uint64_t kMost = std::uint64_t{64} << 20;
  PROMISED_ASSIGN(const std::uint64_t size, parse_size(text));
  if (size > kMost) return expected("at most " + format_size(kMost), text);
  return size;
}

/// Whether there is to be no pool.
Result<bool> parse_pools(std::string_view text) {
  if (text == "any" || text == "none") return text == "none";
  return expected("any, or none for a daemon that is to have no pool", text);
}

auto number_from(std::int64_t least, std::int64_t most = 1'000'000'000) {
  return [least, most](const std::string& text) -> Result<std::uint64_t> {
    PROMISED_ASSIGN(const std::int64_t number, parse_integer(text, least, most));
    return static_cast<std::uint64_t>(number);
  };
}

/// `limit` must not be less than `other`, which would mean `because`; where nobody has said it, it follows.
Result<void> at_least(const Section& section, const std::string& key, std::uint64_t& limit,
                      const std::string& other_key, std::uint64_t other, const std::string& because) {
  if (limit >= other) return {};
  if (has(section, key)) {
    return place_of(section, key)
        .problem(key + ": " + format_size(limit) + " is less than " + other_key + ", which is " +
                 format_size(other) + ": " + because);
  }
  limit = other;
  return {};
}

}  // namespace

Result<DaemonSection> read_daemon(const Section& section, const Environment& environment,
                                  Settings& settings) {
  DaemonSection daemon;
  const auto known_user = [&](const std::string& name) -> Result<std::string> {
    if (!environment.find_user(name)) {
      return Problem::of("value", "there is no user '" + name + "' on this system");
    }
    return name;
  };
  PROMISED_TRY(set_keys(section, {
                                     {"endpoint", into(settings.endpoint, parse_endpoint)},
                                     {"endpoint_mode", into(settings.endpoint_mode, parse_mode)},
                                     {"state_dir", into(settings.state_dir, parse_path)},
                                     {"large_result", into(settings.large_result, size_from(4096))},
                                     {"user", into(settings.user, known_user)},
                                     {"log_level", into(settings.log_level, parse_log_level)},
                                     {"stop_grace", into(settings.stop_grace, parse_duration)},
                                     {"pools_dir", into(daemon.pools_dir, parse_path)},
                                     {"pools", into(daemon.without_pools, parse_pools)},
                                 }));
  daemon.pools_place = place_of(section, "pools");
  daemon.pools_dir_place = place_of(section, "pools_dir");
  daemon.has_endpoint_mode = has(section, "endpoint_mode");
  return daemon;
}

Result<void> read_limits(const Section& section, Limits& limits) {
  const auto interruptions = number_from(0, 1'000'000);
  const auto size = size_from(std::uint64_t{1} << 20);
  const auto count = number_from(1);
  PROMISED_TRY(
      set_keys(section, {
                            {"max_message", into(limits.max_message, payload_size)},
                            {"max_result", into(limits.max_result, payload_size)},
                            {"max_unread", into(limits.max_unread, size)},
                            {"max_jobs", into(limits.max_jobs, count)},
                            {"max_jobs_per_owner", into(limits.max_jobs_per_owner, count)},
                            {"max_bytes", into(limits.max_bytes, size)},
                            {"max_bytes_per_owner", into(limits.max_bytes_per_owner, size)},
                            {"max_remembered", into(limits.max_remembered, count)},
                            {"max_remembered_per_owner", into(limits.max_remembered_per_owner, count)},
                            {"max_clients", into(limits.max_clients, count)},
                            {"max_clients_per_owner", into(limits.max_clients_per_owner, count)},
                            {"max_watches", into(limits.max_watches, count)},
                            {"max_watches_per_owner", into(limits.max_watches_per_owner, count)},
                            {"max_in_memory", into(limits.max_in_memory, count)},
                            {"max_queues", into(limits.max_queues, count)},
                            {"max_unwritten", into(limits.max_unwritten, size)},
                            {"max_name", into(limits.max_name, number_from(1, 65536))},
                            {"max_notes", into(limits.max_notes, notes_size)},
                            {"max_parts", into(limits.max_parts, size_from(1024))},
                            {"max_output", into(limits.max_output, output_size)},
                            {"default_lifespan", into(limits.default_lifespan, parse_duration)},
                            {"max_lifespan", into(limits.max_lifespan, parse_duration)},
                            {"keep_unfetched", into(limits.keep_unfetched, parse_duration)},
                            {"keep_tombstones", into(limits.keep_tombstones, parse_duration)},
                            {"max_tombstones", into(limits.max_tombstones, number_from(0))},
                            {"allow_forever", into(limits.allow_forever, parse_bool)},
                            {"max_interruptions", into(limits.max_interruptions, interruptions)},
                            {"max_crashes", into(limits.max_crashes, number_from(1, 1000))},
                            {"max_waiting", into(limits.max_waiting, number_from(0, 4096))},
                            {"max_subscriptions", into(limits.max_subscriptions, count)},
                            {"max_subscriptions_per_owner", into(limits.max_subscriptions_per_owner, count)},
                            {"max_events", into(limits.max_events, count)},
                            {"max_members", into(limits.max_members, number_from(0, 1'000'000))},
                            {"max_callbacks", into(limits.max_callbacks, number_from(0, 1'000'000))},
                        }));
  PROMISED_TRY(at_least(section, "max_unread", limits.max_unread, "max_result", limits.max_result,
                        "such a result could not be sent"));
  PROMISED_TRY(at_least(section, "max_unwritten", limits.max_unwritten, "max_message", limits.max_message,
                        "such arguments could not be accepted"));
  if (limits.default_lifespan > limits.max_lifespan) {
    if (has(section, "default_lifespan")) {
      return place_of(section, "default_lifespan")
          .problem("default_lifespan: " + format_duration(limits.default_lifespan) +
                   " is longer than max_lifespan, which is " + format_duration(limits.max_lifespan));
    }
    limits.default_lifespan = limits.max_lifespan;
  }
  return {};
}

Result<void> read_access(const Section& section, const Environment& environment, Access& access) {
  const auto shared = [&](const Entry& entry) -> Result<void> {
    PROMISED_ASSIGN(SharedNames rule, parse_shared(entry.value, environment));
    access.shared.push_back(std::move(rule));
    return {};
  };
  return set_keys(section, {
                               {"users", ids_into(access.users, environment.find_user, "user")},
                               {"groups", ids_into(access.groups, environment.find_group, "group")},
                               {"everyone", into(access.everyone, parse_bool)},
                               {"admins", ids_into(access.admins, environment.find_user, "user")},
                               {"shared", shared, Key::Kind::repeated},
                           });
}

}  // namespace promised::config
