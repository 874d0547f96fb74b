// SPDX-License-Identifier: Apache-2.0
// What workers do, and what may be asked of them.
#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include "tests/unit/decide/property/world.hpp"

namespace promised::test {
namespace {

using namespace std::chrono_literals;

/// A program is called by its functions.
std::vector<FunctionView> functions_of(const std::string& program) {
  const bool has_all = program == "/all" || program == "/everything";
  std::vector<FunctionView> functions;
  for (const char name : has_all ? std::string("fgh") : program.substr(1))
    functions.push_back({std::string(1, name), "() -> text"});
  if (has_all) functions.push_back({"exec", "() -> text"});
  if (program == "/everything") functions.push_back({"nobody", "() -> text"});
  return functions;
}

Failure failure(Cause cause) {
  Failure failure;
  failure.cause = cause;
  failure.message = "as the story has it";
  return failure;
}

}  // namespace

bool World::Hand::can_claim() const {
  return ready && !channel.empty() && !runs() && signal == 0 && !told_to_stop && !leaves;
}

bool World::Hand::can_obey() const {
  return signal != 0 || (told_to_stop && !runs());
}

/// Of those that may, the one that `who` says; null: none may.
template <class May>
World::Hand* World::choose(std::uint32_t who, May may) {
  std::vector<Hand*> some;
  for (auto& [id, hand] : hands_) {
    if (may(hand)) some.push_back(&hand);
  }
  return some.empty() ? nullptr : some[who % some.size()];
}

void World::work(const Step& step) {
  const auto with = [&](auto may, auto what) {
    if (Hand* hand = choose(step.who, may); hand != nullptr) what(*hand);
  };
  const auto runs = [](const Hand& hand) { return hand.can_finish(); };
  switch (step.kind) {
    case Step::Kind::start_worker:
      with([](const Hand& hand) { return !hand.ready; },
           [&](Hand& hand) { start_worker(hand, step.detail); });
      break;
    case Step::Kind::claim:
      with([](const Hand& hand) { return hand.can_claim(); }, [&](Hand& hand) { claim(hand); });
      break;
    case Step::Kind::finish:
      with([](const Hand& hand) { return hand.can_finish() || hand.can_claim(); },
           [&](Hand& hand) { finish(hand, step.detail); });
      break;
    case Step::Kind::crash:
      with([](const Hand&) { return true; },
           [&](Hand& hand) { step.detail % 2 == 0 ? gone(hand, SIGSEGV, 0) : gone(hand, 0, 3); });
      break;
    case Step::Kind::obey:
      with([](const Hand& hand) { return hand.can_obey(); }, [&](Hand& hand) { obey(hand); });
      break;
    case Step::Kind::progress:
      with([](const Hand& hand) { return hand.can_finish() || hand.can_claim(); },
           [&](Hand& hand) { report_progress(hand, step.detail); });
      break;
    case Step::Kind::wait_for:
      with(runs, [&](Hand& hand) { wait_for(hand, step); });
      break;
    default:  // stale
      with([](const Hand& hand) { return hand.ready; },
           [&](Hand& hand) {
             const std::uint32_t next = hand.channel.empty() ? hand.claimed : hand.channel.front().sequence;
             tell(event::AttemptEnded{hand.id, next - 1, {}, 1us, Payload("too late"), {}});
           });
  }
}

void World::start_worker(Hand& hand, std::uint64_t detail) {
  if (detail % 16 == 0) {
    const WorkerId id = hand.id;
    hands_.erase(id);
    tell(event::WorkerStartFailed{id, "the story wants it so"});
    return;
  }
  hand.ready = true;
  tell(event::WorkerStarted{hand.id, static_cast<pid_t>(100 + static_cast<std::uint32_t>(hand.id))});
  tell(event::WorkerReady{hand.id, functions_of(hand.pool->program)});
}

/// Once, or far more often than those who have subscribed have room for.
void World::report_progress(Hand& hand, std::uint64_t detail) {
  constexpr int kAtOnce = 380;
  if (!hand.runs()) claim(hand);
  const bool is_burst = bursts_ && (detail >> 8) % 4 == 0;
  const event::AttemptProgress report{hand.id, hand.channel.front().sequence,
                                      static_cast<double>(detail % 100),
                                      std::string(is_burst ? 500 : 2, '.')};
  tell(report);
  if (!is_burst) return;
  for (int rounds = 0; rounds < 3; ++rounds) {
    for (int reports = 0; reports < kAtOnce; ++reports) tell(report);
    turn();
  }
}

void World::dispatched(const effect::Dispatch& dispatch) {
  const std::string job = "job " + dispatch.run.id.text();
  ++tally_.dispatches;
  Entry& of = entry(dispatch.run.id);
  const auto found = hands_.find(dispatch.worker);
  // An order that waited for the disk may find its worker gone, or have been taken back.
  if (found == hands_.end()) return;
  Hand& hand = found->second;
  if (dispatch.run.sequence < hand.revoked_below) return;
  if (!hand.ready) throw Violation(job + " is given to a worker that is not ready");
  for (const auto& [id, other] : hands_) {
    for (const message::Run& run : other.channel) {
      if (run.id == dispatch.run.id) throw Violation(job + " is in two channels");
    }
  }
  const auto functions = functions_of(hand.pool->program);
  if (dispatch.run.function >= functions.size() || functions[dispatch.run.function].name != of.function)
    throw Violation(job + " is given to a worker as another function than " + of.function);
  // What somebody has said is to run again does so at once.
  if (!of.retried && now_.wall < std::max(of.options.begin_after(), of.made + of.options.delay()))
    throw Violation(job + " is given to a worker before its moment");
  check_arguments(of, dispatch.arguments.view());
  hand.channel.push_back(dispatch.run);
}

void World::claim(Hand& hand) {
  const message::Run& run = hand.channel.front();
  hand.claimed = run.sequence + 1;
  Entry& of = entry(run.id);
  if (of.outcome && !of.may_be_lost && !of.may_run_again)
    throw Violation("job " + of.id.text() + " begins after it has ended as " +
                    std::string(to_string(*of.outcome)));
  if (++of.starts > 1 && std::as_const(of.options).at_most_once() && of.durable() && !of.retried)
    throw Violation("job " + of.id.text() + " was to run at most once, and begins again");
}

void World::finish(Hand& hand, std::uint64_t detail) {
  if (!hand.runs()) claim(hand);
  const message::Run run = hand.channel.front();
  hand.channel.pop_front();
  Entry& of = entry(run.id);
  constexpr std::array<Nanos, 4> kRuns{5us, 5us, 300us, 30ms};
  event::AttemptEnded ended{hand.id, run.sequence, {}, kRuns[(detail >> 8) % kRuns.size()], {}, {}};
  if (const Entry* other = (detail >> 24) % 16 == 0 && !of.command
                               ? entry(of.number + 3 - static_cast<std::uint32_t>((detail >> 28) % 8))
                               : nullptr) {
    of.became = true;
    ended.becomes = other->id;
  } else if (detail % 10 == 0) {
    ended.failure = failure(Cause::exception);
    if ((detail >> 12) % 6 == 0) ended.failure.permanent = true;
    if ((detail >> 12) % 6 == 1) ended.failure.retry_after = std::chrono::milliseconds((detail >> 16) % 3000);
  } else if (detail % 10 == 1 && hand.pool->isolation == Isolation::job) {
    ended.failure = failure(Cause::crashed);
    ended.failure.signal = SIGSEGV;
  } else {
    ++of.successes;
    // Large ones are in the store alone when they have arrived there.
    ended.result =
        Payload("result of " + of.id.text() + std::string((detail >> 20) % 4 == 0 ? 1500 : 0, '.'));
  }
  // Before the end of its job, or once that is known to have spoilt it.
  const bool leaves = (detail >> 16) % 32 == 7;
  const bool leaves_first = leaves && (detail >> 21) % 2 == 0;
  if (leaves_first) leave(hand);
  tell(std::move(ended));
  if (leaves && !leaves_first) leave(hand);
}

/// It begins none any more.
void World::leave(Hand& hand) {
  hand.leaves = true;
  ++tally_.spoilt;
  tell(event::WorkerLeaves{hand.id, "the story wants it so"});
}

void World::gone(Hand& hand, int signal, int exit_code) {
  event::WorkerGone gone{};
  gone.worker = hand.id;
  gone.first_unclaimed = hand.claimed;
  gone.signal = signal;
  gone.exit_code = exit_code;
  hands_.erase(gone.worker);
  tell(std::move(gone));
}

void World::obey(Hand& hand) {
  gone(hand, hand.signal, 0);
}

void World::wait_for(Hand& hand, const Step& step) {
  std::vector<JobId> ids;
  for (const std::uint32_t number : {step.job, step.job - static_cast<std::uint32_t>(step.detail % 5)}) {
    if (const Entry* target = entry(number); target != nullptr) ids.push_back(target->id);
  }
  if (ids.empty()) return;
  ++tally_.waits;
  hand.waiting = true;
  tell(event::AttemptWaits{hand.id, hand.channel.front().sequence, std::move(ids)});
}

}  // namespace promised::test
