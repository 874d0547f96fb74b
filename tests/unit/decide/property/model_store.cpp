// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/decide/property/model_store.hpp"

#include <algorithm>
#include <tuple>

namespace promised::test {

void ModelStore::apply(const Change& change) {
  std::visit([this](const auto& c) { apply_to(c); }, change);
}

ModelStore::Row* ModelStore::row(const JobId& id) {
  const auto it = rows_.find(id);
  return it == rows_.end() ? nullptr : &it->second;
}

const ModelStore::Row* ModelStore::find(const JobId& id) const {
  const auto it = rows_.find(id);
  return it == rows_.end() ? nullptr : &it->second;
}

void ModelStore::apply_to(const change::InsertJob& c) {
  // The real store would fail, and the daemon with it.
  if (rows_.contains(c.id)) throw Violation("job " + c.id.text() + " is inserted twice");
  const Options& options = c.options;
  if (options.delay().count() < 0 || options.begin_by().count() < 0 || options.deadline().count() < 0)
    throw Violation("job " + c.id.text() + " is inserted with a time before all times");
  Row& made = rows_[c.id];
  had_.insert(c.id);
  made.job.id = c.id;
  made.job.owner = c.owner;
  made.job.function = c.function;
  made.job.options = c.options;
  made.job.arguments = c.arguments;
  made.job.submitted = c.submitted;
  made.job.arguments_size = c.arguments.size();
  made.job.client = c.client;
  made.job.due = c.due;
  made.job.command = c.command;
  made.job.number = c.backlog ? c.number : 0;
  made.backlog = c.backlog;
  made.known = c.known;
  made.quotas = c.quotas;
}

void ModelStore::apply_to(const change::StartJob& c) {
  Row* found = row(c.id);
  if (found == nullptr) return;
  found->job.started = true;
  found->job.attempts = c.attempts;
}

void ModelStore::apply_to(const change::RequeueJob& c) {
  Row* found = row(c.id);
  if (found == nullptr) return;
  found->job.started = false;
  found->job.attempts = c.attempts;
  found->job.interruptions = c.interruptions;
  found->job.crashes = c.crashes;
  found->job.failure = c.failure;
  found->job.due = c.due;
}

void ModelStore::apply_to(const change::AdjustJob& c) {
  if (Row* found = row(c.id); found != nullptr)
    found->job.options.timeout(c.timeout).run_timeout(c.run_timeout);
}

void ModelStore::apply_to(const change::KnowJob& c) {
  if (Row* found = row(c.id); found != nullptr && found->backlog) found->known = true;
}

void ModelStore::apply_to(const change::CancelJob& c) {
  if (Row* found = row(c.id); found != nullptr) found->job.reason = c.reason;
}

void ModelStore::apply_to(const change::EndJob& c) {
  Row* found = row(c.id);
  if (found == nullptr) return;
  if (is_ended(found->job.state)) throw Violation("job " + c.id.text() + " ends twice");
  found->job.state = c.state;
  found->job.started = false;
  found->job.attempts = c.attempts;
  found->job.result_size = c.result.size();
  found->job.began = c.started;
  found->job.ended = c.ended;
  found->job.failure = c.failure;
  found->job.reason = c.reason;
  if (c.state != State::failed) found->job.arguments = {};
  found->job.due = {};
  found->job.crashes = c.crashes;
  found->result = c.result;
  found->backlog = found->known = false;
}

void ModelStore::apply_to(const change::DeleteJob& c) {
  rows_.erase(c.id);
  if (c.has_link) links_.erase(c.id);
}

void ModelStore::apply_to(const change::TellJob& c) {
  if (Row* found = row(c.id); found != nullptr) found->job.told = c.told;
}

void ModelStore::apply_to(const change::TakeJob& c) {
  if (Row* found = row(c.id); found != nullptr) found->job.client = c.client;
}

void ModelStore::apply_to(const change::SetName& c) {
  names_[{c.owner, c.name}] = {c.owner, c.name, State::pending, c.id, c.lifespan, {}};
}

void ModelStore::apply_to(const change::DropName& c) {
  names_[{c.owner, c.name}] = {c.owner, c.name, c.tombstone, {}, {}, c.until};
}

void ModelStore::apply_to(const change::DeleteName& c) {
  names_.erase({c.owner, c.name});
}

void ModelStore::apply_to(const change::BuryId& c) {
  graves_[c.id] = {c.id, c.owner, c.guard, c.until};
}

void ModelStore::apply_to(const change::DeleteGrave& c) {
  graves_.erase(c.id);
}

void ModelStore::apply_to(const change::RetryJob& c) {
  Row* found = row(c.id);
  if (found == nullptr) return;
  RecoveredJob& job = found->job;
  job.state = State::pending;
  job.started = false;
  job.interruptions = 0;
  job.result_size = 0;
  job.began = job.ended = WallTime();
  job.due = c.due;
  job.reason.clear();
  job.client = 0;
  job.told = {};
  job.options.delay(std::chrono::milliseconds(0)).begin_by(std::chrono::milliseconds(0));
  job.options.deadline(std::chrono::milliseconds(0));
}

void ModelStore::apply_to(const change::SteerQueue& c) {
  queues_[c.queue.name] = c.queue;
}

void ModelStore::apply_to(const change::SteerQuota& c) {
  quotas_[c.quota.name] = c.quota;
}

void ModelStore::apply_to(const change::LinkJob& c) {
  if (rows_.contains(c.id)) links_[c.id] = c.link;
}

void ModelStore::apply_to(const change::ReadyJob& c) {
  if (const auto link = links_.find(c.id); link != links_.end()) link->second.phase = Link::Phase::ready;
  Row* found = row(c.id);
  if (found == nullptr) return;
  found->job.submitted = c.submitted;
  found->job.due = c.due;
  found->job.arguments = c.arguments;
  found->job.arguments_size = c.arguments.size();
}

void ModelStore::restore(Scheduler& scheduler, Now now, Plan& plan) const {
  for (const auto& [name, queue] : queues_) scheduler.restore(queue);
  for (const auto& [name, quota] : quotas_) scheduler.restore(quota);
  for (const auto& [id, link] : links_) scheduler.restore(RecoveredLink{id, link});
  std::map<std::tuple<std::string, std::string, std::string, int, std::uint32_t>, RecoveredBacklog> parts;
  std::vector<const Row*> known;
  std::vector<const Row*> others;
  for (const auto& [id, row] : rows_) {
    if (!row.backlog) {
      others.push_back(&row);
      continue;
    }
    const RecoveredJob& job = row.job;
    auto& part = parts[{job.options.queue(), job.function, row.quotas, job.options.priority(), job.owner}];
    if (part.count++ == 0 || job.submitted < part.first) part.first = job.submitted;
    part.queue = job.options.queue();
    part.function = job.function;
    part.quotas = row.quotas;
    part.priority = job.options.priority();
    part.owner = job.owner;
    if (row.known) known.push_back(&row);
  }
  for (const auto& [place, part] : parts) scheduler.restore(part);
  for (const auto& [id, row] : rows_) {
    if (row.backlog) scheduler.restore_backlog_id(id);
  }
  const auto place = [](const Row* row) {
    return row->job.due == WallTime() ? row->job.submitted : row->job.due;
  };
  const auto in_order = [&](const Row* a, const Row* b) { return place(a) < place(b); };
  std::sort(known.begin(), known.end(), in_order);
  std::sort(others.begin(), others.end(), in_order);
  for (const Row* row : known) scheduler.restore_known(row->job, now, plan);
  for (const Row* row : others) {
    RecoveredJob job = row->job;
    if (is_ended(job.state)) job.arguments = {};
    scheduler.restore(std::move(job), now, plan);
  }
  for (const auto& [key, name] : names_) scheduler.restore(name, now, plan);
  std::vector<RecoveredGrave> graves;
  for (const auto& [id, grave] : graves_) graves.push_back(grave);
  std::stable_sort(graves.begin(), graves.end(),
                   [](const auto& a, const auto& b) { return a.until < b.until; });
  for (const RecoveredGrave& grave : graves) scheduler.restore(grave);
}

std::vector<RecoveredJob> ModelStore::load_backlog(const effect::LoadBacklog& page) const {
  std::vector<RecoveredJob> found;
  for (const auto& [id, row] : rows_) {
    const RecoveredJob& job = row.job;
    const bool wanted = row.backlog && job.options.queue() == page.queue && job.function == page.function &&
                        row.quotas == page.quotas && job.options.priority() == page.priority &&
                        job.submitted > page.after;
    if (wanted) found.push_back(job);
  }
  std::sort(found.begin(), found.end(),
            [](const RecoveredJob& a, const RecoveredJob& b) { return a.submitted < b.submitted; });
  if (found.size() > page.most) found.resize(page.most);
  return found;
}

/// Of a queue; nothing else is searched for here.
void ModelStore::find_in_backlog(BacklogSearch& search) const {
  std::vector<RecoveredJob> all;
  for (const auto& [id, row] : rows_) {
    const bool wanted =
        row.backlog && row.job.options.queue() == search.queue && (search.below.empty() || id < search.below);
    if (wanted) all.push_back(row.job);
  }
  std::sort(all.begin(), all.end(), [](const RecoveredJob& a, const RecoveredJob& b) { return b.id < a.id; });
  if (all.size() > search.most) all.resize(search.most);
  for (RecoveredJob& job : all) {
    job.arguments = {};
    search.below = job.id;
  }
  search.found = std::move(all);
}

std::optional<RecoveredJob> ModelStore::load_job(const JobId& id) const {
  const Row* found = find(id);
  if (found == nullptr || !found->backlog) return std::nullopt;
  return found->job;
}

Payload ModelStore::load_arguments(const JobId& id) const {
  const Row* found = find(id);
  return found == nullptr || found->job.state != State::failed ? Payload() : found->job.arguments;
}

std::optional<Payload> ModelStore::load_result(const JobId& id) const {
  const Row* found = find(id);
  if (found == nullptr || found->job.state != State::succeeded) return std::nullopt;
  return found->result;
}

}  // namespace promised::test
