// SPDX-License-Identifier: Apache-2.0
// What explain says of a job (SEMANTICS M3), against what there is: each reason looked for in another way
// than the scheduler does it, and none left out.
#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "tests/unit/decide/property/audit.hpp"

namespace promised::test {
namespace {

bool has(const JobList& list, const Job& job) {
  for (const Job* at = list.first; at != nullptr; at = at->next) {
    if (at == &job) return true;
  }
  return false;
}

/// SEMANTICS Q1: with ageing a job of a higher priority is as one that has waited longer.
bool goes_before(const Job& a, const Job& b) {
  const auto ageing = std::chrono::microseconds(a.lane->queue->policy.ageing);
  if (ageing.count() == 0 && a.priority != b.priority) return a.priority > b.priority;
  const WallTime of_a = a.place_in_queue() - a.priority * ageing;
  const WallTime of_b = b.place_in_queue() - b.priority * ageing;
  return of_a != of_b ? of_a < of_b : a.place_in_queue() < b.place_in_queue();
}

std::string text_of(const Explanation& said) {
  std::string text;
  for (const WaitReason& reason : said.reasons) {
    text += "\n  " + reason.code + (reason.subject.empty() ? "" : " (" + reason.subject + ")") + ": " +
            reason.text + ", count " + std::to_string(reason.count);
  }
  return text.empty() ? "nothing" : text;
}

}  // namespace

/// What holds of one job in this moment.
class Audit::Truth {
 public:
  Truth(const Audit& audit, const Job& job) : audit_(audit), s_(audit.s_), job_(job) { find_holder(); }

  /// Code and subject of all that is to be said.
  using Reasons = std::multiset<std::pair<std::string, std::string>>;
  [[nodiscard]] Reasons reasons() const;
  /// How many jobs the reason is about, and who they are; nothing: it says no number.
  [[nodiscard]] std::optional<std::set<JobId>> culprits(const WaitReason& reason) const;
  [[nodiscard]] std::uint64_t before_it() const;
  /// Another of its pool's line has to go first: one that is still to come from disk, or one for which the
  /// pool has no worker while another program takes the place of that of its workers.
  [[nodiscard]] bool is_held_up() const;

 private:
  void find_holder();
  [[nodiscard]] bool is_aside() const { return has(job_.lane->queue->aside, job_); }
  [[nodiscard]] bool is_behind() const;
  [[nodiscard]] bool waits_for_kin() const { return !is_aside() && !job_.on_disk && !stands_in_lane(); }
  [[nodiscard]] bool stands_in_lane() const;
  void add_queued(Reasons& all) const;
  void add_pools(Reasons& all) const;
  [[nodiscard]] std::set<JobId> holders(const Cap& cap) const;
  [[nodiscard]] std::uint64_t size(const Cap& cap) const;

