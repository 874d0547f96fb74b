// SPDX-License-Identifier: Apache-2.0
// Sessions: who comes, what has arrived, who goes; and where each request goes.
#include <algorithm>
#include <utility>

#include "common/printable.hpp"
#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// Bytes of a program's name that are kept for who asks who it was.
constexpr std::size_t kMostProgram = 64;

message::Refused not_permitted(const Identity& who) {
  return {.code = "not_permitted",
          .message = "user " + std::to_string(who.uid) +
                     " may not use this daemon; the administrator grants it in section [access]"};
}

}  // namespace

void Scheduler::on(event::Requested&& e, Turn& t) {
  if (!store_failure_.empty()) {
    refuse(e.session, e.request.number, {.code = "store_failed", .message = store_failure_}, t);
    return;
  }
  if (const auto* greeting = std::get_if<message::Hello>(&e.request.body)) {
    hello(e, *greeting, t);
    return;
  }
  Session* session = sessions_.find(e.session);
  if (session == nullptr) {
    refuse(
        e.session, e.request.number,
        {.code = "no_session", .message = "this connection has not said Hello, or the daemon has closed it"},
        t);
    return;
  }
  const std::uint64_t received = e.request.received;
  Asked asked{e, *session};
  if (held_.concerns(e)) {
    hold(asked, t);
    acknowledge(*session, received, t);
    return;
  }
  if (wait_for_backlog(asked, t)) {
    acknowledge(*session, received, t);
    return;
  }
  std::visit(
      [&](auto& body) {
        using Body = std::remove_cvref_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, message::Bye>) {
          acknowledge(*session, received, t);
          t.plan.effects.emplace_back(effect::CloseSession{session->id});
          close_session(*session, event::Departure::for_good, t);
          session = nullptr;
        } else if constexpr (!std::is_same_v<Body, std::monostate> && !std::is_same_v<Body, message::Hello>) {
          on(asked, body, t);
        }
      },
      e.request.body);
  if (session != nullptr) acknowledge(*session, received, t);
}

void Scheduler::hello(event::Requested& e, const message::Hello& greeting, Turn& t) {
  if (sessions_.find(e.session) != nullptr) {
    refuse(e.session, e.request.number,
           {.code = "bad_request", .message = "this connection has said Hello already"}, t);
    return;
  }
  const auto turn_away = [&](message::Refused refused) {
    refuse(e.session, e.request.number, std::move(refused), t);
    t.plan.effects.emplace_back(effect::CloseSession{e.session});
  };
  if (greeting.protocol != message::kClientProtocol) {
    turn_away({.code = "protocol",
               .message = "this daemon (" + around_.version + ") speaks client protocol " +
                          std::to_string(message::kClientProtocol) + ", the client speaks " +
                          std::to_string(greeting.protocol) + "; update the older of the two"});
    return;
  }
  if (Session* before = sessions_.find_client(greeting.client, e.who.uid); before != nullptr) {
    t.plan.effects.emplace_back(effect::CloseSession{before->id});
    close_session(*before, event::Departure::for_now, t);
  }
  const Standing standing = gate_.standing(e.who);
  if (standing == Standing::nobody) {
    turn_away(not_permitted(e.who));
    return;
  }
  if (auto refused = accounts_.check(e.who.uid, Quantity::clients)) {
    turn_away(std::move(*refused));
    return;
  }
  accounts_.add(e.who.uid, Quantity::clients);
  Session& session = sessions_.open(e.session);
  session.who = e.who;
  session.standing = standing;
  session.program = beginning_of(greeting.program, kMostProgram);
  for (const auto& [id, worker] : workers_) {
    if (worker->pid != 0 && worker->pid == e.who.session) session.worker = id;
  }
  sessions_.set_client(session, greeting.client);
  client_is_back(session);
  reply(e.session, e.request.number,
        message::Welcome{message::kClientProtocol, around_.version, around_.instance,
                         settings_.limits.max_message},
        false, t);
}

void Scheduler::on(event::SessionGone&& e, Turn& t) {
  if (Session* session = sessions_.find(e.session); session != nullptr) close_session(*session, e.how, t);
}

