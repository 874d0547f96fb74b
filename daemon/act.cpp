// SPDX-License-Identifier: Apache-2.0
#include "daemon/act.hpp"

#include <utility>

#include "daemon/ops/log.hpp"

namespace promised {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

void Act::carry_out(std::vector<Effect>& effects, std::vector<Event>& events) {
  const auto act = Overloaded{
      [&](const effect::Send& e) { door_.send(e, events); },
      [&](const effect::CloseSession& e) { door_.close(e); },
      [&](const effect::StartWorker& e) { workers_.start(e, events); },
      [&](const effect::Dispatch& e) { workers_.dispatch(e); },
      [&](const effect::SendNotes& e) { workers_.tell(e); },
      [&](const effect::SendResume& e) { workers_.tell(e); },
      [&](const effect::MarkCancelled& e) { workers_.mark(e); },
      [&](const effect::RevokeUnclaimed& e) { workers_.revoke(e, events); },
      [&](const effect::KillWorker& e) { workers_.kill(e); },
      [&](const effect::StopWorker& e) { workers_.stop(e); },
      [&](const effect::LoadResult& e) { committer_.load(e); },
      [&](const effect::LoadParts& e) { committer_.load(e); },
      [&](const effect::ReadOutput& e) { workers_.read_output(e, events); },
      [&](const effect::LoadOutput& e) { committer_.load(e); },
      [&](const effect::LoadBacklog& e) { committer_.load(e); },
      [&](const effect::LoadJob& e) { committer_.load(e); },
      [&](const effect::LoadArguments& e) { committer_.load(e); },
      [&](const effect::FindInBacklog& e) { committer_.load(e); },
      [&](const effect::MaintainStore& e) { committer_.maintain(e); },
      [&](const effect::StopMaintenance&) { committer_.stop_maintenance(); },
      [&](const effect::MeasureWorker& e) { measure(e, events); },
      [&](const effect::Log& e) {
        e.level == effect::Log::Level::warning ? log::warning(e.text) : log::info(e.text);
      },
      [&](const effect::ReadConfiguration& e) { reloader_.reload(e.session, e.number, events); },
  };
  for (const Effect& e : effects) std::visit(act, e);
  effects.clear();
}

/// What keeps one worker from being measured keeps all: it is said once.
void Act::measure(const effect::MeasureWorker& e, std::vector<Event>& events) {
  const Result<void> measured = workers_.measure(e, events);
  if (!measured.ok() && !std::exchange(told_unmeasured_, true))
    log::warning("recycle_memory has no effect: " + measured.problem().message);
}

void Act::carry_out(Plan& plan, std::vector<Event>& events) {
  // First the disk, so that it works while the rest is sent.
  if (!plan.changes.empty()) submitted_ = committer_.submit(plan.changes);
  carry_out(plan.effects, events);
  if (plan.after_commit.empty()) return;
  if (committed_ >= submitted_) {
    carry_out(plan.after_commit, events);
  } else {
    effects_waiting_ += plan.after_commit.size();
    waiting_.push_back({submitted_, std::exchange(plan.after_commit, {})});
  }
}

void Act::committed(std::uint64_t batch, std::vector<Event>& events) {
  committed_ = batch;
  while (!waiting_.empty() && waiting_.front().batch <= batch) {
    auto effects = std::move(waiting_.front().effects);
    waiting_.pop_front();
    effects_waiting_ -= effects.size();
    carry_out(effects, events);
  }
}

}  // namespace promised
