// SPDX-License-Identifier: Apache-2.0
#include "client/event_follow.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "common/wire/client_codec.hpp"

namespace promised::detail {
namespace {

/// The daemon is told of so many used events at a time, or when there are no others; less than it sends
/// unasked.
constexpr std::uint64_t kTellAfterEvents = 256;

}  // namespace

EventFollow::EventFollow(std::uint64_t request_number, message::Subscribe wanted)
    : wanted_(std::move(wanted)) {
  number = request_number;
  encode();
}

void EventFollow::encode() {
  message::Request request;
  request.number = number;
  request.body = wanted_;
  header.clear();
  wire::encode(request, header);
}

Exchange::Next EventFollow::answer(message::Reply& reply, Payload&&) {
  if (over) return Next::over;
  const std::lock_guard lock(mutex_);
  if (auto* refusal = std::get_if<message::Refused>(&reply.body)) {
    refusal_ = std::move(*refusal);
    over = true;
  } else if (auto* events = std::get_if<message::Events>(&reply.body)) {
    begun_ = connected_ = true;
    add(*events);
    over = events->last;
  } else {
    refusal_ = message::Refused{
        "garbage",
        "the daemon gave an answer that does not fit the question; is it of another version?",
        {},
        State::unknown};
    over = true;
  }
  word_.poke();
  return over ? Next::over : Next::more_answers;
}

void EventFollow::add(message::Events& events) {
  // What is between has not arrived.
  const std::uint64_t missing = events.first - std::min(have_, events.first);
  if (missing + events.lost > 0) add_gap(missing + events.lost);
  used_ += missing;
  untold_ += missing;
  have_ = events.first + events.events.size();
  for (JobEvent& event : events.events) arrived_.push_back({std::move(event), true});
}

void EventFollow::add_gap(std::uint64_t lost) {
  JobEvent gap;
  gap.lost = lost;
  arrived_.push_back({std::move(gap), false});
}

Exchange::Renewal EventFollow::renew() {
  if (is_forlorn()) return Renewal::drop;
  const std::lock_guard lock(mutex_);
  // Of several tries to connect there is one gap.
  if (std::exchange(connected_, false)) {
    for (Arrived& arrived : arrived_) arrived.counts = false;
    add_gap(0);
    word_.poke();
  }
  have_ = used_ = untold_ = 0;
  encode();
  return Renewal::send;
}

void EventFollow::give_up(const std::string& code, const std::string& message) {
  if (over) return;
  const std::lock_guard lock(mutex_);
  refusal_ = message::Refused{code, message, {}, State::unknown};
  over = true;
  word_.poke();
}

EventFollow::Taken EventFollow::take() {
  const std::lock_guard lock(mutex_);
  Taken taken;
  if (arrived_.empty()) {
    taken.refusal = refusal_;
    return taken;
  }
  if (arrived_.front().counts) {
    ++used_;
    ++untold_;
  }
  taken.event = std::move(arrived_.front().event);
  arrived_.pop_front();
  if (untold_ >= kTellAfterEvents || (arrived_.empty() && untold_ > 0)) {
    untold_ = 0;
    taken.tell = advance();
  }
  return taken;
}

message::Advance EventFollow::advance() const {
  message::Advance advance;
  advance.follow = number;
  advance.events_from = used_;
  return advance;
}

message::Advance EventFollow::position() const {
  const std::lock_guard lock(mutex_);
  return advance();
}

bool EventFollow::has_begun() const {
  const std::lock_guard lock(mutex_);
  return begun_ || refusal_;
}

std::optional<message::Refused> EventFollow::refused() const {
  const std::lock_guard lock(mutex_);
  return refusal_;
}

}  // namespace promised::detail
