// SPDX-License-Identifier: Apache-2.0
// What administrators have done to the store while the daemon goes on: check, backup, compact. One at a time,
// since each of them reads all of it.
#include <string>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

std::string doing(StoreTask task) {
  switch (task) {
    case StoreTask::check:
      return "checking the store";
    case StoreTask::backup:
      return "backing up the store";
    case StoreTask::compact:
      return "compacting the store";
  }
  return "working on the store";
}

}  // namespace

void Scheduler::on(Asked& asked, message::StoreCommand& command, Turn& t) {
  const SessionId session = asked.event.session;
  if (!Gate::may_maintain(asked.session.standing)) {
    refuse(session, asked.number(),
           {.code = "not_permitted",
            .message = "only an administrator may have the store checked, backed up or compacted, and user " +
                       std::to_string(asked.uid()) + " is none (section [access], key admins, says who is)"},
           t);
    return;
  }
  if (draining_) {
    refuse(session, asked.number(),
           {.code = "interrupted", .message = "the daemon is stopping; ask the one that comes after it"}, t);
    return;
  }
  if (maintenance_) {
    refuse(session, asked.number(), {.code = "busy", .message = still_at_it(t.now)}, t);
    return;
  }
  maintenance_ = Maintenance{command.task, asked.uid(), asked.event.session, asked.number(), t.now.steady};
  t.plan.effects.emplace_back(effect::MaintainStore{command.task, std::move(command.path)});
}

std::string Scheduler::still_at_it(Now now) const {
  const auto since = std::chrono::duration_cast<std::chrono::seconds>(now.steady - maintenance_->began);
  return "the daemon has been " + doing(maintenance_->task) + " for user " +
         std::to_string(maintenance_->uid) + " for " + std::to_string(since.count()) + " s, and " +
         std::to_string(around_.maintenance_percent) +
         " % of it is done; try again when that has ended (`promisectl status` shows it)";
}

/// Who asked may be gone; then the daemon's log alone has it.
void Scheduler::on(event::StoreMaintained&& e, Turn& t) {
  const Maintenance done = *std::exchange(maintenance_, std::nullopt);
  if (sessions_.find(done.session) == nullptr) return;
  if (e.problem) {
    refuse(done.session, done.number, {.code = e.problem->code, .message = e.problem->message}, t);
  } else {
    reply(done.session, done.number, message::StoreDone{std::move(e.report)}, false, t);
  }
}

}  // namespace promised
