// SPDX-License-Identifier: Apache-2.0
// What clients say, and what they make of the answers.
#include <algorithm>
#include <array>
#include <utility>

#include "tests/unit/decide/property/world.hpp"

namespace promised::test {
namespace {

using namespace std::chrono_literals;

constexpr std::array<const char*, 5> kFunctions{"f", "g", "h", "f", "g"};

}  // namespace

World::Entry* World::entry(std::uint32_t number) {
  const auto found = entries_.find(number);
  return found == entries_.end() ? nullptr : &found->second;
}

World::Entry& World::entry(const JobId& id) {
  const auto number = numbers_.find(id);
  if (number == numbers_.end()) throw Violation("nobody has submitted job " + id.text());
  return entries_.at(number->second);
}

void World::ask(Client& client, const Entry* about, decltype(message::Request::body) body,
                const std::string& payload) {
  const std::uint64_t number = ++client.number;
  if (about != nullptr) client.asked[number] = about->number;
  message::Request request{number, number % 3 == 0 ? client.received : 0, std::move(body)};
  tell(event::Requested{
      *client.session, {client.uid, client.uid, 4711}, std::move(request), Payload(payload)});
}

Options World::options_of(const Step& step) {
  Dice dice(step.detail);
  const auto one_in = [&](std::uint64_t n) { return dice.below(n) == 0; };
  Options options;
  choose_timing(options, dice);
  if (one_in(4)) options.quota(one_in(2) ? "qa" : "qb");
  if (one_in(6)) options.exclusive(one_in(2) ? "k1" : "k2");
  if (one_in(8)) options.quota("k1", 1 + static_cast<std::uint32_t>(dice.below(3)));
  if (narrow_ && !one_in(8)) return options;
  options.queue(kQueues[dice.below(4) % kQueues.size()]);
  if (one_in(3)) options.priority(static_cast<int>(dice.below(3)) - 1);
  if (one_in(3)) options.durability(Durability::memory);
  if (one_in(10)) {
    options.at_most_once().retries(0);
  } else if (one_in(4)) {
    options.retry_on(Retry::crash);
  }
  if (one_in(8)) options.timeout(one_in(2) ? 100ms : 4000ms);
  if (one_in(10)) options.run_timeout(500ms);
  if (one_in(10)) options.progress_timeout(300ms);
  if (one_in(10)) options.deadline(6000ms);
  if (one_in(12)) options.abandon(Abandon::cancel, 500ms);
  if (one_in(6)) {
    constexpr std::array<Duplicate, 3> kKinds{Duplicate::raise, Duplicate::replace, Duplicate::keep};
    constexpr std::array<std::chrono::milliseconds, 3> kLifespans{0ms, 1000ms, 60'000ms};
    options.remember("n" + std::to_string(dice.below(4)), kLifespans[dice.below(3)], kKinds[dice.below(3)]);
  }
  return options;
}

/// When it may begin, when it must, and how often it is tried.
void World::choose_timing(Options& options, Dice& dice) const {
  const auto one_in = [&](std::uint64_t n) { return dice.below(n) == 0; };
  constexpr std::array<std::chrono::milliseconds, 4> kMoments{1ms, 40ms, 700ms, 5000ms};
  const auto moment = [&] { return kMoments[dice.below(kMoments.size())]; };
  if (one_in(8)) {
    options.delay(moment());
  } else if (one_in(8)) {
    options.begin_after(now_.wall + moment() - 500ms);
  }
  if (one_in(10)) options.begin_by(moment());
  if (one_in(4)) {
    options.retries(1 + static_cast<std::uint32_t>(dice.below(3)));
    if (one_in(2)) options.backoff(Backoff::exponential(moment(), 5000ms, one_in(2) ? 0.5 : 0));
    if (one_in(4)) options.backoff(Backoff::fixed(0ms));
  }
  if (one_in(12)) options.unique();
}

World::Entry* World::new_entry(const Step& step) {
  const std::size_t client = step.who % clients_.size();
  if (!clients_[client].session || entries_.contains(step.job)) return nullptr;
  Entry& made = entries_[step.job];
  made.number = step.job;
  made.made = now_.wall;
  made.client = static_cast<std::uint32_t>(client);
  made.id = make_id(IdOf::job, step.job);
  made.function = kFunctions[(step.detail >> 32) % kFunctions.size()];
  if (narrow_ && (step.detail >> 36) % 8 != 0) made.function = "f";
  if ((step.detail >> 40) % 40 == 0) made.function = "nobody";
  made.options = options_of(step);
  made.arguments = "of " + made.id.text();
  // An equal one that joins it may bring a name.
  made.may_lapse = !made.options.name().empty() || std::as_const(made.options).unique();
  numbers_[made.id] = made.number;
  ++tally_.jobs;
  return &made;
}

void World::submit(const Step& step) {
  Entry* made = new_entry(step);
  if (made == nullptr) return;
  // What is unique has equals.
  if (std::as_const(made->options).unique()) made->arguments = "of unique " + std::to_string(step.detail % 2);
  send_submit(clients_[made->client], *made);
}

void World::send_submit(Client& client, Entry& entry) {
  if (entry.follows != Follows::nothing || !entry.nodes.empty()) {
    send_kin(client, entry);
  } else {
    ask(client, &entry, message::Submit{entry.id, entry.function, entry.options}, entry.arguments);
  }
}

/// As the client library does: what was not accepted is submitted again, what was is asked for.
void World::come_back(Client& client) {
  if (!client.subscriptions.empty()) turn();  // what has happened before is not told
  client.session = SessionId{next_session_++};
  client.received = 0;
  client.asked.clear();
  const std::size_t index = static_cast<std::size_t>(&client - clients_.data());
  sessions_[*client.session] = index;
  ask(client, nullptr, message::Hello{message::kClientProtocol, client.id, "story"});
  subscribe_again(client);
  for (auto& [number, entry] : entries_) {
    if (entry.client != index || !entry.is_open()) continue;
    if (entry.accepted) {
      ask(client, &entry, message::Watch{{entry.id, {}}});
    } else {
      send_submit(client, entry);
    }
  }
}

/// While too much waited for the disk it may have been refused.
void World::ask_again(Client& client) {
  const std::size_t index = static_cast<std::size_t>(&client - clients_.data());
  for (auto& [number, entry] : entries_) {
    if (entry.client == index && entry.is_open() && entry.accepted)
      ask(client, &entry, message::Watch{{entry.id, {}}});
  }
}

void World::leave(Client& client, std::uint64_t detail) {
  if (!client.session) return;
  const bool for_good = detail % 4 == 0;
  const auto how = for_good ? event::Departure::for_good : event::Departure::for_now;
  if (for_good && detail % 8 == 0) {
    ask(client, nullptr, message::Bye{});
  } else {
    tell(event::SessionGone{*client.session, how});
  }
  lose_session(client);
  const std::size_t index = static_cast<std::size_t>(&client - clients_.data());
  for (auto& [number, entry] : entries_) {
    if (entry.client != index) continue;
    entry.may_lapse |= entry.options.abandon() == Abandon::cancel;
    entry.orphan |= for_good;
  }
}

/// Everything that is said of a job that is there, or was.
void World::steer(const Step& step) {
  Client& client = clients_[step.who % clients_.size()];
  if (!client.session) return;
  if (step.kind == Step::Kind::acknowledge) {
    message::Request request{++client.number, client.received, std::monostate{}};
    tell(event::Requested{*client.session, {client.uid, client.uid, 4711}, std::move(request), {}});
    return;
  }
  if (step.kind == Step::Kind::explain) {
    explain(client, step);
    return;
  }
  Entry* about = entry(step.job);
  if (about == nullptr) return;
  const message::Key key{about->id, {}};
  switch (step.kind) {
    case Step::Kind::cancel:
      ask(client, about, message::Cancel{key, step.detail % 3 == 0, "why not"});
      break;
    case Step::Kind::withdraw:
      ask(client, nullptr, message::Withdraw{{about->id}});
      break;
    case Step::Kind::adjust:
      ask(client, nullptr, message::Adjust{about->id, std::chrono::milliseconds(1 + step.detail % 4000), {}});
      break;
    case Step::Kind::remember:
      about->may_lapse = true;
      ask(client, nullptr,
          message::Remember{
              about->id, "n" + std::to_string(step.detail % 4), 1000ms, Duplicate::replace, {}});
      break;
    case Step::Kind::retry:
      // It may have joined an equal one, which that is said of then.
      for (auto& [number, other] : entries_) {
        const bool equal = std::as_const(about->options).unique() && other.function == about->function &&
                           other.arguments == about->arguments;
        if (&other == about || equal) other.retried = other.may_run_again = true;
      }
      ++tally_.retried;
      ask(client, nullptr, message::RetryJob{key});
      break;
    case Step::Kind::forget:
      ask(client, nullptr, message::Forget{{{}, "n" + std::to_string(step.detail % 4)}});
      break;
    default:
      ask(client, nullptr, message::Show{.key = key});
      ask(client, nullptr, message::StatusQuery{});
  }
}

void World::hear(SessionId session, const message::Reply& reply, const Payload& payload) {
  if (const auto* events = std::get_if<message::Events>(&reply.body))
    hear_events(session, reply.number, *events);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;  // the client is gone, and the message is lost
  Client& client = clients_[found->second];
  if (hear_refused_subscription(client, session, reply)) return;
  if (found->second == 0 && hear_cleared(reply.number, reply)) return;
  client.received = std::max(client.received, reply.delivery);
  const auto asked = client.asked.find(reply.number);
  Entry* about = asked == client.asked.end() ? nullptr : entry(asked->second);
  if (const auto* accepted = std::get_if<message::Accepted>(&reply.body)) {
    for (const std::uint64_t number : accepted->numbers) {
      Entry& of = entries_.at(client.asked.at(number));
      if (of.durable() && !store_.has_had(of.id))
        throw Violation("job " + of.id.text() + " is told to be accepted before it is on disk");
      of.accepted = true;
    }
  } else if (const auto* ended = std::get_if<message::Ended>(&reply.body)) {
    hear_outcome(*ended, payload);
  } else if (const auto* refused = std::get_if<message::Refused>(&reply.body);
             refused != nullptr && about != nullptr) {
    if (about->client == found->second) hear_refused(*about, *refused);
  } else if (const auto* known = std::get_if<message::Known>(&reply.body);
             known != nullptr && about != nullptr) {
    if (known->id != about->id && !about->accepted && std::as_const(about->options).unique()) {
      about->refused = true;  // it is no job: it has joined one
      ++tally_.joined;
    }
    const bool cancelled = known->effect && !is_ended(known->state);
    if (cancelled && known->id == about->id && !about->outcome) about->cancel_told = true;
  }
}

void World::hear_refused(Entry& entry, const message::Refused& refused) {
  const bool may_be_gone = entry.outcome || entry.may_be_lost || entry.may_lapse || !entry.accepted;
  // Only its Submit, its Watch and its Cancel are known by their number; a limit is no word about the job.
  if (refused.code == "no_such_future" && !may_be_gone)
    throw Violation("job " + entry.id.text() + " was accepted, and is lost: " + refused.message);
  if (refused.code == "no_such_future" || !entry.accepted) entry.refused = true;
}

void World::hear_outcome(const message::Ended& ended, const Payload& result) {
  Entry& of = entry(ended.id);
  const std::string job = "job " + ended.id.text();
  const std::string told(to_string(ended.state));
  if (!is_ended(ended.state)) throw Violation(job + " is told to have ended, and is " + told);
  // What is in memory may run once more after a daemon that had forgotten it.
  if (of.outcome && *of.outcome != ended.state && !of.may_be_lost && !of.may_run_again)
    throw Violation(job + " ends as " + std::string(to_string(*of.outcome)) + ", and then as " + told);
  if (of.cancel_told && ended.state != State::cancelled && !of.may_be_lost && !of.retried)
    throw Violation(job + " is told to be cancelled, and ends as " + told);
  if (!of.may_be_lost && !of.may_run_again && !of.retried) news_.check_end(ended.id, ended.state);
  check_commands(of, ended.state);
  if (ended.state == State::succeeded) check_result(of, result.view());
  if (!of.outcome) ++tally_.outcomes;
  if (ended.failure.cause == Cause::interrupted) ++tally_.interrupted;
  of.outcome = ended.state;
}

}  // namespace promised::test
