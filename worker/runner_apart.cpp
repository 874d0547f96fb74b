// SPDX-License-Identifier: Apache-2.0
// A job in a process of its own: what the worker does while it runs, and says in its place when it ends
// without an answer.
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>
#include <variant>

#include "common/wire/value_codec.hpp"
#include "common/wire/worker_codec.hpp"
#include "worker/crash_handler.hpp"
#include "worker/runner.hpp"

namespace promised::detail {

/// The dynamic linker binds a function at its first call, which takes longer than many a job does: what is
/// bound here need not be in each job's process.
void Runner::rehearse() {
  const Value value("value");
  const auto arguments = wire::encode(Arguments{{value}, {{"name", value}}});
  if (arguments.ok()) static_cast<void>(wire::decode_arguments(*arguments));
  static_cast<void>(wire::encode(value));
  std::string frame;
  wire::encode_frame(message::FromWorker(message::AttemptEnded{}), 0, frame);
}

Runner::Next Runner::run_apart(std::string_view arguments) {
  flush_output();  // or the job would print it once more
  page_.crash.clear();
  const Clock::time_point began = Clock::now();
  switch (process_->fork()) {
    case JobProcess::Side::job:
      be_process_of_job(arguments);
    case JobProcess::Side::none:
      return hand_back(std::generic_category().message(errno));
    case JobProcess::Side::worker:
      break;
  }
  if (const Next next = wait_for_process(); next != Next::go_on) return next;
  const JobProcess::End end = process_->reap();
  // What it has started was told with it, and has the time that the daemon gives it.
  if (process_->told_to_stop()) remains_.await_group();
  leave(end_remains());
  leave(spoilt_by_job());
  const Speech speech = process_->speech().load();
  if (speech == Speech::answered) return send();
  if (speech == Speech::speaking) end_like(end);
  return speak_for_process(end, Clock::now() - began);
}

/// It has not begun, so it may begin elsewhere or later: when this worker has gone, and another has come.
Runner::Next Runner::hand_back(const std::string& why) {
  say("there is no process for " + described_job() + ": " + why + "; it goes back, and this worker ends");
  page_.claims.hand_back(run_.sequence);
  return Next::no_process;
}

/// What escapes, as for want of memory to tell of the end, is a crash of the job: it must not come to what
/// the program has to do at its own end.
void Runner::be_process_of_job(std::string_view arguments) noexcept {
  int status = 1;
  try {
    adopt_crash_handler();
    remains_ = JobRemains();
    channel_.listen_to(process_->ear());
    if (run_here(arguments) == Next::go_on) status = 0;
  } catch (const std::system_error& e) {
    say(e.what());
  }
  ::_exit(status);  // what is to be done at the program's exit is the worker's
}

/// Passes on what the daemon says to the job; all else waits for its end.
Runner::Next Runner::wait_for_process() {
  for (;;) {
    std::array<pollfd, 3> polled{pollfd{process_->end_fd(), POLLIN, 0}, pollfd{kChannelFd, POLLIN, 0},
                                 pollfd{process_->mouth_fd(), POLLOUT, 0}};
    if (::poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR) continue;
      throw std::system_error(errno, std::generic_category(), "poll of the process of a job");
    }
    if (polled[0].revents != 0) return Next::go_on;
    if (polled[1].revents != 0 && !hear_for_process()) return Next::stop;
    if (polled[2].revents != 0) process_->pass_on({});
  }
}

/// False: the daemon is gone.
bool Runner::hear_for_process() {
  if (channel_.fill_now(wire::frame_size(channel_.bytes())) == Channel::Read::end) return false;
  for (;;) {
    auto frame = wire::decode_to_worker(channel_.bytes(), std::numeric_limits<std::uint32_t>::max());
    // What is no frame is found again by the loop, which says so.
    if (!frame.ok() || !frame->has_value()) return true;
    if (std::holds_alternative<message::Run>((*frame)->message) ||
        std::holds_alternative<message::Stop>((*frame)->message)) {
      aside_.push_back({std::move((*frame)->message), std::string((*frame)->payload)});
    } else {
      process_->pass_on(channel_.bytes().substr(0, (*frame)->size));
    }
    channel_.consume((*frame)->size);
  }
}

Runner::Next Runner::speak_for_process(const JobProcess::End& end, std::chrono::nanoseconds ran) {
  Failure failure;
  failure.cause = end.signal != 0 ? Cause::crashed : Cause::exited;
  if (page_.crash.out_of_memory()) failure.cause = Cause::memory;
  failure.signal = end.signal;
  failure.exit_code = end.exit_code;
  failure.user = end.used.user;
  failure.system = end.used.system;
  failure.peak_memory = end.used.peak_memory;
  failure.backtrace = page_.crash.backtrace();
  mark_output();
  wire::encode_frame(message::FromWorker(message::AttemptEnded{run_.sequence, std::move(failure), ran}), 0,
                     out_);
  return send();
}

/// Half a frame may be on the channel: nothing can follow it there.
void Runner::end_like(const JobProcess::End& end) const {
  say("the process of " + described_job() + " ended while it wrote to the daemon; this worker ends like it");
  flush_output();
  if (end.signal != 0) {
    ::signal(end.signal, SIG_DFL);
    ::raise(end.signal);
  }
  ::_exit(end.exit_code);
}

}  // namespace promised::detail
