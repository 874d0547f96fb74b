// SPDX-License-Identifier: Apache-2.0
// Sessions: who comes, what has arrived, who goes; and where each request goes.
#include <algorithm>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

message::Refused not_permitted(const Identity& who) {
  return {.code = "not_permitted",
          .message = "user " + std::to_string(who.uid) +
                     " may not use this daemon; the administrator grants it in section [access]"};
}

}  // namespace

void Scheduler::on(event::Requested&& e, Turn& t) {
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
  if (session->standing == Standing::nobody) {
    refuse(e.session, e.request.number, not_permitted(session->who), t);
    return;
  }
  if (follows_held(e)) {
    held_.push_back(std::move(e));
    return;
  }
  const std::uint64_t received = e.request.received;
  Asked asked{e, *session};
  std::visit(
      [&](auto& body) {
        using Body = std::remove_cvref_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, message::Bye>) {
          acknowledge(*session, received, t);
          t.plan.effects.emplace_back(effect::CloseSession{session->id});
          close_session(*session, t);
          session = nullptr;
        } else if constexpr (!std::is_same_v<Body, std::monostate> && !std::is_same_v<Body, message::Hello>) {
          on(asked, body, t);
        }
      },
      e.request.body);
  if (session != nullptr) acknowledge(*session, received, t);
}

void Scheduler::hello(event::Requested& e, const message::Hello& greeting, Turn& t) {
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
    if (before->id == e.session) {
      close_session(*before, t);
    } else {
      t.plan.effects.emplace_back(effect::CloseSession{before->id});
      close_session(*before, t);
    }
  }
  if (sessions_.size() >= settings_.limits.max_clients) {
    turn_away({.code = "limit",
               .message = "max_clients (" + std::to_string(settings_.limits.max_clients) +
                          ") are connected; close some, or raise it in section [limits]"});
    return;
  }
  Session& session = sessions_.open(e.session);
  session.who = e.who;
  session.standing = gate_.standing(e.who);
  sessions_.set_client(session, greeting.client);
  if (session.standing == Standing::nobody) {
    refuse(e.session, e.request.number, not_permitted(e.who), t);
    return;
  }
  reply(e.session, e.request.number,
        message::Welcome{message::kClientProtocol, around_.version, around_.instance,
                         settings_.limits.max_message},
        false, t);
}

void Scheduler::on(event::SessionGone&& e, Turn& t) {
  if (Session* session = sessions_.find(e.session); session != nullptr) close_session(*session, t);
  std::erase_if(held_, [&](const event::Requested& held) { return held.session == e.session; });
}

void Scheduler::close_session(Session& session, Turn& t) {
  const auto keep = [&](const JobId& id) {
    Job* job = jobs_.find(id);
    if (job == nullptr || !job->delivered) return;
    job->delivered = false;
    keep_or_release(*job, t);
  };
  const auto unacknowledged = std::exchange(session.unacknowledged, {});
  const auto held_back = std::exchange(session.held_back, {});
  sessions_.erase(session);
  for (const auto& [delivery, id] : unacknowledged) keep(id);
  for (const auto& id : held_back) keep(id);
}

void Scheduler::acknowledge(Session& session, std::uint64_t received, Turn& t) {
  while (!session.unacknowledged.empty() && session.unacknowledged.front().first <= received) {
    const JobId id = session.unacknowledged.front().second;
    session.unacknowledged.pop_front();
    Job* job = jobs_.find(id);
    if (job == nullptr || !job->delivered) continue;
    job->delivered = false;
    // It may have been given a name meanwhile.
    if (job->name == nullptr || job->more().lifespan == Millis(0)) {
      release(*job, State::lapsed, t);
    } else {
      keep_or_release(*job, t);
    }
  }
  while (!session.held_back.empty() && session.unacknowledged.size() < kDeliveryWindow) {
    const JobId id = session.held_back.front();
    session.held_back.pop_front();
    Job* job = jobs_.find(id);
    if (job == nullptr) continue;
    session.unacknowledged.emplace_back(++session.deliveries, id);
    send_outcome(session, job->number, *job, session.deliveries, t);
  }
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

Job* Scheduler::find(Asked& asked, const message::Key& key, Turn& t) {
  State state = State::unknown;
  if (!key.name.empty()) {
    if (NameEntry* entry = names_.find(asked.uid(), key.name); entry != nullptr) {
      if (entry->job != nullptr) return entry->job;
      state = entry->tombstone;
    }
    std::string why = "no future is remembered as \"" + key.name + "\"";
    if (state == State::lapsed)
      why = "the future remembered as \"" + key.name + "\" has lapsed: its lifespan is over";
    if (state == State::forgotten) why = "the future remembered as \"" + key.name + "\" was forgotten";
    refuse(asked.event.session, asked.number(), {.code = "no_such_future", .message = why, .state = state},
           t);
    return nullptr;
  }
  Job* job = jobs_.find(key.id);
  if (job != nullptr && Gate::may_touch(asked.session.standing, asked.uid(), job->owner)) return job;
  refuse(asked.event.session, asked.number(),
         {.code = "no_such_future", .message = "there is no job " + key.id.text(), .state = state}, t);
  return nullptr;
}

}  // namespace promised
