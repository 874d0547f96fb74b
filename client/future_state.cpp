// SPDX-License-Identifier: Apache-2.0
#include "client/future_state.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

#include "client/call.hpp"
#include "client/session.hpp"
#include "common/branches.hpp"
#include "common/demangle.hpp"
#include "common/wire/client_codec.hpp"
#include "common/wire/outcome_codec.hpp"

namespace promised::detail {

FutureState::FutureState(std::shared_ptr<Session> session, Origin origin, const JobId& id,
                         std::string subject, Durability durability)
    : origin_(origin),
      durability_(durability),
      id_(id),
      subject_(std::move(subject)),
      session_(std::move(session)) {}

FutureState::~FutureState() {
  // Nobody can ask any more: a submission that came to nothing is not to vanish silently.
  if (origin_ != Origin::submitted || (word_.load() & kSeen) != 0) return;
  if (std::string why = why_it_came_to_nothing(); !why.empty())
    session_->report_unseen({id_, subject_, std::move(why)});
}

/// Empty where it did not.
std::string FutureState::why_it_came_to_nothing() const {
  if (!trouble_ || trouble_->kind == Trouble::Kind::closed) return {};
  if (trouble_->kind == Trouble::Kind::refused) return trouble_->refusal.message;
  return is_accepted() ? "" : trouble_->failure.message;
}

void FutureState::accepted() {
  const std::uint32_t before = word_.set(kAccepted);
  if ((before & (kAccepted | kDone)) != 0) return;
  drop_request();
  if (origin_ == Origin::submitted) session_->submission_settled();
  if ((before & kAcceptanceAwaited) != 0) word_.wake();
}

void FutureState::postponed() {
  word_.set(kPostponed);
  // It is with nobody then; but what was sent before may have been taken.
  if (!resent) sent = false;
}

void FutureState::daemon_lost() {
  if (over || is_accepted()) return;
  trouble_ = std::make_unique<Trouble>();
  trouble_->failure.cause = Cause::interrupted;
  trouble_->failure.message =
      "it cannot be told whether it had begun: the daemon that it was submitted to has ended without having "
      "accepted it, and a job that runs at most once, with Durability::memory, is not submitted again";
  finish(kDone);
}

Exchange::Next FutureState::answer(message::Reply& reply, Payload&& value) {
  if (over) return Next::over;
  if (auto* ended = std::get_if<message::Ended>(&reply.body)) return end(*ended, std::move(value));
  if (auto* refusal = std::get_if<message::Refused>(&reply.body)) {
    if (refusal->code == "no_such_future" && follows_alone()) return follow_alone();
    // Not where a question about it is answered: then it is this request's turn to ask.
    const bool gone = refusal->code == "no_such_future" && refusal->state == State::unknown;
    if (gone && joined_with_ && reply.number == number) return submit_anew();
    refuse(*refusal);
    return Next::over;
  }
  if (const auto* known = std::get_if<message::Known>(&reply.body)) {
    if (known->state == State::unknown || known->state == State::lapsed || known->state == State::forgotten) {
      message::Refused refusal{
          "no_such_future", subject() + " is " + std::string(to_string(known->state)), {}, known->state};
      refuse(refusal);
      return Next::over;
    }
    adopt(known->id);
    accepted();
    return Next::more_answers;
  }
  session_->log("the daemon gave an answer about " + subject() + " that does not fit the question; ignored");
  return Next::more_answers;
}

Exchange::Next FutureState::end(message::Ended& ended, Payload&& value) {
  adopt(ended.id);
  if (!ended.told.empty()) told_ = std::make_unique<message::Told>(std::move(ended.told));
  if (ended.state == State::succeeded) {
    result_ = std::move(value);
  } else {
    trouble_ = std::make_unique<Trouble>();
    trouble_->state = ended.state;
    trouble_->failure = std::move(ended.failure);
    trouble_->failure.backtrace = readable_backtrace(trouble_->failure.backtrace);
    trouble_->reason = std::move(ended.reason);
  }
  finish(kAccepted | kDone);
  return Next::over;
}

bool FutureState::follows_alone() const {
  if (!following_ || !following_->parent->is_done()) return false;
  const FutureState& parent = *following_->parent;
  const bool has_outcome = parent.trouble() == nullptr || parent.trouble()->kind == Trouble::Kind::ended;
  return has_outcome && parent.origin() == Origin::submitted;
}

Exchange::Next FutureState::follow_alone() {
  const auto following = std::move(following_);
  const FutureState& parent = *following->parent;
  Outcome outcome;
  outcome.id = parent.id();
  outcome.function = parent.function();
  outcome.state = State::succeeded;
  if (const Trouble* const trouble = parent.trouble()) {
    outcome.state = trouble->state;
    outcome.failure = trouble->failure;
    outcome.reason = trouble->reason;
  }
  if (!is_taken(following->follows, outcome.state)) {
    message::Ended passed_over{id_, State::cancelled, {}, {}, {}};
    passed_over.reason = "passed over: it follows with " + std::string(to_string(following->follows)) +
                         ", and " + parent.subject() + " has ended as " +
                         std::string(to_string(outcome.state));
    return end(passed_over, {});
  }
  message::Request request;
  request.number = number;
  request.body = message::Submit{id_, subject_, std::move(following->options)};
  header.clear();
  wire::encode(request, header);
  payload =
      wire::with_first(wire::encode_outcome(outcome, parent.result().view()), following->arguments.view());
  return Next::again;
}

Exchange::Next FutureState::submit_anew() {
  header = std::move(joined_with_->header);
  payload = std::move(joined_with_->payload);
  joined_with_.reset();
  word_.set(kAnew);
  return Next::again;
}

void FutureState::refuse(message::Refused& refusal) {
  if (refusal.code == "no_such_future" && is_accepted() && origin_ == Origin::submitted &&
      durability_ == Durability::memory) {
    refusal.message +=
        " (it was submitted with Durability::memory: such a job is lost when the daemon restarts)";
  }
  trouble_ = std::make_unique<Trouble>();
  trouble_->kind = Trouble::Kind::refused;
  trouble_->refusal = std::move(refusal);
  finish(kDone);
}

void FutureState::give_up(const std::string& code, const std::string& message) {
  if (over) return;
  trouble_ = std::make_unique<Trouble>();
  trouble_->kind = code == kClosed ? Trouble::Kind::closed : Trouble::Kind::refused;
  trouble_->refusal.code = code;
  trouble_->refusal.message = message;
  finish(kDone);
}

void FutureState::adopt(const JobId& id) {
  if (id.empty() || id == id_ || (word_.load() & kHolder) != 0) return;
  holder_ = id;
  word_.set(kHolder);
}

void FutureState::drop_request() {
  if (unique_ && !over && (word_.load() & kHolder) != 0)
    joined_with_ = std::make_unique<Submission>(Submission{std::move(header), std::move(payload)});
  // Swapped, not cleared: the memory is to go now, not with the future.
  std::string().swap(header);
  payload = Payload();
  following_.reset();
}

void FutureState::finish(std::uint32_t flags) {
  over = true;
  drop_request();
  joined_with_.reset();
  const std::uint32_t before = word_.set(flags);
  if (origin_ == Origin::submitted) {
    if ((before & kAccepted) == 0) session_->submission_settled();
    session_->submission_ended();
  }
  if ((before & (kAcceptanceAwaited | kEndAwaited)) != 0) word_.wake();
  if ((before & kObserved) == 0) return;
  std::vector<Observer> observers;
  {
    const std::lock_guard lock(observers_mutex_);
    observers.swap(observers_);
  }
  for (const Observer& observer : observers) observer.run();
}

Exchange::Renewal FutureState::renew() {
  if (!is_accepted()) return Renewal::send;  // the submission or the question itself, under the same id
  if (is_forlorn() && (word_.load() & kObserved) == 0 && !session_->refuses_submissions()) {
    if (origin_ == Origin::submitted) session_->submission_ended();
    return Renewal::drop;
  }
  if ((word_.load() & kAnew) != 0) return Renewal::send;  // the same submission: it may have joined again
  message::Request request;
  request.number = number;
  request.body = message::Watch{key(), false, false};
  header.clear();
  wire::encode(request, header);
  return Renewal::send;
}

std::optional<Unaccepted> FutureState::unaccepted() const {
  if (origin_ != Origin::submitted || (word_.load() & (kAccepted | kDone)) != 0) return std::nullopt;
  return Unaccepted{id_, subject_, why_not_accepted()};
}

bool FutureState::is_postponed() const {
  return (word_.load() & kPostponed) != 0 || !session_->last_word().empty();
}

std::optional<JobId> FutureState::withdrawable() const {
  if (origin_ != Origin::submitted || (word_.load() & (kDone | kHolder)) != 0) return std::nullopt;
  return id_;
}

std::string FutureState::why_not_accepted() const {
  const std::string last_word = session_->last_word();
  if (!last_word.empty()) return last_word;
  return is_postponed() ? "the daemon was stopping and accepted no more jobs"
                        : "the daemon has not accepted it in time";
}

message::Key FutureState::key() const {
  const JobId known = id();
  if (!known.empty()) return {known, {}};
  return {{}, subject_};
}

std::string FutureState::subject() const {
  const JobId known = id();
  const std::string job = known.empty() ? "" : "job " + known.text();
  if (origin_ == Origin::by_id) return job;
  const std::string what = origin_ == Origin::by_name ? "the future \"" + subject_ + "\"" : subject_;
  return job.empty() ? what : what + " (" + job + ")";
}

std::string FutureState::what_becomes() const {
  if (!is_tied()) return "the job is left alone";
  return "the job goes on, and is cancelled when its client goes before it has ended (abandon)";
}

bool FutureState::await(std::uint32_t wanted, WaitWord::Deadline deadline) {
  if ((word_.load() & wanted) != 0) return true;
  const std::uint32_t awaited = (wanted & kAccepted) != 0 ? kAcceptanceAwaited : kEndAwaited;
  WaitWord::Deadline ask_at = std::chrono::steady_clock::now() + kAskAgainAfter;
  while (true) {
    word_.set(awaited);
    const std::uint32_t seen = word_.load();
    if ((seen & wanted) != 0) return true;
    session_->check_alive();
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) return false;
    if (now >= ask_at) {
      ask_again();
      ask_at = now + kAskAgainAfter;
    }
    session_->wait(word_, seen, std::min(deadline, ask_at));
  }
}

void FutureState::ask_again() {
  if (is_accepted()) {
    session_->post(make_question(*this));
  } else {
    session_->post(Ref<Exchange>(this));
  }
}

bool FutureState::add_observer(const void* owner, std::function<void()> run, Tell tell) {
  const std::lock_guard lock(observers_mutex_);
  if ((word_.set(kObserved) & kDone) != 0) return false;
  observers_.push_back({owner, std::move(run), tell});
  return true;
}

bool FutureState::remove_observer(const void* owner) {
  const std::lock_guard lock(observers_mutex_);
  return std::erase_if(observers_, [owner](const Observer& o) { return o.owner == owner; }) > 0;
}

void FutureState::poke() {
  word_.poke();
  if ((word_.load() & kObserved) == 0) return;
  std::vector<Observer> told;
  {
    const std::lock_guard lock(observers_mutex_);
    const auto others = std::stable_partition(observers_.begin(), observers_.end(),
                                              [](const Observer& o) { return o.tell == Tell::end; });
    told.assign(std::make_move_iterator(others), std::make_move_iterator(observers_.end()));
    observers_.erase(others, observers_.end());
  }
  for (const Observer& observer : told) observer.run();
}

}  // namespace promised::detail
