// SPDX-License-Identifier: Apache-2.0
// The loop of a worker process: takes jobs off the channel in order, claims each, runs it, and has reported
// it before the next is claimed, so that what one job breaks cannot take the result of another with it. One
// thread, no locks.
#pragma once

#include <promised/detail/callable.hpp>
#include <promised/types.hpp>
#include <promised/worker.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/fd.hpp"
#include "common/messages.hpp"
#include "common/worker_page.hpp"
#include "worker/channel.hpp"
#include "worker/cpu_limit.hpp"
#include "worker/note_book.hpp"

namespace promised::detail {

struct Function {
  std::string name;
  std::string signature;
  Invoke invoke;
};

class Runner {
 public:
  /// Both must outlive this.
  Runner(std::vector<Function>& functions, WorkerPage& page);

  /// Serves until the daemon says stop or goes: 0; or until nonsense comes or the channel breaks: 1, said on
  /// stderr.
  [[nodiscard]] int serve();

  // Of the job that runs.
  [[nodiscard]] const JobId& id() const { return run_.id; }
  [[nodiscard]] std::uint32_t attempt() const { return run_.attempt; }
  [[nodiscard]] const std::string& function() const { return functions_[run_.function].name; }
  [[nodiscard]] bool cancelled() const { return page_.cancelled.is_set(run_.sequence); }
  void wait_for(std::span<const JobId> ids);
  void progress(double percent, std::string_view message);
  void emit(const Value& part);
  void write_note(std::string_view key, const Value& value);
  /// Null: there is none.
  [[nodiscard]] Value read_note(std::string_view key);

 private:
  using Clock = std::chrono::steady_clock;
  enum class Next { go_on, stop, fail };
  /// A message that came while a job listened for its notes, or for what it waits for.
  struct Aside {
    message::ToWorker message;
    std::string payload;
  };

  [[nodiscard]] Next read_frames();
  [[nodiscard]] Next handle(const message::ToWorker& message, std::string_view payload);
  [[nodiscard]] Next handle(const message::WorkerWelcome& welcome, std::string_view payload);
  [[nodiscard]] Next handle(const message::Run& run, std::string_view arguments);
  [[nodiscard]] Next handle(const message::Stop& stop, std::string_view payload);
  [[nodiscard]] Next handle(const message::Notes& notes, std::string_view payload);
  [[nodiscard]] Next handle(const message::Resume& resume, std::string_view payload);

  /// The encoded result, or why there is none.
  [[nodiscard]] std::string result_or_failure(std::string_view arguments, Failure& failure);
  [[nodiscard]] Next report(std::string_view result, Failure failure, std::chrono::nanoseconds ran);
  [[nodiscard]] Next send(std::string_view payload = {});
  [[nodiscard]] static bool in_forked_child();
  void hear_notes();
  void ask_for_notes();
  [[nodiscard]] bool take_frames();
  [[nodiscard]] message::Resume hear_resume();
  void mark_output();
  void write_progress();
  void forget_job();

  std::vector<Function>& functions_;
  WorkerPage& page_;
  Fd output_;  ///< the pipe behind stdout, whatever a job makes of stdout
  Channel channel_{kChannelFd};
  Job job_{*this};
  message::WorkerWelcome welcome_;  ///< its limits
  bool welcomed_ = false;
  std::deque<Aside> aside_;

  CpuLimit cpu_limit_;
  message::Run run_;  ///< of the job that runs
  std::string out_;   ///< frames that are on their way; kept for its memory
  std::optional<message::Progress> unsent_;
  Clock::time_point last_progress_;  ///< the epoch: none yet in this job
  std::uint64_t parts_size_ = 0;     ///< of what this job has emitted
  NoteBook notes_;
  std::optional<message::Resume> resumed_;  ///< the answer to what this job waits for
};

}  // namespace promised::detail
