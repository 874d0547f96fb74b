// SPDX-License-Identifier: Apache-2.0
// Many jobs, or one that is not named exactly: those in memory, and those of the backlog, which the store is
// asked for. The newest first, by their ids, which begin with the time.
#include <algorithm>
#include <limits>
#include <utility>

#include "common/glob.hpp"
#include "common/printable.hpp"
#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

constexpr std::uint32_t kPage = 100;
constexpr std::uint32_t kMostPage = 10'000;
constexpr std::size_t kShortestPrefix = 4;
constexpr std::size_t kIdText = 36;

bool newer(const Job* a, const Job* b) {
  return a->id > b->id;
}

std::uint32_t page_size(const message::List& list) {
  return std::min(list.most == 0 ? kPage : list.most, kMostPage);
}

/// What a job that is on disk alone is: pending, and without a name.
bool may_be_in_backlog(const message::List& list) {
  if (list.mine) return false;
  const bool pending = list.states == 0 || (list.states >> static_cast<unsigned>(State::pending) & 1) != 0;
  return pending && !list.remembered && list.name_prefix.empty();
}

bool matches(const message::List& list, const Job& job) {
  if (!list.after.empty() && !(job.id < list.after)) return false;
  if (list.states != 0 && (list.states >> static_cast<unsigned>(job.state) & 1) == 0) return false;
  if (list.remembered && job.name == nullptr) return false;
  if (!list.queue.empty() && job.lane->queue->name != list.queue) return false;
  if (!list.name_prefix.empty() && (job.name == nullptr || !job.name->name.starts_with(list.name_prefix)))
    return false;
  return list.function.empty() || glob_matches(list.function, job.function->name);
}

/// The lowest id whose text begins so; `fill` 'f': the highest. Empty if none does.
JobId bound(const std::string& prefix, char fill) {
  std::string digits;
  for (const char c : prefix) {
    if (c != '-') digits += c;
  }
  digits.resize(JobId::kSize * 2, fill);
  return JobId::parse(digits.substr(0, 8) + '-' + digits.substr(8, 4) + '-' + digits.substr(12, 4) + '-' +
                      digits.substr(16, 4) + '-' + digits.substr(20))
      .value_or(JobId());
}

/// The id that comes after this one.
JobId after(const JobId& id) {
  auto bytes = id.bytes();
  for (std::size_t i = bytes.size(); i-- > 0 && ++bytes[i] == 0;) {
  }
  return JobId(bytes);
}

}  // namespace

bool Scheduler::finds_by_name(const Asked& asked, const Job& job) const {
  if (job.name == nullptr) return false;
  if (job.name->owner != kSharedOwner) return job.name->owner == asked.uid();
  return gate_.may_use(asked.session.who, asked.session.standing, job.name->name, NameUse::read);
}

template <class Take>
void Scheduler::each_listed(const Asked& asked, const message::List& list, Take&& take) const {
  const auto is_listed = [&](const Job& job) {
    return (list.mine ? finds_by_name(asked, job) : may(asked, job, Touch::look)) && matches(list, job);
  };
  const bool named = list.mine || list.remembered || !list.name_prefix.empty();
  if (list.mine || (named && asked.session.standing != Standing::admin)) {
    // All that the asker can find by name are the own names and the shared ones.
    for (const std::uint32_t owner : {asked.uid(), kSharedOwner})
      names_.each_held(owner, list.after, [&](const Job& job) { return !is_listed(job) || take(job); });
    return;
  }
  for (const Job* job : jobs_) {
    if (is_listed(*job)) take(*job);
  }
}

/// The backlog is asked first, if there may be something in it; else the request is answered from memory.
void Scheduler::search(Asked& asked, BacklogSearch search, Turn& t) {
  if (backlog_ids_.empty()) {
    found(asked, {}, t);
    return;
  }
  search.session = asked.session.id;
  search.request = asked.event.request;
  t.plan.effects.emplace_back(effect::FindInBacklog{std::move(search)});
}

void Scheduler::on(event::FoundInBacklog&& e, Turn& t) {
  if (std::holds_alternative<message::SteerQueue>(e.search.request.body)) {
    found_to_clear(e.search, t);
    return;
  }
  Session* session = sessions_.find(e.search.session);
  if (session == nullptr) return;
  event::Requested again{session->id, session->who, std::move(e.search.request), {}};
  Asked asked{again, *session};
  // What has come into memory, or ended, while it was being searched for is not there any more.
  std::erase_if(e.search.found, [&](const RecoveredJob& job) { return !backlog_ids_.contains(job.id); });
  found(asked, e.search.found, t);
}

void Scheduler::found(Asked& asked, const std::vector<RecoveredJob>& on_disk, Turn& t) {
  if (const auto* list = std::get_if<message::List>(&asked.event.request.body)) {
    answer(asked, *list, on_disk, t);
  } else if (const auto* show = std::get_if<message::Show>(&asked.event.request.body)) {
    answer(asked, *show, on_disk, t);
  }
}

