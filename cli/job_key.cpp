// SPDX-License-Identifier: Apache-2.0
#include "cli/job_key.hpp"

#include <promised/error.hpp>

#include <optional>

#include "cli/usage_error.hpp"

namespace promised::cli {
namespace {

constexpr std::string_view kLast = "last";

/// The job that a name or else an id's beginning stands for; nothing if neither is known.
std::optional<JobView> by_name_or_prefix(Client& client, const std::string& text,
                                         std::chrono::milliseconds timeout) {
  try {
    return client.show(JobKey(text), timeout);
  } catch (const NoSuchFuture& e) {
    if (e.state() != State::unknown) throw;  // a name that lapsed or was forgotten: that is the answer
  }
  try {
    return client.show_prefix(text, timeout);
  } catch (const NoSuchFuture&) {
    return std::nullopt;
  }
}

}  // namespace

bool may_be_id_prefix(std::string_view text) {
  constexpr std::size_t kLeast = 4;
  if (text.size() < kLeast || text.size() > 35) return false;
  // Filled up to a whole id, it must be one.
  constexpr std::string_view kRest = "00000000-0000-0000-0000-000000000000";
  return JobId::parse(std::string(text) + std::string(kRest.substr(text.size()))).has_value();
}

const std::string& usable_name(const std::string& name, const std::string& what) {
  if (name.empty()) throw UsageError(what + ": expected a name, found nothing");
  if (name == kLast) {
    throw UsageError(what +
                     ": expected a name, found 'last', which always means your newest job: nobody could "
                     "find this one by it; choose another");
  }
  if (JobId::parse(name)) {
    throw UsageError(what + ": expected a name, found '" + name +
                     "', which always means the job with this id: nobody could find another by it; choose "
                     "another");
  }
  return name;
}

JobKey find_job(Client& client, const std::string& text, std::chrono::milliseconds timeout) {
  if (text == kLast) return client.show_last(timeout).id;
  if (const auto id = JobId::parse(text)) return *id;
  if (!may_be_id_prefix(text)) return text;
  try {
    const auto job = by_name_or_prefix(client, text, timeout);
    return job ? JobKey(job->id) : JobKey(text);
  } catch (const NoSuchFuture&) {
    return text;
  }
}

JobView show_job(Client& client, const std::string& text, std::chrono::milliseconds timeout) {
  if (text == kLast) return client.show_last(timeout);
  if (may_be_id_prefix(text)) {
    if (const auto job = by_name_or_prefix(client, text, timeout)) return *job;
  }
  const auto id = JobId::parse(text);
  return client.show(id ? JobKey(*id) : JobKey(text), timeout);
}

}  // namespace promised::cli
