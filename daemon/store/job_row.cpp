// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/job_row.hpp"

#include <array>
#include <cstring>
#include <utility>

#include "common/wire/client_codec.hpp"

namespace promised {

WallTime wall(std::int64_t micros) {
  return WallTime(std::chrono::microseconds(micros));
}

Problem damaged(const std::string& what) {
  return Problem::of("corrupt", "the database is damaged: " + what);
}

Result<JobId> read_id(std::string_view bytes) {
  if (bytes.size() != JobId::kSize) {
    return damaged("a job's id has " + std::to_string(bytes.size()) + " bytes instead of 16");
  }
  std::array<std::uint8_t, JobId::kSize> id;
  std::memcpy(id.data(), bytes.data(), id.size());
  return JobId(id);
}

Result<State> read_state(std::int64_t number, std::initializer_list<State> expected, const std::string& of) {
  for (const State s : expected) {
    if (static_cast<std::int64_t>(s) == number) return s;
  }
  return damaged(of + " has the impossible state " + std::to_string(number));
}

Result<SteeredQueue> read_steered_queue(const Statement& row) {
  SteeredQueue queue;
  queue.name = row.bytes(0);
  for (const auto& [change, column] : {std::pair(&queue.said, 1), std::pair(&queue.configured, 2)}) {
    auto read = wire::decode_queue_change(row.bytes(column));
    if (!read) return damaged("what was said of queue " + queue.name + ": " + read.problem().message);
    *change = *read;
  }
  return queue;
}

Result<RecoveredJob> read_job(const Statement& row) {
  RecoveredJob job;
  PROMISED_ASSIGN(job.id, read_id(row.bytes(0)));
  const JobId& id = job.id;
  job.submitted = wall(row.integer(1));
  job.owner = static_cast<std::uint32_t>(row.integer(2));
  PROMISED_ASSIGN(job.state, read_state(row.integer(3),
                                        {State::pending, State::succeeded, State::failed, State::cancelled,
                                         State::expired},
                                        "job " + id.text()));
  job.started = row.integer(4) != 0;
  job.attempts = static_cast<std::uint32_t>(row.integer(5));
  job.interruptions = static_cast<std::uint32_t>(row.integer(6));
  job.arguments_size = static_cast<std::uint64_t>(row.integer(7));
  job.result_size = static_cast<std::uint64_t>(row.integer(8));
  job.began = wall(row.integer(9));
  job.ended = wall(row.integer(10));
  job.function = row.bytes(11);
  auto options = wire::decode_options(row.bytes(12));
  if (!options) return damaged("the options of job " + id.text() + ": " + options.problem().message);
  job.options = *std::move(options);
  if (const std::string_view bytes = row.bytes(13); !bytes.empty()) {
    auto failure = wire::decode_failure(bytes);
    if (!failure) return damaged("the failure of job " + id.text() + ": " + failure.problem().message);
    job.failure = *std::move(failure);
  }
  job.reason = row.bytes(14);
  if (job.state == State::pending) job.arguments = Payload(row.bytes(15));
  job.client = static_cast<std::uint64_t>(row.integer(16));
  job.number = static_cast<std::uint64_t>(row.integer(17));
  if (const std::string_view bytes = row.bytes(18); !bytes.empty()) {
    auto told = wire::decode_told(bytes);
    if (!told) return damaged("what job " + id.text() + " has told: " + told.problem().message);
    job.told = *std::move(told);
  }
  job.crashes = static_cast<std::uint32_t>(row.integer(19));
  job.due = wall(row.integer(20));
  job.command = row.bytes(21);
  return job;
}

}  // namespace promised