void Scheduler::on(Asked& asked, message::List& list, Turn& t) {
  if (list.function.size() > kMostNameBytes || list.queue.size() > kMostNameBytes ||
      list.name_prefix.size() > settings_.limits.max_name) {
    refuse(
        asked.event.session, asked.number(),
        {.code = "limit",
         .message = "a filter has at most as many bytes as what it is to find: function and queue 255, the "
                    "beginning of a name max_name (" +
                    std::to_string(settings_.limits.max_name) + ")"},
        t);
    return;
  }
  if (!may_be_in_backlog(list)) {
    answer(asked, list, {}, t);
    return;
  }
  BacklogSearch wanted;
  if (asked.session.standing != Standing::admin) wanted.owner = asked.uid();
  wanted.below = list.after;
  wanted.function = list.function;
  wanted.queue = list.queue;
  wanted.most = list.count ? std::numeric_limits<std::uint32_t>::max() : page_size(list) + 1;
  search(asked, std::move(wanted), t);
}

void Scheduler::answer(Asked& asked, const message::List& list, const std::vector<RecoveredJob>& on_disk,
                       Turn& t) {
  if (list.count) {
    count(asked, list, on_disk.size(), t);
    return;
  }
  const std::size_t most = page_size(list);
  // The newest `most` and one more, as a heap whose top is the oldest of them.
  std::vector<const Job*> page;
  each_listed(asked, list, [&](const Job& job) {
    if (page.size() == most + 1 && newer(page.front(), &job)) return false;
    page.push_back(&job);
    std::push_heap(page.begin(), page.end(), newer);
    if (page.size() > most + 1) {
      std::pop_heap(page.begin(), page.end(), newer);
      page.pop_back();
    }
    return true;
  });
  std::sort_heap(page.begin(), page.end(), newer);
  message::Jobs answer;
  auto memory = page.begin();
  auto disk = on_disk.begin();
  while (answer.jobs.size() <= most && (memory != page.end() || disk != on_disk.end())) {
    const bool from_disk = memory == page.end() || (disk != on_disk.end() && disk->id > (*memory)->id);
    answer.jobs.push_back(from_disk ? view(*disk++) : view(**memory++));
    // Show tells it all: a page stays small.
    JobView& view = answer.jobs.back();
    view.notes.clear();
    view.waits_for.clear();
    for (Failure* failure : {&view.failure, &view.last_failure}) {
      failure->output.clear();
      failure->backtrace.clear();
      failure->message = beginning_of(failure->message, kMostShortText);
    }
  }
  answer.more = answer.jobs.size() > most;
  if (answer.more) answer.jobs.pop_back();
  reply(asked.event.session, asked.number(), std::move(answer), false, t);
}

void Scheduler::count(Asked& asked, const message::List& list, std::uint64_t on_disk, Turn& t) {
  message::Count answer{on_disk};
  each_listed(asked, list, [&](const Job&) {
    ++answer.count;
    return true;
  });
  reply(asked.event.session, asked.number(), answer, false, t);
}

JobView Scheduler::shown(const Asked& asked, const Job& job) const {
  JobView all = view(job);
  add_related(asked, job, all);
  return all;
}

void Scheduler::on(Asked& asked, message::Show& show, Turn& t) {
  if (!show.last && show.prefix.empty()) {
    if (const Job* job = find(asked, show.key, Touch::look, t); job != nullptr)
      reply(asked.event.session, asked.number(), message::Jobs{{shown(asked, *job)}, false}, false, t);
    return;
  }
  if (!show.last && (show.prefix.size() < kShortestPrefix || show.prefix.size() > kIdText)) {
    refuse(asked.event.session, asked.number(),
           {.code = "bad_request",
            .message = "the beginning of an id has 4 to 36 characters, given " +
                       std::to_string(show.prefix.size()) + ": \"" +
                       std::string(beginning_of(show.prefix, kIdText)) + "\""},
           t);
    return;
  }
  BacklogSearch wanted;
  if (show.last || asked.session.standing != Standing::admin) wanted.owner = asked.uid();
  wanted.most = show.last ? 1 : 2;
  if (!show.last) {
    wanted.from = bound(show.prefix, '0');
    const JobId highest = bound(show.prefix, 'f');
    if (highest.empty()) {
      answer(asked, show, {}, t);  // no id begins so
      return;
    }
    wanted.below = after(highest);
  }
  search(asked, std::move(wanted), t);
}

void Scheduler::answer(Asked& asked, const message::Show& show, const std::vector<RecoveredJob>& on_disk,
                       Turn& t) {
  const Job* found = nullptr;
  std::size_t count = on_disk.size();
  for (const Job* job : jobs_) {
    if (show.last ? job->owner != asked.uid()
                  : !Gate::may_touch(asked.session.standing, asked.uid(), job->owner)) {
      continue;
    }
    if (!show.last && !job->id.text().starts_with(show.prefix)) continue;
    ++count;
    if (found == nullptr || newer(job, found)) found = job;
  }
  const auto none = [&](std::string code, std::string message) {
    refuse(asked.event.session, asked.number(), {.code = std::move(code), .message = std::move(message)}, t);
  };
  if (count == 0) {
    none("no_such_future", show.last ? "you have submitted no job that is still known"
                                     : "there is no job whose id begins with " + show.prefix);
  } else if (!show.last && count > 1) {
    none("ambiguous",
         std::to_string(count) + " jobs have an id that begins with " + show.prefix + "; give more of it");
  } else {
    const bool from_disk = found == nullptr || (!on_disk.empty() && on_disk.front().id > found->id);
    reply(asked.event.session, asked.number(),
          message::Jobs{{from_disk ? view(on_disk.front()) : shown(asked, *found)}, false}, false, t);
  }
}

}  // namespace promised
