// SPDX-License-Identifier: Apache-2.0
// Callbacks whose turn has come go as far as max_bytes allows (SEMANTICS E2), for each gets a copy of the
// outcome that it follows; the others go when bytes have become free. See followers.hpp.
#include <algorithm>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// Callbacks that go in a turn when there is room again.
constexpr int kFollowedAtOnce = 1000;

/// What an outcome takes among the arguments of a callback, about.
std::uint64_t outcome_bytes(const Job& job) {
  const Failure& failure = job.story().failure;
  return job.result_size + failure.message.size() + failure.output.size() + failure.backtrace.size();
}

/// It has not had its turn, though what it follows has ended; which may be told to run again.
bool waits_for_its_turn(const Job& job, const Job& parent) {
  return !job.ended() && job.kin()->link.phase == Link::Phase::waiting && parent.ended();
}

}  // namespace

/// Whether the callback may have the outcome of what it follows now. Those of its owner that came before it
/// go first.
bool Scheduler::has_room_to_follow(const Job& job, const Job& parent) const {
  const auto of = followers_.find(job.owner);
  const bool is_first = of == followers_.end() || of->second.waiting.empty() ||
                        job.submitted <= of->second.waiting.begin()->first;
  if (!is_first) return false;
  if (!accounts_.check(job.owner, Quantity::bytes, outcome_bytes(parent))) return true;
  return of == followers_.end() || is_over(of->second.beyond);
}

/// What has gone though there was no room is in nobody's way any more: it has ended, or waits for others,
/// which may wait for room themselves.
bool Scheduler::is_over(const JobId& beyond) const {
  const Job* job = beyond.empty() ? nullptr : jobs_.find(beyond);
  return job == nullptr || job->ended() || job->state == State::waiting;
}

void Scheduler::wait_for_room(const Job& job, Job& parent) {
  auto& waiting = followers_[job.owner].waiting;
  if (!waiting.emplace(job.submitted, Followers::Waiting{job.id, parent.id}).second) return;
  ++parent.kin()->behind;
  clear_timer(parent);  // it is kept until then
}

/// The callback goes now.
void Scheduler::take_room(const Job& job, Job& parent, Turn& t) {
  const bool has_room = !accounts_.check(job.owner, Quantity::bytes, outcome_bytes(parent));
  if (!has_room) followers_[job.owner].beyond = job.id;
  if (const auto of = followers_.find(job.owner); of != followers_.end())
    leave_followers(of->second, job.submitted, t);
}

/// It does not wait for room any more, if it did.
void Scheduler::leave_followers(Followers& followers, WallTime submitted, Turn& t) {
  const auto waiting = followers.waiting.find(submitted);
  if (waiting == followers.waiting.end()) return;
  Job& parent = *jobs_.find(waiting->second.parent);
  followers.waiting.erase(waiting);
  if (--parent.kin()->behind == 0) keep_or_release(parent, t);
}

/// Whether the first of them may go now, or need not wait any more.
bool Scheduler::can_go_on(const Followers& followers) const {
  if (followers.waiting.empty()) return false;
  const auto& [id, parent_id] = followers.waiting.begin()->second;
  const Job* job = jobs_.find(id);
  const Job& parent = *jobs_.find(parent_id);
  if (job == nullptr || !waits_for_its_turn(*job, parent)) return true;
  const std::vector<JobId>& wanted_by = parent.kin()->wanted_by;
  const bool is_coming = std::find(wanted_by.begin(), wanted_by.end(), id) != wanted_by.end();
  return !is_coming && has_room_to_follow(*job, parent);
}

/// Those for whom there is room now.
void Scheduler::go_on_following(Turn& t) {
  if (followers_.empty() || is_stalled()) return;  // the disk has to take what there is first
  int steps = kFollowedAtOnce;
  for (auto& [owner, followers] : followers_) {
    while (can_go_on(followers) && steps-- > 0) {
      const auto [submitted, first] = *followers.waiting.begin();
      Job* job = jobs_.find(first.id);
      Job& parent = *jobs_.find(first.parent);
      if (job == nullptr || !waits_for_its_turn(*job, parent)) {
        leave_followers(followers, submitted, t);
      } else {
        follow(*job, parent, parent.result, t);
      }
    }
  }
  std::erase_if(followers_,
                [&](const auto& of) { return of.second.waiting.empty() && is_over(of.second.beyond); });
}

}  // namespace promised
