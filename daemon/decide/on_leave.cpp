// SPDX-License-Identifier: Apache-2.0
// What becomes of jobs that are tied to a client that has gone (SEMANTICS S6).
#include <algorithm>
#include <utility>
#include <vector>

#include "daemon/decide/scheduler.hpp"

namespace promised {

/// `gone_since`: of a client that is known to be away.
void Scheduler::tie(Job& job, std::uint64_t tag, Millis grace, std::optional<Instant> gone_since) {
  Tie& tie = ties_.of(tag, job.owner);
  tie.jobs.insert(job.id);
  job.more().tie = &tie;
  job.own_limits().abandon_grace = grace;
  if (!gone_since) return;
  tie.gone_since = gone_since;
  const Instant over = *gone_since + grace;
  if (tie.place == kNotInHeap || over.time_since_epoch().count() < tie.due) set_timer(tie, over);
}

void Scheduler::untie(Job& job) {
  if (!job.detail || job.detail->tie == nullptr) return;
  Tie& tie = *std::exchange(job.detail->tie, nullptr);
  tie.jobs.erase(job.id);
  if (!tie.jobs.empty()) return;
  clear_timer(tie);
  ties_.erase(tie);
}

void Scheduler::client_is_back(const Session& session) {
  Tie* tie = ties_.find(session.tag(), session.who.uid);
  if (tie == nullptr) return;
  tie->gone_since.reset();
  clear_timer(*tie);
}

/// Who said Bye, or whose process has ended, does not come back; whoever lost a connection may.
void Scheduler::client_has_gone(std::uint64_t tag, std::uint32_t owner, event::Departure how, Turn& t) {
  Tie* tie = ties_.find(tag, owner);
  if (tie == nullptr) return;
  tie->gone_since = how == event::Departure::for_good ? Instant::min() : t.now.steady;
  due(*tie, t);
}

/// Cancels the jobs whose grace is over; looks again when that of the next one is.
void Scheduler::due(Tie& tie, Turn& t) {
  const Instant since = tie.gone_since.value();
  std::vector<JobId> over;
  std::optional<Instant> next;
  for (const JobId& id : tie.jobs) {
    const Millis grace = jobs_.find(id)->limits().abandon_grace;
    if (since == Instant::min() || since + grace <= t.now.steady) {
      over.push_back(id);
    } else {
      next = std::min(next.value_or(since + grace), since + grace);
    }
  }
  if (next) set_timer(tie, *next);
  // The last of them takes the tie with it.
  for (const JobId& id : over) {
    Job& job = *jobs_.find(id);
    untie(job);
    if (!job.cancel_asked)
      cancel(job, "its submitter has gone, and it was submitted to be cancelled then", Haste::none, t);
  }
}

}  // namespace promised
