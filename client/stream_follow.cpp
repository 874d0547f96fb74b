// SPDX-License-Identifier: Apache-2.0
#include "client/stream_follow.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "client/session.hpp"
#include "client/trouble.hpp"
#include "common/wire/client_codec.hpp"

namespace promised::detail {
namespace {

class OneWay final : public Exchange {
 public:
  [[nodiscard]] Next answer(message::Reply&, Payload&&) override { return Next::over; }
  [[nodiscard]] Renewal renew() override { return Renewal::drop; }
  void poke() override {}
  void give_up(const std::string&, const std::string&) override {}
};

}  // namespace

Ref<Exchange> make_one_way(decltype(message::Request::body) body) {
  message::Request request;
  request.body = std::move(body);
  Ref<OneWay> one_way = make_ref<OneWay>();
  wire::encode(request, one_way->header);
  return Ref<Exchange>(std::move(one_way));
}

// ---- the request --------------------------------------------------------------------------------

void StreamFollow::begin() {
  number = state_->session().next_number();
  encode_request();
}

void StreamFollow::encode_request() {
  message::Request request;
  request.number = number;
  message::Follow follow;
  follow.key = state_->key();
  ask(follow, taken_);
  request.body = std::move(follow);
  header.clear();
  wire::encode(request, header);
}

message::Advance StreamFollow::advance(bool stop) const {
  const std::lock_guard lock(mutex_);
  message::Advance advance;
  advance.follow = number;
  advance.stop = stop;
  say_used(advance, taken_.from);
  return advance;
}

Exchange::Next StreamFollow::answer(message::Reply& reply, Payload&& content) {
  if (over) return Next::over;
  const std::lock_guard lock(mutex_);
  if (auto* refusal = std::get_if<message::Refused>(&reply.body)) {
    refusal_ = std::move(*refusal);
  } else if (auto* news = std::get_if<message::News>(&reply.body)) {
    add(*news, std::move(content));
  } else {
    fail("the daemon gave an answer that does not fit the question; is it of another version?");
  }
  over = last_ || restarted_ || refusal_;
  word_.poke();
  return over ? Next::over : Next::more_answers;
}

void StreamFollow::fail(const std::string& message) {
  refusal_ = message::Refused{"garbage", message, {}, State::unknown};
}

Exchange::Renewal StreamFollow::renew() {
  if (is_forlorn()) return Renewal::drop;
  const std::lock_guard lock(mutex_);
  forget_arrived();
  untold_ = 0;
  encode_request();
  return Renewal::send;
}

void StreamFollow::give_up(const std::string& code, const std::string& message) {
  if (over) return;
  const std::lock_guard lock(mutex_);
  refusal_ = message::Refused{code, message, {}, State::unknown};
  over = true;
  word_.poke();
}

StreamFollow::Taken StreamFollow::take() {
  const std::lock_guard lock(mutex_);
  Taken taken;
  if (restarted_) {
    taken.kind = Taken::Kind::restarted;
  } else if (const std::optional<std::size_t> used = take_next(taken)) {
    taken.kind = Taken::Kind::some;
    untold_ += *used;
    taken.tell = untold_ >= kTellAfter || (last_ && !has_arrived());
    if (taken.tell) untold_ = 0;
  } else if (refusal_) {
    taken.kind = Taken::Kind::refused;
    taken.refusal = *refusal_;
  } else if (last_) {
    taken.kind = Taken::Kind::all;
    taken.tell = std::exchange(untold_, 0) > 0;
  }
  return taken;
}

StreamFollow::Position StreamFollow::position() const {
  const std::lock_guard lock(mutex_);
  return taken_;
}

// ---- who reads it -------------------------------------------------------------------------------

void StreamReader::start(StreamFollow::Position position) {
  follow_ = make_(position);
  state_->session().post(Ref<Exchange>(follow_));
}

void StreamReader::advance(bool and_stop) {
  state_->session().post(make_one_way(follow_->advance(and_stop)));
}

void StreamReader::stop() noexcept {
  if (!follow_) return;
  try {
    advance(true);
  } catch (const Error&) {
    // The client is closed, or this is a forked child: the daemon knows, or is not to be told.
  }
  drop();
}

StreamFollow::Taken StreamReader::next(WaitWord::Deadline deadline) {
  WaitWord::Deadline ask_at = std::chrono::steady_clock::now() + kAskAgainAfter;
  while (true) {
    const std::uint32_t seen = follow_->word().load();
    StreamFollow::Taken next = follow_->take();
    if (next.kind != StreamFollow::Taken::Kind::nothing_yet) {
      if (next.tell) advance(false);
      return next;
    }
    state_->session().check_alive();
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) return next;
    if (now >= ask_at) {
      // No wait hangs on a lost message (SEMANTICS S7).
      const StreamFollow::Position position = follow_->position();
      advance(true);
      start(position);
      ask_at = now + kAskAgainAfter;
      continue;
    }
    state_->session().wait(follow_->word(), seen, std::min(deadline, ask_at));
  }
}

void StreamReader::refuse(const message::Refused& refusal) {
  drop();
  if (state_->is_done() && state_->trouble() != nullptr) {
    state_->seen();
    throw_trouble(*state_->trouble(), state_->subject());
  }
  if (refusal.code == kClosed) throw DisconnectedError(state_->subject() + ": " + refusal.message);
  throw_refusal(refusal);
}

}  // namespace promised::detail
