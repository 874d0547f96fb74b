// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/loads.hpp"

#include <string>
#include <utility>
#include <vector>

namespace promised {

Result<std::optional<Event>> answer(Store& store, LoadRequest& what) {
  using Answer = std::optional<Event>;
  if (const auto* result = std::get_if<effect::LoadResult>(&what)) {
    auto payload = store.load_result(result->job);
    if (!payload && payload.problem().code == "lost")
      return Answer(event::ResultLoaded{result->job, false, payload.problem().message, {}});
    PROMISED_TRY(payload);
    const bool found = payload->has_value();
    return Answer(event::ResultLoaded{result->job, found, {}, (*std::move(payload)).value_or(Payload())});
  }
  if (const auto* job = std::get_if<effect::LoadJob>(&what)) {
    PROMISED_ASSIGN(std::optional<RecoveredJob> found, store.load_job(job->id));
    return Answer(event::JobLoaded{job->id, std::move(found)});
  }
  if (const auto* page = std::get_if<effect::LoadBacklog>(&what)) {
    PROMISED_ASSIGN(std::vector<RecoveredJob> jobs, store.load_backlog(*page));
    return Answer(
        event::BacklogLoaded{page->queue, page->function, page->quotas, page->priority, std::move(jobs)});
  }
  if (const auto* parts = std::get_if<effect::LoadParts>(&what)) {
    PROMISED_ASSIGN(std::vector<PartChunk> found, store.load_parts(*parts));
    return Answer(event::PartsLoaded{parts->job, parts->session, parts->follow, std::move(found)});
  }
  if (const auto* output = std::get_if<effect::LoadOutput>(&what)) {
    PROMISED_ASSIGN(std::string found, store.load_output(*output));
    return Answer(event::OutputLoaded{output->job, output->session, output->follow, std::move(found)});
  }
  if (const auto* job = std::get_if<effect::LoadArguments>(&what)) {
    PROMISED_ASSIGN(Payload found, store.load_arguments(job->job));
    return Answer(event::ArgumentsLoaded{job->job, job->session, job->number, std::move(found)});
  }
  BacklogSearch& search = std::get<effect::FindInBacklog>(what).search;
  PROMISED_ASSIGN(const bool more, store.find_in_backlog(search));
  if (more) return Answer();
  return Answer(event::FoundInBacklog{std::move(search)});
}

bool is_whole(const LoadRequest& what, const Event& answer) {
  if (const auto* result = std::get_if<event::ResultLoaded>(&answer))
    return result->found || !result->trouble.empty();
  if (const auto* job = std::get_if<event::JobLoaded>(&answer)) return job->job.has_value();
  if (const auto* parts = std::get_if<event::PartsLoaded>(&answer)) return !parts->parts.empty();
  if (const auto* output = std::get_if<event::OutputLoaded>(&answer)) return !output->bytes.empty();
  if (const auto* arguments = std::get_if<event::ArgumentsLoaded>(&answer))
    return !arguments->arguments.empty();
  if (const auto* page = std::get_if<event::BacklogLoaded>(&answer))
    return page->jobs.size() >= std::get<effect::LoadBacklog>(what).most;
  return true;
}

}  // namespace promised