void Scheduler::close_session(Session& session, event::Departure how, Turn& t) {
  const auto under_way = std::exchange(session.under_way, {});
  const auto held_back = std::exchange(session.held_back, {});
  accounts_.subtract(session.who.uid, Quantity::watches, session.watches);
  accounts_.subtract(session.who.uid, Quantity::clients);
  leave_followed(session);
  subscriptions_.leave(session.id);
  const SessionId id = session.id;
  const std::uint64_t tag = session.tag();
  const std::uint32_t owner = session.who.uid;
  sessions_.erase(session);
  release_held(held_.take(id));
  for (const Delivery& delivery : under_way) {
    if (delivery.own) not_arrived(delivery.job, t);
  }
  for (const HeldBack& outcome : held_back) {
    if (Job* job = jobs_.find(outcome.job); job != nullptr) --job->listeners().held_back;
    if (outcome.to.own) not_arrived(outcome.job, t);
  }
  client_has_gone(tag, owner, how, t);
}

void Scheduler::refuse(SessionId session, std::uint64_t number, message::Refused refused, Turn& t) {
  ++refused_;
  reply(session, number, std::move(refused), false, t);
}

void Scheduler::reply(SessionId session, std::uint64_t number, decltype(message::Reply::body) body,
                      bool after_commit, Turn& t) {
  auto& effects = after_commit ? t.plan.after_commit : t.plan.effects;
  effects.emplace_back(effect::Send{session, message::Reply{number, 0, std::move(body)}, {}});
}

bool Scheduler::may(const Asked& asked, const Job& job, Touch touch) const {
  if (Gate::may_touch(asked.session.standing, asked.uid(), job.owner)) return true;
  if (touch == Touch::steer || job.name == nullptr || job.name->owner != kSharedOwner) return false;
  return gate_.may_use(asked.session.who, asked.session.standing, job.name->name,
                       touch == Touch::name ? NameUse::write : NameUse::read);
}

Job* Scheduler::find(Asked& asked, const message::Key& key, Touch touch, Turn& t) {
  State state = State::unknown;
  bool waits_for_disk = false;
  if (key.name.size() > settings_.limits.max_name) {
    refuse(asked.event.session, asked.number(), name_too_long(key.name), t);
    return nullptr;
  }
  if (!key.name.empty()) {
    const NameUse use = touch == Touch::look ? NameUse::read : NameUse::write;
    if (!gate_.may_use(asked.session.who, asked.session.standing, key.name, use)) {
      refuse(asked.event.session, asked.number(), name_not_permitted(asked, key.name, use), t);
      return nullptr;
    }
    if (NameEntry* entry = names_.find(name_owner(asked.uid(), key.name), key.name); entry != nullptr) {
      if (entry->job != nullptr && may(asked, *entry->job, touch)) return entry->job;
      if (entry->job != nullptr) {
        refuse(asked.event.session, asked.number(),
               {.code = "not_permitted",
                .message = "the future \"" + key.name + "\" is a job of user " +
                           std::to_string(entry->job->owner) +
                           ": only that user and administrators may cancel or change it"},
               t);
        return nullptr;
      }
      state = entry->tombstone;
      // That the name is gone is not told before it is so after a crash too.
      waits_for_disk = entry->batch > around_.store.committed;
    }
    std::string why = "no future is remembered as \"" + key.name + "\"";
    if (state == State::lapsed)
      why = "the future remembered as \"" + key.name + "\" has lapsed: its lifespan is over";
    if (state == State::forgotten) why = "the future remembered as \"" + key.name + "\" was forgotten";
    if (waits_for_disk && is_stalled()) {
      refuse(asked.event.session, asked.number(), too_much_unwritten(), t);
      return nullptr;
    }
    ++refused_;
    reply(asked.event.session, asked.number(),
          message::Refused{.code = "no_such_future", .message = why, .state = state}, waits_for_disk, t);
    return nullptr;
  }
  Job* job = jobs_.find(key.id);
  if (job == nullptr) job = jobs_.find(asked.session.joined_by(key.id));
  if (job != nullptr && may(asked, *job, touch)) return job;
  const Graves::Grave* grave = job == nullptr ? graves_.find(key.id) : nullptr;
  if (grave != nullptr && Gate::may_touch(asked.session.standing, asked.uid(), grave->owner)) {
    refuse(asked.event.session, asked.number(), lapsed(key.id), t);
    return nullptr;
  }
  if (job != nullptr && may(asked, *job, Touch::look)) {
    refuse(asked.event.session, asked.number(),
           {.code = "not_permitted",
            .message = "job " + key.id.text() + " is one of user " + std::to_string(job->owner) +
                       ", and has a shared name that you may only read"},
           t);
    return nullptr;
  }
  refuse(asked.event.session, asked.number(),
         {.code = "no_such_future", .message = "there is no job " + key.id.text(), .state = state}, t);
  return nullptr;
}

}  // namespace promised
