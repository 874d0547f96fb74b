// SPDX-License-Identifier: Apache-2.0
// Names: remember and forget (SEMANTICS R).
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {

message::Refused Scheduler::name_too_long(const std::string& name) const {
  return {.code = "limit",
          .message = "a name has 1 to max_name (" + std::to_string(settings_.limits.max_name) +
                     ") bytes, given " + std::to_string(name.size())};
}

message::Refused Scheduler::name_not_permitted(const Asked& asked, const std::string& name, NameUse use) {
  const std::string verb = use == NameUse::read ? "read" : "write";
  return {.code = "not_permitted",
          .message = "user " + std::to_string(asked.uid()) + " may not " + verb + " the shared name \"" +
                     name + "\"; the administrator grants it with a line `shared = PREFIX:" + verb +
                     ":USER` in section [access]"};
}

std::optional<message::Refused> Scheduler::check_lifespan(const std::optional<Millis>& lifespan) const {
  const Limits& limits = settings_.limits;
  if (!lifespan || *lifespan <= limits.max_lifespan) return std::nullopt;
  if (*lifespan != kForever) {
    return message::Refused{.code = "limit",
                            .message = "a lifespan is at most max_lifespan (" +
                                       std::to_string(limits.max_lifespan.count()) + " ms), given " +
                                       std::to_string(lifespan->count()) + " ms"};
  }
  if (limits.allow_forever) return std::nullopt;
  return message::Refused{.code = "limit",
                          .message =
                              "a lifespan without an end is not allowed here: allow_forever in section "
                              "[limits] is no; give one of at most max_lifespan (" +
                              std::to_string(limits.max_lifespan.count()) + " ms)"};
}

/// `owner`: of the job that is to have the name.
std::optional<message::Refused> Scheduler::check_name(const Asked& asked, std::uint32_t owner,
                                                      const std::string& name,
                                                      const std::optional<Millis>& lifespan) {
  if (name.empty() || name.size() > settings_.limits.max_name) return name_too_long(name);
  if (!gate_.may_use(asked.session.who, asked.session.standing, name, NameUse::write))
    return name_not_permitted(asked, name, NameUse::write);
  if (auto refused = check_lifespan(lifespan)) return refused;
  owner = name_owner(owner, name);
  // A name that is there already takes no more room: it may be renewed.
  if (names_.find(owner, name) != nullptr) return std::nullopt;
  return accounts_.check(owner, Quantity::names);
}

Scheduler::NameAnswer Scheduler::settle_name(Asked& asked, const std::string& name, Duplicate duplicate,
                                             const Job* but_not, Turn& t) {
  // An administrator names a job for its owner.
  NameEntry* entry = names_.find(name_owner(but_not == nullptr ? asked.uid() : but_not->owner, name), name);
  if (entry == nullptr || entry->job == nullptr || entry->job == but_not) return NameAnswer::take;
  Job& holder = *entry->job;
  switch (duplicate) {
    case Duplicate::keep:
      return NameAnswer::go_unnamed;
    case Duplicate::replace:
      holder.name = nullptr;
      if (holder.durable()) {
        // The new holder may live in memory only: the old one must not come back with the next start.
        t.plan.changes.emplace_back(change::DropName{entry->owner, name, State::forgotten,
                                                     t.now.wall + settings_.limits.keep_tombstones});
      }
      keep_or_release(holder, t);
      return NameAnswer::take;
    case Duplicate::attach: {
      if (const auto* submit = std::get_if<message::Submit>(&asked.event.request.body))
        asked.session.note_joined(submit->id, holder.id);
      // Which job it is comes first; of one that has not ended, watching tells it.
      if (holder.ended()) {
        reply(asked.event.session, asked.number(), message::Known{holder.id, holder.state, false},
              waits_for_disk(holder), t);
      }
      message::Watch watch{.key = {holder.id, {}}};
      on(asked, watch, t);
      return NameAnswer::answered;
    }
    case Duplicate::raise:
      break;
  }
  refuse(
      asked.event.session, asked.number(),
      {.code = "name_taken",
       .message = "the name \"" + name + "\" is held by job " + holder.id.text() + " (" +
                  std::string(to_string(holder.state)) + "); forget it first, or say replace, attach or keep",
       .holder = holder.id,
       .state = holder.state},
      t);
  return NameAnswer::answered;
}

void Scheduler::give_name(Job& job, const std::string& name, std::optional<Millis> lifespan, Turn& t) {
  if (job.name != nullptr && job.name->name != name) take_name(job, State::forgotten, t);
  job.more().lifespan = lifespan.value_or(settings_.limits.default_lifespan);
  job.was_named = true;
  const std::uint32_t owner = name_owner(job.owner, name);
  job.name = &names_.hold(owner, name, job);
  write(job, t);
  make_known(job, t);
  if (!job.durable()) return;
  job.batch = next_batch();
  t.plan.changes.emplace_back(change::SetName{owner, name, job.id, job.more().lifespan});
}

void Scheduler::take_name(Job& job, State tombstone, Turn& t) {
  if (job.name == nullptr) return;
  NameEntry& entry = *std::exchange(job.name, nullptr);
  const WallTime until = t.now.wall + settings_.limits.keep_tombstones;
  if (job.durable()) t.plan.changes.emplace_back(change::DropName{entry.owner, entry.name, tombstone, until});
  names_.bury(entry, tombstone, until, job.durable() ? next_batch() : 0);
}

void Scheduler::on(Asked& asked, message::Remember& remember, Turn& t) {
  Job* job = jobs_.find(remember.id);
  // An administrator names a job for its owner.
  const std::uint32_t owner = job == nullptr ? asked.uid() : job->owner;
  if (auto refused = check_name(asked, owner, remember.name, remember.lifespan)) {
    refuse(asked.event.session, asked.number(), std::move(*refused), t);
    return;
  }
  if (job == nullptr && remember.outcome) {
    job = keep_known_outcome(asked, remember, t);
    if (job == nullptr) return;
  } else {
    job = find(asked, {remember.id, {}}, Touch::steer, t);
    if (job == nullptr) return;
    if (auto refused = check_disk(*job)) {
      refuse(asked.event.session, asked.number(), std::move(*refused), t);
      return;
    }
    switch (settle_name(asked, remember.name, remember.duplicate, job, t)) {
      case NameAnswer::answered:
        return;
      case NameAnswer::go_unnamed:
        reply(asked.event.session, asked.number(), message::Known{job->id, job->state, false}, false, t);
        return;
      case NameAnswer::take:
        break;
    }
  }
  give_name(*job, remember.name, remember.lifespan, t);
  if (job->ended()) keep_or_release(*job, t);
  reply(asked.event.session, asked.number(), message::Known{remember.id, job->state, true}, job->durable(),
        t);
}

/// The outcome has arrived at the asker and is not here any more: the asker brings it back (SEMANTICS R2).
Job* Scheduler::keep_known_outcome(Asked& asked, message::Remember& remember, Turn& t) {
  message::KnownOutcome& outcome = *remember.outcome;
  std::uint64_t notes_size = 0;
  if (!is_ended(outcome.state) || outcome.function.empty() || remember.id.empty()) {
    refuse(
        asked.event.session, asked.number(),
        {.code = "bad_request", .message = "an outcome to remember has an id, a function and an ended state"},
        t);
    return nullptr;
  }
  if (const Failure& f = outcome.failure;
      f.message.size() > kMostFailureText || f.output.size() > kMostFailureText ||
      f.backtrace.size() > kMostFailureText || f.type.size() > kMostShortText ||
      f.limit.size() > kMostShortText || outcome.reason.size() > kMostShortText) {
    refuse(asked.event.session, asked.number(),
           {.code = "limit",
            .message = "the texts of a failure have at most 64 KiB, its type and its reason 1 KiB"},
           t);
    return nullptr;
  }
  // These are not brought back.
  outcome.told.run = outcome.told.parts = outcome.told.parts_size = 0;
  outcome.told.output_size = outcome.told.output_total = 0;
  for (const NoteView& note : outcome.told.notes) notes_size += Stream::note_size(note.key, note.encoded);
  if (notes_size > settings_.limits.max_notes) {
    refuse(asked.event.session, asked.number(),
           {.code = "limit",
            .message = "the notes of the job have " + std::to_string(notes_size) +
                       " bytes; max_notes allows " + std::to_string(settings_.limits.max_notes)},
           t);
    return nullptr;
  }
  if (graves_.find(remember.id) != nullptr) {
    refuse(asked.event.session, asked.number(), lapsed(remember.id), t);
    return nullptr;
  }
  if (outcome.state != State::succeeded) asked.event.payload = {};
  message::Submit submit{remember.id, outcome.function, Options{}.durability(outcome.durability)};
  if (auto refused = check_submit(asked, submit)) {
    refuse(asked.event.session, asked.number(), std::move(*refused), t);
    return nullptr;
  }
  switch (settle_name(asked, remember.name, remember.duplicate, nullptr, t)) {
    case NameAnswer::answered:
      return nullptr;
    case NameAnswer::go_unnamed:
      reply(asked.event.session, asked.number(), message::Known{remember.id, outcome.state, false}, false, t);
      return nullptr;
    case NameAnswer::take:
      break;
  }
  Job& job = make_job(remember.id, asked.uid(), outcome.function, submit.options.queue(), {});
  job.durability = outcome.durability;
  job.submitted = next_submitted(t.now);
  restore_told(job, std::move(outcome.told));
  accounts_.add(job.owner, Quantity::bytes, kept_bytes(job));
  give_name(job, remember.name, remember.lifespan, t);
  end_job(job, outcome.state, std::move(outcome.failure), std::move(outcome.reason),
          std::move(asked.event.payload), t);
  return &job;
}

void Scheduler::on(Asked& asked, message::Forget& forget, Turn& t) {
  Job* job = find(asked, forget.key, Touch::name, t);
  if (job == nullptr || refuse_stalled(asked, *job, t)) return;
  const bool effect = job->name != nullptr;
  const JobId id = job->id;
  const State state = job->state;
  const bool durable = job->durable();
  if (effect) {
    take_name(*job, State::forgotten, t);
    if (job->ended()) keep_or_release(*job, t);
  }
  reply(asked.event.session, asked.number(), message::Known{id, state, effect}, durable, t);
}

}  // namespace promised