  const Audit& audit_;
  const Scheduler& s_;
  const Job& job_;
  const Worker* holder_ = nullptr;  ///< whose channel has it,
  std::size_t place_ = 0;           ///< and where
};

void Audit::Truth::find_holder() {
  for (const auto& [id, worker] : s_.workers_) {
    for (std::size_t i = 0; i < worker->channel.size(); ++i) {
      if (worker->channel[i].job != &job_) continue;
      holder_ = worker.get();
      place_ = i;
    }
  }
}

bool Audit::Truth::stands_in_lane() const {
  return std::any_of(job_.lane->bands.begin(), job_.lane->bands.end(),
                     [&](const Lane::Band& band) { return has(band.ready, job_) || has(band.behind, job_); });
}

bool Audit::Truth::is_behind() const {
  return std::any_of(job_.lane->bands.begin(), job_.lane->bands.end(),
                     [&](const Lane::Band& band) { return has(band.behind, job_); });
}

std::uint64_t Audit::Truth::size(const Cap& cap) const {
  if (cap.quota->keyed) return cap.most;
  return s_.steering_.quota(cap.quota->name).value_or(Quota::kUnbound);
}

/// Those that run with it, or wait for others and have it again first.
std::set<JobId> Audit::Truth::holders(const Cap& cap) const {
  std::set<JobId> found;
  const auto needs = [&](const Job& job) {
    const CapSet* caps = job.lane->caps;
    return caps != nullptr && std::any_of(caps->caps.begin(), caps->caps.end(), [&](const Cap* other) {
             return other->quota->id == cap.quota->id;
           });
  };
  for (const Job* job : s_.jobs_) {
    const bool claims = job->worker != nullptr && job->worker->wait == Worker::Wait::resuming;
    if (needs(*job) && (job->has_quotas || claims)) found.insert(job->id);
  }
  return found;
}

Audit::Truth::Reasons Audit::Truth::reasons() const {
  Reasons all;
  if (job_.ended()) return {{"ended", ""}};
  if (holder_ != nullptr && place_ > 0) {
    all.emplace("next", "");
  } else if (holder_ != nullptr) {
    const std::string& pool = holder_->pool->settings->name;
    if (holder_->wait == Worker::Wait::none) all.emplace("running", pool);
    if (holder_->wait == Worker::Wait::waiting) all.emplace("waits_for", "");
    if (holder_->wait == Worker::Wait::resuming) all.emplace("resuming", pool);
  } else if (is_aside()) {
    all.emplace(job_.has_begun() ? "retry" : "scheduled", "");
  } else if (waits_for_kin()) {
    all.emplace("waits_for", "");
  } else {
    add_queued(all);
  }
  if (job_.cancel_asked) all.emplace("cancelling", "");
  return all;
}

void Audit::Truth::add_queued(Reasons& all) const {
  const std::string& queue = job_.lane->queue->name;
  const QueueRule rule = s_.steering_.rule(queue);
  if (s_.draining_) all.emplace("stopping", "");
  if (s_.stalled_) all.emplace("disk", "");
  if (rule.paused) all.emplace("paused", queue);
  if (rule.rate.limits() && job_.lane->queue->spent) all.emplace("rate", queue);
  if (job_.lane->caps != nullptr) {
    for (const Cap* cap : job_.lane->caps->caps) {
      if (holders(*cap).size() >= size(*cap)) all.emplace("quota", cap->quota->name);
    }
  }
  if (job_.on_disk || is_behind()) all.emplace("on_disk", "");
  add_pools(all);
  if (!job_.on_disk && !is_behind() && before_it() > 0) all.emplace("behind", queue);
}

void Audit::Truth::add_pools(Reasons& all) const {
  bool offered = false;
  for (const Pool& pool : s_.pools_) {
    if (pool.offer == nullptr || !pool.offer->has(*job_.function)) continue;
    offered = true;
    const std::string& name = pool.settings->name;
    const bool serves = std::any_of(pool.workers.begin(), pool.workers.end(),
                                    [](const Worker* w) { return w->phase == Worker::Phase::ready; });
    if (pool.phase == Pool::Phase::failing && !serves) {
      all.emplace("pool_failing", name);
    } else if (!pool.settings->serves(job_.lane->queue->name)) {
      all.emplace("pool_queues", name);
    } else if (std::none_of(pool.workers.begin(), pool.workers.end(),
                            [&](const Worker* worker) { return audit_.may_begin(pool, *worker, job_); })) {
      all.emplace("pool_busy", name);
    }
  }
  if (offered) return;
  all.emplace("no_function", job_.function->name);
  // One that has never been ready may have it.
  for (const Pool& pool : s_.pools_) {
    if (pool.offer == nullptr && pool.phase == Pool::Phase::failing &&
        pool.settings->serves(job_.lane->queue->name))
      all.emplace("pool_failing", pool.settings->name);
  }
}

/// Of its lane: those in memory whose turn is before its own, and those on disk that go before it whenever
/// they were submitted.
std::uint64_t Audit::Truth::before_it() const {
  const bool ages = job_.lane->queue->policy.ageing.count() != 0;
  std::uint64_t count = 0;
  for (const Lane::Band& band : job_.lane->bands) {
    for (const Job* other = band.ready.first; other != nullptr; other = other->next)
      count += goes_before(*other, job_) ? 1 : 0;
    if (band.priority > job_.priority && !ages) count += band.on_disk;
  }
  return count;
}

bool Audit::Truth::is_held_up() const {
  return std::any_of(s_.pools_.begin(), s_.pools_.end(), [&](const Pool& pool) {
    const bool serves = pool.offer != nullptr && pool.offer->has(*job_.function) &&
                        pool.settings->serves(job_.lane->queue->name);
    const bool mixed = std::any_of(pool.workers.begin(), pool.workers.end(), [&](const Worker* worker) {
      return worker->phase == Worker::Phase::ready && worker->offer != pool.offer;
    });
    return serves && (mixed || audit_.held_up(*job_.lane, pool));
  });
}

std::optional<std::set<JobId>> Audit::Truth::culprits(const WaitReason& reason) const {
  std::set<JobId> found;
  if (reason.code == "quota") {
    for (const Cap* cap : job_.lane->caps->caps) {
      if (cap->quota->name == reason.subject) found.merge(holders(*cap));
    }
    return found;
  }
  if (reason.code == "pool_busy" && reason.count > 0) {
    for (const Pool& pool : s_.pools_) {
      if (pool.settings->name != reason.subject || pool.phase == Pool::Phase::removed) continue;
      for (const Worker* worker : pool.workers) {
        if (!worker->channel.empty() && worker->wait == Worker::Wait::none)
          found.insert(worker->channel.front().job->id);
      }
    }
    return found;
  }
  if (reason.code == "waits_for" && holder_ != nullptr) {
    found.insert(holder_->waits.begin(), holder_->waits.end());
    return found;
  }
  if (reason.code == "waits_for") {
    const std::vector<JobId> awaited = s_.awaited_by(job_);
    found.insert(awaited.begin(), awaited.end());
    return found;
  }
  return std::nullopt;
}

void Audit::explains(const Explanation& said, uid_t asker, Moment moment) const {
  const Job* job = s_.jobs_.find(said.id);
  const auto wrong = [&](const std::string& what) {
    throw Violation("explain is wrong of job " + said.id.text() + ", which " + describe(said.id) + ": " +
                    what + "; it says " + text_of(said) + describe_pools());
  };
  const bool is_end = said.reasons.size() == 1 && said.reasons[0].code == "ended" && is_ended(said.state);
  // Who has asked has said with the same words that its outcome has arrived.
  if (job == nullptr && is_end) return;
  if (job == nullptr) wrong("it is not there");
  if (said.state != job->state) wrong("it is told to be " + std::string(to_string(said.state)));
  const Truth truth(*this, *job);
  Truth::Reasons reasons;
  for (const WaitReason& reason : said.reasons) reasons.emplace(reason.code, reason.subject);
  Truth::Reasons true_ones = truth.reasons();
  // Who is held up may be told so, also where something else keeps it as well.
  if (truth.is_held_up())
    std::erase_if(
        reasons, [](const auto& reason) { return reason.first == "on_disk" || reason.first == "pool_busy"; });
  if (truth.is_held_up())
    std::erase_if(true_ones, [](const auto& reason) {
      return reason.first == "on_disk" || reason.first == "pool_busy";
    });
  Truth::Reasons missing;
  Truth::Reasons invented;
  std::set_difference(true_ones.begin(), true_ones.end(), reasons.begin(), reasons.end(),
                      std::inserter(missing, missing.end()));
  std::set_difference(reasons.begin(), reasons.end(), true_ones.begin(), true_ones.end(),
                      std::inserter(invented, invented.end()));
  if (!missing.empty()) wrong("it does not say " + missing.begin()->first + " " + missing.begin()->second);
  if (!invented.empty()) wrong("it says " + invented.begin()->first + " " + invented.begin()->second);
  if (moment == Moment::between_turns && said.reasons.empty() && !truth.is_held_up())
    wrong("it says nothing");
  for (const WaitReason& reason : said.reasons) {
    if (reason.text.empty()) wrong(reason.code + " has no words");
    if (moment == Moment::between_turns && reason.until != WallTime() && reason.until <= now_.wall)
      wrong(reason.code + " is to be over by " + std::to_string(reason.until.time_since_epoch().count()));
    if (reason.code == "behind" && reason.count != truth.before_it())
      wrong(std::to_string(truth.before_it()) + " are before it");
    if (const auto culprits = truth.culprits(reason)) {
      if (reason.count != culprits->size()) wrong(reason.code + " is of " + std::to_string(culprits->size()));
      for (const JobId& id : reason.jobs) {
        const Job* other = s_.jobs_.find(id);
        if (!culprits->contains(id) || other == nullptr) wrong(reason.code + " is not of " + id.text());
        if (asker != 0 && other->owner != asker) wrong("job " + id.text() + " is not the asker's");
      }
    }
  }
}

}  // namespace promised::test
