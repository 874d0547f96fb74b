// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/worker_channel.hpp"

#include <algorithm>

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
    closed_ = false;
    if (last.batch == 0) unbegun_ += now - first_since_;
  }
  return last;
}

void WorkerChannel::start_first(Instant now, Nanos start_timeout) {
  spoke_ = false;
  first_since_ = now;
  due_by_ = now + std::max(start_timeout - unbegun_, Nanos(0));
}

void WorkerChannel::first_spoke() {
  spoke_ = true;
  begun();
}

bool WorkerChannel::end_revoking() {
  if (!std::exchange(revoking_, false)) return false;
  settled_ = next_;
  return true;
}

void WorkerChannel::all_have_begun(Instant now, Nanos start_timeout) {
  if (slots_.size() > 1) {
    if (claims_ahead_) return;
    begun();
    claims_ahead_ = true;
    due_by_ = now + start_timeout;
    return;
  }
  begun();
}

WorkerChannel::Overdue WorkerChannel::overdue(Instant now) const {
  if (slots_.empty() || now < due_by_) return Overdue::nothing;
  if (claims_ahead_) return Overdue::report;
  return slots_.front().batch == 0 ? Overdue::beginning : Overdue::unknown;
}

void WorkerChannel::wait_for_disk(std::uint64_t committed, Instant now, Nanos start_timeout) {
  if (slots_.front().batch <= committed) slots_.front().batch = 0;
  due_by_ = now + start_timeout;
}

/// What was expected of the worker it has done.
void WorkerChannel::begun() {
  due_by_ = Instant::max();
  unbegun_ = Nanos(0);
  claims_ahead_ = false;
}

}  // namespace promised
