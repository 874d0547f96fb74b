// SPDX-License-Identifier: Apache-2.0
// What a job says while it runs, beside its progress: parts of its result, notes, and that it waits for other
// jobs. Notes come in too, and that it is cancelled: the channel is looked at when the function asks for one
// or sleeps, on the thread that it runs on. What else arrives there meanwhile is put aside for the loop.
#include <poll.h>
#include <promised/error.hpp>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <variant>

#include "common/wire/utf8.hpp"
#include "common/wire/value_codec.hpp"
#include "common/wire/worker_codec.hpp"
#include "worker/runner.hpp"

namespace promised::detail {
namespace {

// Of one call of poll(2), and of anybody: a clock goes no further than some centuries.
constexpr std::chrono::milliseconds kMostAtOnce{1 << 30};
constexpr std::chrono::milliseconds kForEver = std::chrono::hours(24 * 365);

std::string encoded(const Value& value, const char* what) {
  Result<std::string> bytes = wire::encode(value);
  if (!bytes.ok())
    throw std::invalid_argument(std::string(what) + " cannot be sent: " + bytes.problem().message);
  return std::move(*bytes);
}

void refuse_bad_key(std::string_view key) {
  if (key.empty() || key.size() > message::kMostNoteKey) {
    throw std::invalid_argument("a note's key has 1 to " + std::to_string(message::kMostNoteKey) +
                                " bytes, given " + std::to_string(key.size()));
  }
  if (wire::first_not_utf8(key))
    throw std::invalid_argument("a note's key is UTF-8, given bytes that are not");
}

}  // namespace

void Runner::emit(const Value& part) {
  if (is_child_of_a_job()) return;
  const std::string bytes = encoded(part, "a part of the result");
  if (bytes.size() > welcome_.max_result) {
    throw LimitReached("a part of the result has " + std::to_string(bytes.size()) +
                       " bytes; max_result allows " + std::to_string(welcome_.max_result));
  }
  const std::uint64_t size = bytes.size() + message::kEntryCost;
  if (parts_size_ + size > welcome_.max_parts) {
    throw LimitReached("max_parts (" + std::to_string(welcome_.max_parts) +
                       " bytes) is reached: a job streams no more, and each part counts for " +
                       std::to_string(message::kEntryCost) +
                       " more than it has; emit less, or raise it in section [limits]");
  }
  parts_size_ += size;
  wire::encode_frame(message::FromWorker(message::Part{run_.sequence}), bytes.size(), out_);
  static_cast<void>(send(bytes));  // that the daemon is gone is noticed when the job has ended
}

void Runner::write_note(std::string_view key, const Value& value) {
  refuse_bad_key(key);
  if (is_child_of_a_job()) return;
  std::string bytes = encoded(value, "a note");
  hear_notes();
  if (const std::size_t size = notes_.size_with(key, bytes.size()); size > welcome_.max_notes) {
    throw LimitReached("max_notes (" + std::to_string(welcome_.max_notes) +
                       " bytes) is reached: the notes of the job would have " + std::to_string(size) +
                       ", each counting for " + std::to_string(message::kEntryCost) +
                       " more than it has; write less, or raise it in section [limits]");
  }
  message::WriteNote write{run_.sequence, 0, {std::string(key), bytes}};
  write.write = notes_.write(key, std::move(bytes));
  wire::encode_frame(message::FromWorker(std::move(write)), 0, out_);
  static_cast<void>(send());
}

Value Runner::read_note(std::string_view key) {
  refuse_bad_key(key);
  if (is_child_of_a_job()) return {};
  hear_notes();
  const std::string_view bytes = notes_.find(key);
  if (bytes.empty()) return {};
  Result<Value> value = wire::decode_value(bytes);
  if (!value.ok()) {
    throw Error("the note \"" + std::string(key) + "\" is no value (" + value.problem().message +
                "): is who wrote it of another version of promised?");
  }
  return std::move(*value);
}

/// Takes what the daemon has told of the notes so far. The first time it asks, and waits for the answer.
void Runner::hear_notes() {
  if (!notes_.known()) {
    ask_for_notes();
    while (take_frames() && !notes_.known()) {
      if (channel_.fill(wire::frame_size(channel_.bytes())) == Channel::Read::end) return;
    }
    return;
  }
  while (channel_.fill_now(wire::frame_size(channel_.bytes())) == Channel::Read::more) {
    if (!take_frames()) return;
  }
}

void Runner::ask_for_notes() {
  wire::encode_frame(message::FromWorker(message::ReadNotes{run_.sequence, notes_.version()}), 0, out_);
  static_cast<void>(send());
}

/// False: what is there is no frame; the loop will find it too, and say so.
bool Runner::take_frames() {
  for (;;) {
    auto frame = wire::decode_to_worker(channel_.bytes(), std::numeric_limits<std::uint32_t>::max());
    if (!frame.ok()) return false;
    if (!frame->has_value()) return true;
    channel_.consume((*frame)->size);
    if (const auto* notes = std::get_if<message::Notes>(&(*frame)->message)) {
      if (notes->sequence != run_.sequence) continue;  // of a job that has ended
      notes_.update(*notes);
      ask_for_notes();
    } else if (auto* resume = std::get_if<message::Resume>(&(*frame)->message)) {
      if (resume->sequence == run_.sequence) resumed_ = std::move(*resume);
    } else {
      aside_.push_back({std::move((*frame)->message), std::string((*frame)->payload)});
    }
  }
}

/// What has arrived. False: there is no more to come, or what is there is no frame.
bool Runner::hear_now() {
  for (;;) {
    switch (channel_.fill_now(wire::frame_size(channel_.bytes()))) {
      case Channel::Read::nothing:
        return true;
      case Channel::Read::end:
        return false;
      case Channel::Read::more:
        if (!take_frames()) return false;
    }
  }
}

/// The mark on the page is there before the frame that wakes. What else comes wakes too, and is no reason to
/// return.
bool Runner::poll(std::span<pollfd> fds, std::chrono::milliseconds most) {
  const Clock::time_point deadline = Clock::now() + std::clamp(most, std::chrono::milliseconds(0), kForEver);
  std::vector<pollfd> polled(fds.begin(), fds.end());
  polled.push_back({is_child_of_a_job() ? -1 : channel_.read_fd(), POLLIN, 0});
  while (!cancelled()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    const auto at_once = std::clamp<decltype(left)>(left, 0, kMostAtOnce.count());
    const int patience = most.count() < 0 ? -1 : static_cast<int>(at_once);
    const int ready = ::poll(polled.data(), polled.size(), patience);
    if (ready < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
    const bool heard = ready > 0 && polled.back().revents != 0;
    if (heard && !hear_now()) polled.back().fd = -1;  // the loop will see it too, and say so
    if ((heard && ready == 1) || (ready == 0 && at_once < left)) continue;
    for (std::size_t i = 0; i < fds.size(); ++i) fds[i].revents = ready > 0 ? polled[i].revents : short{0};
    break;
  }
  return !cancelled();
}

/// All at once where one message has room for them, else some after the others.
void Runner::wait_for(std::span<const JobId> ids) {
  if (is_child_of_a_job()) throw Error("a child process of a job cannot wait for other jobs");
  if (unsent_) write_progress();
  while (!ids.empty()) {
    const auto some = ids.first(std::min(ids.size(), message::kMostWaitedFor));
    ids = ids.subspan(some.size());
    resumed_.reset();
    wire::encode_frame(message::FromWorker(message::Waits{run_.sequence, {some.begin(), some.end()}}), 0,
                       out_);
    static_cast<void>(send());
    const message::Resume answer = hear_resume();
    if (answer.code == "deadlock") throw Deadlock(answer.message);
    if (answer.code == "cancelled") throw JobCancelled(answer.message);
    if (answer.code == "limit") throw LimitReached(answer.message);
    if (!answer.code.empty()) throw NoSuchFuture(State::unknown, answer.message);
  }
}

message::Resume Runner::hear_resume() {
  while (take_frames()) {
    if (resumed_) return std::move(*resumed_);
    if (channel_.fill(wire::frame_size(channel_.bytes())) == Channel::Read::end)
      throw Error("the daemon is gone; it starts this job again");
  }
  throw Error("the daemon's answer to a wait for other jobs cannot be read");
}

}  // namespace promised::detail
