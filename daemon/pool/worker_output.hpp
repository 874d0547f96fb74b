// SPDX-License-Identifier: Apache-2.0
// What one worker writes to stdout and stderr: the daemon's end of the pipe behind both, the last that came
// through it, and which of that belongs to which job. Always read, so that no job waits for a reader; told as
// it comes only to who asks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "common/fd.hpp"
#include "common/output_marks.hpp"
#include "daemon/flow.hpp"
#include "daemon/pool/output_tail.hpp"

namespace promised {

class WorkerOutput {
 public:
  /// Of each job `most` bytes are kept.
  WorkerOutput(Fd pipe, std::size_t most) : pipe_(std::move(pipe)), most_(most), tail_(most) {}

  [[nodiscard]] int fd() const { return pipe_.get(); }
  /// The worker and all who have it from there may have closed it.
  [[nodiscard]] bool open() const { return pipe_.valid(); }

  enum class Read : std::uint8_t {
    some,
    nothing  ///< nothing was there, or nothing will ever be
  };
  /// Reads once, without waiting, by way of `buffer`, which should have room for all that a pipe holds.
  Read read(OutputMarks& marks, std::span<char> buffer);

  /// What has come so far is of the program's start, and of no job.
  void begin_jobs() { job_begin_ = tail_.total(); }

  /// The last OutputTail::kKept bytes that were written up to the end of job `sequence`: those since the job
  /// before ended, with what the program wrote at its start.
  [[nodiscard]] std::string last_words(const OutputMarks& marks, std::uint32_t sequence) const {
    return tail_.last_until(end_of(marks, sequence));
  }
  /// The same up to now.
  [[nodiscard]] std::string last_words() const { return tail_.last_until(tail_.total()); }

  /// The job has ended: what it has printed. From here on it is the next one's.
  [[nodiscard]] Printed end_job(const OutputMarks& marks, std::uint32_t sequence);
  /// The worker has ended, with its last job.
  [[nodiscard]] Printed end() const { return printed_until(tail_.total()); }

  /// Ignored if the job has ended.
  void ask(const effect::ReadOutput& what);
  /// The answer to what was asked, if there is one by now; then there is nothing asked any more.
  [[nodiscard]] std::optional<event::AttemptOutput> answer(const OutputMarks& marks);

 private:
  /// Where the job's output ends: all that has come, as long as nobody knows better.
  [[nodiscard]] std::uint64_t end_of(const OutputMarks& marks, std::uint32_t sequence) const;
  [[nodiscard]] Printed printed_until(std::uint64_t end) const;

  Fd pipe_;
  std::size_t most_;
  OutputTail tail_;
  /// The number, since the worker's start, of the first byte of the job that runs.
  std::uint64_t job_begin_ = 0;
  std::uint32_t first_unended_ = 0;  ///< sequences from here on have not ended
  std::optional<effect::ReadOutput> asked_;
};

}  // namespace promised
