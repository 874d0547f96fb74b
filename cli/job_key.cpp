// SPDX-License-Identifier: Apache-2.0
#include "cli/job_key.hpp"

#include <promised/error.hpp>

#include <optional>

namespace promised::cli {
namespace {

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

JobKey find_job(Client& client, const std::string& text, std::chrono::milliseconds timeout) {
  if (text == "last") return client.show_last(timeout).id;
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
  if (text == "last") return client.show_last(timeout);
  if (may_be_id_prefix(text)) {
    if (const auto job = by_name_or_prefix(client, text, timeout)) return *job;
  }
  const auto id = JobId::parse(text);
  return client.show(id ? JobKey(*id) : JobKey(text), timeout);
}

}  // namespace promised::cli
