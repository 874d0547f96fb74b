// SPDX-License-Identifier: Apache-2.0
// Who is told of events. In some stories one client of an administrator is told of everything, and uses it at
// once: what it is told is what has happened. The others subscribe with filters, and read when the story says
// so.
#include <algorithm>
#include <array>
#include <utility>

#include "tests/unit/decide/property/world.hpp"

namespace promised::test {
namespace {

constexpr std::uint64_t kSubscribed = 2;  ///< the witness's request
/// Events that it leaves unused: fewer than may be on their way.
constexpr std::uint64_t kWitnessUses = 200;
constexpr std::size_t kMostOfOneClient = 3;

const Identity kWitness{0, 0, 4712};

message::Subscribe filter_of(std::uint64_t choice) {
  Dice dice(choice);
  const auto one_in = [&](std::uint64_t n) { return dice.below(n) == 0; };
  constexpr std::array<const char*, 3> kGlobs{"f", "?", "*l"};
  message::Subscribe filter;
  if (one_in(2)) filter.kinds = static_cast<std::uint32_t>(dice.below(1U << 10U));
  if (one_in(4)) filter.function = kGlobs[dice.below(kGlobs.size())];
  if (one_in(4)) filter.queue = kQueues[dice.below(kQueues.size())];
  if (one_in(6)) filter.name_prefix = one_in(2) ? "n" : "n1";
  if (one_in(4)) filter.owner = static_cast<std::uint32_t>(1000 + dice.below(2));
  return filter;
}

}  // namespace

void World::begin_witness() {
  witness_ = SessionId{next_session_++};
  witnessed_ = witness_used_ = 0;
  const message::Hello hello{message::kClientProtocol, make_id(IdOf::client, 1000), "witness"};
  tell(event::Requested{*witness_, kWitness, {1, 0, hello}, {}});
  tell(event::Requested{*witness_, kWitness, {kSubscribed, 0, message::Subscribe{}}, {}});
  news_.subscribe({*witness_, kSubscribed}, {}, std::nullopt);
}

/// What has happened in a turn. It has said already that it has used what is still on its way: so nothing
/// that happens is ever lost.
void World::take_news(const Plan& plan) {
  if (!witness_) return;
  for (const Effect& effect : plan.after_commit) {
    const auto* send = std::get_if<effect::Send>(&effect);
    if (send == nullptr || send->session != *witness_) continue;
    const auto* events = std::get_if<message::Events>(&send->reply.body);
    if (events == nullptr) continue;
    if (events->lost > 0) throw Violation("events are lost though they are used at once");
    for (const JobEvent& event : events->events) {
      check_event(event);
      news_.happened(event);
      ++witnessed_;
    }
  }
  if (witnessed_ - witness_used_ < kWitnessUses) return;
  witness_used_ = witnessed_;
  message::Advance advance;
  advance.follow = kSubscribed;
  advance.events_from = witnessed_;
  tell(event::Requested{*witness_, kWitness, {kSubscribed + 1, 0, advance}, {}});
}

/// It is of the job as that was submitted.
void World::check_event(const JobEvent& event) {
  const Entry& of = entry(event.id);
  const auto wrong = [&](const std::string& what) {
    throw Violation("the event " + std::string(to_string(event.kind)) + " of job " + of.id.text() + " has " +
                    what);
  };
  if (!of.function.empty() && event.function != of.function) wrong("the function " + event.function);
  if (event.queue != std::as_const(of.options).queue()) wrong("the queue " + event.queue);
  if (event.owner != (of.command ? kDaemon : clients_[of.client].uid))
    wrong("the owner " + std::to_string(event.owner));
  if (event.at != now_.wall) wrong("another moment than this");
  if (event.kind == EventKind::started && event.attempt == 0) wrong("no attempt");
}

void World::subscribe(Client& client, const Step& step) {
  if (!witness_ || !client.session) return;
  turn();  // what has happened before is not told
  std::vector<News::Key> all;
  news_.each_of(*client.session,
                [&](const News::Key& key, const message::Subscribe&) { all.push_back(key); });
  if (all.size() < kMostOfOneClient && (all.empty() || step.detail % 3 != 0)) {
    message::Subscribe filter = filter_of(step.detail);
    if (bursts_ && filter.kinds != 0) filter.kinds |= 1U << static_cast<unsigned>(EventKind::progress);
    subscribe(client, std::move(filter));
  } else {
    const News::Key& key = all[step.detail % all.size()];
    news_.unsubscribe(key);
    ask(client, nullptr, message::Unsubscribe{key.second});
  }
}

void World::subscribe(Client& client, message::Subscribe filter) {
  const auto owner = client.uid == 0 ? std::nullopt : std::optional(client.uid);
  news_.subscribe({*client.session, client.number + 1}, filter, owner);
  ask(client, nullptr, std::move(filter));
}

void World::subscribe_again(Client& client) {
  for (message::Subscribe& filter : std::exchange(client.subscriptions, {}))
    subscribe(client, std::move(filter));
}

/// It has used all that it has been told.
void World::read(Client& client) {
  if (!client.session) return;
  std::vector<News::Key> all;
  news_.each_of(*client.session,
                [&](const News::Key& key, const message::Subscribe&) { all.push_back(key); });
  for (const News::Key& key : all) {
    message::Advance advance;
    advance.follow = key.second;
    advance.events_from = news_.use(key);
    ask(client, nullptr, advance);
  }
}

void World::read_everything() {
  constexpr int kMostWindows = 100;
  for (int windows = 0; windows < kMostWindows && news_.anything_expected(); ++windows) {
    for (Client& client : clients_) read(client);
    turn();
  }
  news_.nothing_left();
  tally_.news += news_.heard();
  tally_.lost_news += news_.lost();
}

/// Of a durable job nothing is told that a kill of the daemon could still take back.
void World::hear_events(SessionId session, std::uint64_t number, const message::Events& events) {
  if (session != witness_ && !sessions_.contains(session)) return;
  news_.hear({session, number}, events);
  for (const JobEvent& event : events.events) {
    const Entry& of = entry(event.id);
    if (!of.durable() || of.retried) continue;
    const ModelStore::Row* row = store_.find(of.id);
    if (event.kind == EventKind::accepted && !store_.has_had(of.id))
      throw Violation("job " + of.id.text() + " is told to be accepted before it is on disk");
    if (event.kind >= EventKind::succeeded && row != nullptr && !is_ended(row->job.state))
      throw Violation("job " + of.id.text() + " is told to have ended before that is on disk");
  }
}

/// Only an administrator may watch the jobs of others.
bool World::hear_refused_subscription(const Client& client, SessionId session, const message::Reply& reply) {
  const auto* refused = std::get_if<message::Refused>(&reply.body);
  const News::Key key{session, reply.number};
  if (refused == nullptr || !news_.contains(key)) return false;
  bool asked_for_others = false;
  news_.each_of(session, [&](const News::Key& one, const message::Subscribe& filter) {
    asked_for_others |= one == key && filter.owner && *filter.owner != client.uid;
  });
  if (client.uid == 0 || !asked_for_others || refused->code != "not_permitted")
    throw Violation("a subscription is refused: " + refused->message);
  news_.drop(key);
  return true;
}

void World::lose_session(Client& client) {
  if (!client.session) return;
  news_.each_of(*client.session, [&](const News::Key&, const message::Subscribe& filter) {
    client.subscriptions.push_back(filter);
  });
  news_.leave(*client.session);
  sessions_.erase(*client.session);
  client.session.reset();
}

}  // namespace promised::test
