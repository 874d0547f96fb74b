// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/worker_channel.hpp"

namespace promised {

const WorkerChannel::Slot& WorkerChannel::put(Job& job, Nanos estimate) {
  load_ += estimate;
  return slots_.emplace_back(Slot{&job, next_++, estimate});
}

void WorkerChannel::close_until(std::uint64_t batch) {
  closed_ = true;
  slots_.back().batch = batch;
}

WorkerChannel::Slot WorkerChannel::take_first() {
  const Slot first = slots_.front();
  slots_.pop_front();
  load_ -= first.estimate;
  closed_ = false;
  begun();
  return first;
}

WorkerChannel::Slot WorkerChannel::take_back_last(Instant now) {
  const Slot last = slots_.back();
  slots_.pop_back();
  load_ -= last.estimate;
  if (slots_.empty()) {
    closed_ = claims_ahead_ = false;
    owes_since_ = kNothing;
    if (last.batch == 0) unbegun_ += now - first_since_;
  }
  return last;
}

void WorkerChannel::start_first(Instant now) {
  spoke_ = false;
  first_since_ = now;
  owes_since_ = now - unbegun_;
}

void WorkerChannel::first_spoke() {
  spoke_ = true;
  if (!claims_ahead_) begun();  // or its end is due, whatever it says before
}

bool WorkerChannel::end_revoking() {
  if (!std::exchange(revoking_, false)) return false;
  settled_ = next_;
  return true;
}

void WorkerChannel::all_have_begun(Instant now) {
  const bool ahead = slots_.size() > 1;
  if (ahead && claims_ahead_) return;
  begun();
  if (!ahead) return;
  claims_ahead_ = true;
  owes_since_ = now;
}

Instant WorkerChannel::due_by(Nanos start_timeout) const {
  return revoking_ || owes_since_ == kNothing ? Instant::max() : owes_since_ + start_timeout;
}

WorkerChannel::Overdue WorkerChannel::overdue(Instant now, Nanos start_timeout) const {
  if (slots_.empty() || now < due_by(start_timeout)) return Overdue::nothing;
  if (claims_ahead_) return Overdue::report;
  return slots_.front().batch == 0 ? Overdue::beginning : Overdue::not_told;
}

void WorkerChannel::wait_for_disk(std::uint64_t committed, Instant now) {
  if (slots_.front().batch <= committed) slots_.front().batch = 0;
  owes_since_ = now;
}

/// What was expected of the worker it has done.
void WorkerChannel::begun() {
  owes_since_ = kNothing;
  unbegun_ = Nanos(0);
  claims_ahead_ = false;
}

}  // namespace promised
