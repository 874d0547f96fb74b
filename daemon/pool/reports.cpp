// SPDX-License-Identifier: Apache-2.0
#include "daemon/pool/reports.hpp"

#include <utility>
#include <variant>

namespace promised {
namespace {

// Parts up to this size are put together, until they have so many bytes.
constexpr std::size_t kSmallPart = std::size_t{16} << 10;
constexpr std::size_t kTogether = std::size_t{64} << 10;

void add_part(WorkerId worker, std::uint32_t sequence, Payload&& part, std::vector<Event>& events) {
  const auto size = static_cast<std::uint32_t>(part.size());
  if (size > kSmallPart) {
    events.push_back(event::AttemptParts{worker, sequence, {size}, {}, std::move(part)});
    return;
  }
  auto* open = events.empty() ? nullptr : std::get_if<event::AttemptParts>(&events.back());
  if (open == nullptr || open->worker != worker || open->sequence != sequence || !open->large.empty() ||
      open->small.size() + size > kTogether) {
    events.push_back(event::AttemptParts{worker, sequence, {}, {}, {}});
    open = &std::get<event::AttemptParts>(events.back());
  }
  open->sizes.push_back(size);
  open->small += part.view();
}

}  // namespace

Result<void> Reports::take(WorkerId worker, message::FromWorker&& message, Payload&& payload,
                           std::vector<Event>& events) {
  if (auto* progress = std::get_if<message::Progress>(&message)) {
    events.push_back(
        event::AttemptProgress{worker, progress->sequence, progress->percent, std::move(progress->message)});
  } else if (auto* write = std::get_if<message::WriteNote>(&message)) {
    PROMISED_TRY(check(*write));
    events.push_back(event::AttemptNote{worker, write->sequence, write->write, std::move(write->note)});
  } else if (const auto* read = std::get_if<message::ReadNotes>(&message)) {
    events.push_back(event::AttemptReadsNotes{worker, read->sequence, read->version});
  } else if (auto* waits = std::get_if<message::Waits>(&message)) {
    events.push_back(event::AttemptWaits{worker, waits->sequence, std::move(waits->ids)});
  } else if (auto* leaves = std::get_if<message::Leaves>(&message)) {
    events.push_back(event::WorkerLeaves{worker, std::move(leaves->why)});
  } else {
    const std::uint32_t sequence = std::get<message::Part>(message).sequence;
    PROMISED_TRY(count_part(sequence, payload.size()));
    add_part(worker, sequence, std::move(payload), events);
  }
  return {};
}

Result<void> Reports::check(Cause cause) const {
  switch (cause) {
    case Cause::none:
    case Cause::exception:
    case Cause::memory:
    case Cause::deadlock:
    case Cause::bad_arguments:
    case Cause::result_too_large:
      return {};
    case Cause::crashed:
    case Cause::exited:
      if (isolation_ == Isolation::job) return {};  // it has seen the process of the job end
      break;
    case Cause::timed_out:
    case Cause::interrupted:
    case Cause::quarantined:
    case Cause::no_function:
    case Cause::member_failed:
      break;
  }
  return Problem::of("protocol", "expected a cause of failure that a worker can know, found \"" +
                                     std::string(to_string(cause)) + "\", which is the daemon's to tell");
}

Result<void> Reports::check(const message::WriteNote& write) const {
  const std::size_t key = write.note.key.size();
  if (key == 0 || key > message::kMostNoteKey) {
    return Problem::of("protocol", "expected a note whose key has 1 to " +
                                       std::to_string(message::kMostNoteKey) + " bytes, found " +
                                       std::to_string(key));
  }
  const std::size_t size = key + write.note.encoded.size() + message::kEntryCost;
  if (!write.note.encoded.empty() && size > limits_->max_notes) {
    return Problem::of("protocol", "expected a note that max_notes (" + std::to_string(limits_->max_notes) +
                                       " bytes) allows, found one of " + std::to_string(size));
  }
  return {};
}

Result<void> Reports::count_part(std::uint32_t sequence, std::size_t size) {
  if (std::exchange(parts_of_, sequence) != sequence) parts_size_ = 0;
  parts_size_ += size + message::kEntryCost;
  if (parts_size_ <= limits_->max_parts) return {};
  return Problem::of("protocol", "expected parts of at most max_parts (" +
                                     std::to_string(limits_->max_parts) + " bytes), found more");
}

}  // namespace promised
