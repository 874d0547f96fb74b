// SPDX-License-Identifier: Apache-2.0
// A job in a process of its own (SEMANTICS I1, `isolation = job`): a fork of the worker as its program had
// set it up. The job's process writes to the daemon itself, over the channel that both hold; the worker waits
// for its end, passes on what the daemon has to say to it, and speaks in its place when it ends without an
// answer.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/fd.hpp"
#include "common/process_use.hpp"

namespace promised::detail {

/// How far the job's process is with what it has to say to the daemon; in memory that the worker has too. It
/// may end at any moment.
enum class Speech : std::uint8_t {
  silent,    ///< what it has sent is there in full, and no answer
  speaking,  ///< half a frame may be there, or an answer, or none: then nobody can go on
  answered
};

class JobProcess {
 public:
  /// How the process of a job ended.
  struct End {
    int signal = 0;  ///< 0: it exited
    int exit_code = 0;
    ProcessUse used;
  };

  /// Throws std::system_error.
  JobProcess();
  JobProcess(const JobProcess&) = delete;
  JobProcess& operator=(const JobProcess&) = delete;
  ~JobProcess();

  enum class Side { worker, job, none };
  /// Forks; `none`, with errno, when the kernel has no process to give, or none that the worker could see to:
  /// then nothing of the job has run. In the worker SIGTERM is only noted until reap(): when it is sent to
  /// all processes of the worker, it is the job that is meant.
  [[nodiscard]] Side fork();

  [[nodiscard]] std::atomic<Speech>& speech() { return *speech_; }

  // In the job's process:
  /// Where it hears of the daemon.
  [[nodiscard]] int ear() const { return ear_.get(); }

  // In the worker:
  /// Readable when the job's process has ended.
  [[nodiscard]] int end_fd() const { return process_.get(); }
  /// Has room for pass_on() to go on; -1 while nothing is held up.
  [[nodiscard]] int mouth_fd() const { return held_up_.empty() ? -1 : mouth_.get(); }
  /// Frames for the job's process; what it does not take now is kept.
  void pass_on(std::string_view frames);
  /// Whether the spawner has sent SIGTERM since fork(), to this process as to all of its group.
  [[nodiscard]] static bool told_to_stop();
  /// After its end.
  [[nodiscard]] End reap();

 private:
  [[nodiscard]] Side call_off();

  std::atomic<Speech>* speech_;
  pid_t pid_ = 0;
  Fd process_;
  Fd ear_;
  Fd mouth_;
  std::string held_up_;
  struct sigaction on_sigterm_ {};
};

/// A job may fork. True in its child, which must neither hold the channel (its parent's death would go
/// unnoticed there) nor come back from the function into the loop (it would answer for its parent).
[[nodiscard]] bool is_child_of_a_job();
/// Before the first job: from now on such children are known, and the channel is closed in them.
void watch_for_forks();

}  // namespace promised::detail
