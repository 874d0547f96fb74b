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
#include "worker/job_process.hpp"
#include "worker/job_remains.hpp"
#include "worker/note_book.hpp"
#include "worker/own_state.hpp"

namespace promised::detail {

struct Function {
  std::string name;
  std::string signature;
  Invoke invoke;
};

/// A line on stderr, which the daemon keeps.
void say(const std::string& text);
/// What a job has printed is in the pipe before the daemon reads of the job's end.
void flush_output();

class Runner {
 public:
  /// Both must outlive this.
  Runner(std::vector<Function>& functions, WorkerPage& page);

  /// Serves until the daemon says stop or goes: 0; or until nonsense comes or the channel breaks: 1, said on
  /// stderr; or until there is no process for a job: message::kNoProcessForJob.
  [[nodiscard]] int serve();

  // Of the job that runs.
  [[nodiscard]] const JobId& id() const { return run_.id; }
  [[nodiscard]] std::uint32_t attempt() const { return run_.attempt; }
  [[nodiscard]] const std::string& function() const { return functions_[run_.function].name; }
  [[nodiscard]] bool cancelled() const { return page_.cancelled.is_set(run_.sequence); }
  [[nodiscard]] bool poll(std::span<pollfd> fds, std::chrono::milliseconds most);
  [[nodiscard]] std::chrono::seconds cpu_time() const { return std::chrono::seconds(welcome_.cpu_time); }
  void wait_for(std::span<const JobId> ids);
  void progress(double percent, std::string_view message);
  void emit(const Value& part);
  void become(const JobId& id) { becomes_ = id; }
  void write_note(std::string_view key, const Value& value);
  /// Null: there is none.
  [[nodiscard]] Value read_note(std::string_view key);

 private:
  using Clock = std::chrono::steady_clock;
  enum class Next { go_on, stop, fail, no_process };
  /// A message that came while a job listened for its notes, for what it waits for, or for its cancelling.
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

  /// Runs the job in this process, and reports.
  [[nodiscard]] Next run_here(std::string_view arguments);
  void rehearse();
  /// Runs it in a process of its own (runner_apart.cpp).
  [[nodiscard]] Next run_apart(std::string_view arguments);
  [[noreturn]] void be_process_of_job(std::string_view arguments) noexcept;
  [[nodiscard]] Next hand_back(const std::string& why);
  [[nodiscard]] Next wait_for_process();
  [[nodiscard]] bool hear_for_process();
  [[nodiscard]] Next speak_for_process(const JobProcess::End& end, std::chrono::nanoseconds ran);
  [[noreturn]] void end_like(const JobProcess::End& end) const;
  /// Ends what the job has left behind. Why this process is to end, if that is not possible, or there may
  /// have been more; else empty.
  [[nodiscard]] std::string end_remains();
  /// What the job has left of this process is for no other, for that reason, if there is one: so from now on
  /// it begins none. The daemon is told with the next send().
  void leave(const std::string& why);
  /// What cannot be undone of what it has made of this process, as a reason to leave; else empty.
  [[nodiscard]] std::string spoilt_by_job();
  [[nodiscard]] std::string described_job() const;

  /// The encoded result, or why there is none.
  [[nodiscard]] std::string result_or_failure(std::string_view arguments, Failure& failure);
  [[nodiscard]] Next report(std::string_view result, Failure failure, std::chrono::nanoseconds ran);
  enum class Says { more, answer };
  /// What is in out_, and `payload` behind it.
  [[nodiscard]] Next send(std::string_view payload = {}, Says says = Says::more);
  void hear_notes();
  void ask_for_notes();
  [[nodiscard]] bool take_frames();
  [[nodiscard]] bool hear_now();
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
  bool leaving_ = false;
  JobRemains remains_;
  OwnState own_state_;
  bool looks_later_ = false;           ///< for what a short job may have left behind
  std::optional<JobProcess> process_;  ///< isolation = job
  std::deque<Aside> aside_;

  CpuLimit cpu_limit_;
  message::Run run_;  ///< of the job that runs
  std::string out_;   ///< frames that are on their way; kept for its memory
  std::optional<message::Progress> unsent_;
  Clock::time_point last_progress_;  ///< the epoch: none yet in this job
  std::uint64_t parts_size_ = 0;     ///< of what this job has emitted
  JobId becomes_;                    ///< whose future this job has returned; empty: none
  NoteBook notes_;
  std::optional<message::Resume> resumed_;  ///< the answer to what this job waits for
};

}  // namespace promised::detail
