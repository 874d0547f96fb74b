// SPDX-License-Identifier: Apache-2.0
#include "daemon/pool/worker_output.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace promised {

WorkerOutput::Read WorkerOutput::read(OutputMarks& marks, std::span<char> buffer) {
  if (!pipe_.valid()) return Read::nothing;
  marks.begin_read();
  ssize_t n = 0;
  do {
    n = ::read(pipe_.get(), buffer.data(), buffer.size());
  } while (n < 0 && errno == EINTR);
  const int error = errno;
  const std::string_view bytes(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  marks.end_read(tail_.total() + bytes.size());
  tail_.append(bytes);
  // It may close both its outputs; epoll forgets the pipe with its end.
  if (n == 0 || (n < 0 && error != EAGAIN)) pipe_.reset();
  return n > 0 ? Read::some : Read::nothing;
}

std::uint64_t WorkerOutput::end_of(const OutputMarks& marks, std::uint32_t sequence) const {
  return std::clamp(marks.end_of(sequence).value_or(tail_.total()), job_begin_, tail_.total());
}

Printed WorkerOutput::printed_until(std::uint64_t end) const {
  const std::uint64_t total = end - job_begin_;
  return {Payload(tail_.between(end - std::min<std::uint64_t>(total, most_), end)), total};
}

Printed WorkerOutput::end_job(const OutputMarks& marks, std::uint32_t sequence) {
  const std::uint64_t end = end_of(marks, sequence);
  Printed printed = printed_until(end);
  if (marks.end_of(sequence)) {  // else it may be this job's, or the next one's: it is shown with both
    tail_.drop_until(end);
    job_begin_ = end;
  }
  first_unended_ = sequence + 1;
  asked_.reset();
  return printed;
}

void WorkerOutput::ask(const effect::ReadOutput& what) {
  // Sequences wrap; two that are compared are never 2^31 apart.
  if (static_cast<std::int32_t>(what.sequence - first_unended_) >= 0) asked_ = what;
}

std::optional<event::AttemptOutput> WorkerOutput::answer(const OutputMarks& marks) {
  if (!asked_) return std::nullopt;
  const std::uint64_t end = end_of(marks, asked_->sequence);
  const std::uint64_t total = end - job_begin_;
  const std::uint64_t from = std::min(asked_->from, total);
  if (from == total && asked_->answer == effect::Answer::with_more) return std::nullopt;
  const std::string_view there = tail_.between(job_begin_ + from, end);
  event::AttemptOutput told{asked_->worker, asked_->sequence, total - there.size(),
                            std::string(there.substr(0, asked_->most)), total};
  asked_.reset();
  return told;
}

}  // namespace promised
