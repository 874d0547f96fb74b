// SPDX-License-Identifier: Apache-2.0
#include "worker/runner.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <limits>
#include <system_error>
#include <utility>
#include <variant>

#include "common/wire/value_codec.hpp"
#include "common/wire/worker_codec.hpp"
#include "worker/crash_handler.hpp"
#include "worker/failure.hpp"

namespace promised::detail {
namespace {

constexpr std::chrono::milliseconds kProgressPause{100};
// So much goes into the socket in one piece or not at all, also if the process is killed as it sends.
constexpr std::size_t kWhole = std::size_t{16} << 10;
// A job that takes less has hardly started a process. Looking for one costs as much as such a job, so it is
// put off until there is nothing else to do.
constexpr std::chrono::microseconds kFastestFork{5};

Failure bad_arguments(std::string message) {
  Failure failure;
  failure.cause = Cause::bad_arguments;
  failure.message = std::move(message);
  return failure;
}

}  // namespace

void say(const std::string& text) {
  std::fprintf(stderr, "promised: %s\n", text.c_str());
}

void flush_output() {
  std::cout.flush();
  std::clog.flush();
  std::fflush(stdout);
  std::fflush(stderr);
}

Runner::Runner(std::vector<Function>& functions, WorkerPage& page)
    : functions_(functions), page_(page), output_(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, kPageFd)) {
  watch_for_forks();
}

int Runner::serve() {
  try {
    for (;;) {
      switch (read_frames()) {
        case Next::stop:
          return 0;
        case Next::fail:
          return 1;
        case Next::no_process:
          return message::kNoProcessForJob;
        case Next::go_on:
          break;
      }
      if (std::exchange(looks_later_, false)) {
        leave(end_remains());
        if (send() != Next::go_on) return 0;
      }
      if (channel_.fill(wire::frame_size(channel_.bytes())) == Channel::Read::end) return 0;
    }
  } catch (const std::system_error& e) {
    say(e.what());
    return 1;
  }
}

Runner::Next Runner::read_frames() {
  for (;;) {
    while (!aside_.empty()) {
      const Aside next = std::move(aside_.front());
      aside_.pop_front();
      if (const Next done = handle(next.message, next.payload); done != Next::go_on) return done;
    }
    auto frame = wire::decode_to_worker(channel_.bytes(), std::numeric_limits<std::uint32_t>::max());
    if (!frame.ok()) {
      say("the daemon's message cannot be read: " + frame.problem().message);
      return Next::fail;
    }
    if (!frame->has_value()) return Next::go_on;
    // Its bytes stay until more are read: a job may do that, once it has its arguments.
    channel_.consume((*frame)->size);
    if (const Next next = handle((*frame)->message, (*frame)->payload); next != Next::go_on) return next;
  }
}

Runner::Next Runner::handle(const message::ToWorker& message, std::string_view payload) {
  return std::visit([&](const auto& m) { return handle(m, payload); }, message);
}

// An answer to a question of a job that has ended.
Runner::Next Runner::handle(const message::Notes&, std::string_view) {
  return Next::go_on;
}

Runner::Next Runner::handle(const message::Resume&, std::string_view) {
  return Next::go_on;
}

Runner::Next Runner::handle(const message::WorkerWelcome& welcome, std::string_view) {
  if (welcome.protocol != message::kWorkerProtocol) {
    say("the daemon speaks version " + std::to_string(welcome.protocol) +
        " of the worker protocol, this program " + std::to_string(message::kWorkerProtocol) +
        ": build it against the daemon's version of promised");
    return Next::fail;
  }
  welcome_ = welcome;
  welcome_.max_result =
      std::min<std::uint64_t>(welcome.max_result, std::numeric_limits<std::uint32_t>::max());
  welcomed_ = true;
  cpu_limit_ = CpuLimit(welcome.cpu_time);
  if (welcome.isolation == Isolation::job && !process_) {
    process_.emplace();
    rehearse();
  }
  message::Ready ready;
  for (const Function& f : functions_) ready.functions.push_back({f.name, f.signature});
  wire::encode_frame(message::FromWorker(std::move(ready)), 0, out_);
  return send();
}

Runner::Next Runner::handle(const message::Run& run, std::string_view arguments) {
  if (!welcomed_ || run.function >= functions_.size()) {
    say(welcomed_ ? "the daemon asks for function number " + std::to_string(run.function) + " of " +
                        std::to_string(functions_.size())
                  : std::string("the daemon sends a job before its welcome"));
    return Next::fail;
  }
  if (leaving_) return Next::go_on;  // the daemon takes it back
  page_.cancelled.clear();
  if (!page_.claims.claim(run.sequence)) return Next::go_on;  // taken back
  run_ = run;
  return process_ ? run_apart(arguments) : run_here(arguments);
}

Runner::Next Runner::run_here(std::string_view arguments) {
  forget_failed_allocations();
  cpu_limit_.begin_job();
  Failure failure;
  const Clock::time_point began = Clock::now();
  const std::string result = result_or_failure(arguments, failure);
  const std::chrono::nanoseconds ran = Clock::now() - began;
  if (is_child_of_a_job()) {
    say("a child process of job " + run_.id.text() + " came back from " + function() + "; it ends here");
    ::_exit(1);
  }
  return report(result, std::move(failure), ran);
}

Runner::Next Runner::handle(const message::Stop&, std::string_view) {
  return Next::stop;
}

std::string Runner::result_or_failure(std::string_view arguments, Failure& failure) {
  try {
    Result<Arguments> given = wire::decode_arguments(arguments);
    if (!given.ok()) {
      failure = bad_arguments(function() + ": the arguments cannot be read: " + given.problem().message);
      return {};
    }
    const Value value = functions_[run_.function].invoke(job_, std::move(*given));
    Result<std::string> result = wire::encode(value);
    if (!result.ok()) {
      failure.cause = Cause::exception;
      failure.type = "promised::Mismatch";
      failure.message = function() + ": the result cannot be sent: " + result.problem().message;
      return {};
    }
    if (result->size() > welcome_.max_result) {
      failure.cause = Cause::result_too_large;
      failure.message = function() + ": the result has " + std::to_string(result->size()) +
                        " bytes; max_result allows " + std::to_string(welcome_.max_result);
      return {};
    }
    return std::move(*result);
  } catch (...) {
    failure = failure_from_current_exception(function());
    return {};
  }
}

Runner::Next Runner::report(std::string_view result, Failure failure, std::chrono::nanoseconds ran) {
  flush_output();
  looks_later_ = ran < kFastestFork;
  const std::string left = looks_later_ ? std::string() : end_remains();
  if (!process_) {  // else this one ends in any case, and its worker sees what it leaves
    leave(left);
    leave(spoilt_by_job());
  }
  mark_output();
  if (unsent_) write_progress();
  const JobId becomes = becomes_;
  forget_job();
  wire::encode_frame(
      message::FromWorker(message::AttemptEnded{run_.sequence, std::move(failure), ran, becomes}),
      result.size(), out_);
  return send(result, Says::answer);
}

std::string Runner::described_job() const {
  return "job " + run_.id.text() + " (" + function() + ")";
}

std::string Runner::end_remains() {
  switch (remains_.end()) {
    case JobRemains::Rest::none:
      break;
    case JobRemains::Rest::here:
      return "what " + described_job() + " has started does not end";
    case JobRemains::Rest::elsewhere:
      return described_job() +
             " has turned PR_SET_CHILD_SUBREAPER off: what it has started may go on elsewhere";
  }
  return {};
}

std::string Runner::spoilt_by_job() {
  const std::string_view what = own_state_.restore();
  return what.empty() ? std::string()
                      : described_job() + " has changed " + std::string(what) + ", which cannot be undone";
}

void Runner::leave(const std::string& why) {
  if (why.empty() || leaving_) return;
  say(why + "; this worker ends");
  leaving_ = true;
  wire::encode_frame(message::FromWorker(message::Leaves{why}), 0, out_);
}

// So that what was printed is told from what the next job prints.
void Runner::mark_output() {
  page_.output.note_end(run_.sequence, [this]() -> std::optional<std::uint64_t> {
    int unread = 0;
    if (::ioctl(output_.get(), FIONREAD, &unread) != 0 || unread < 0) return std::nullopt;
    return static_cast<std::uint64_t>(unread);
  });
}

Runner::Next Runner::send(std::string_view payload, Says says) {
  const bool marked = process_ && (says == Says::answer || out_.size() + payload.size() > kWhole);
  if (marked) process_->speech().store(Speech::speaking);
  const bool sent = channel_.send(out_, payload);
  if (marked) process_->speech().store(says == Says::answer ? Speech::answered : Speech::silent);
  out_.clear();
  return sent ? Next::go_on : Next::stop;  // nobody is there to read it
}

void Runner::progress(double percent, std::string_view message) {
  if (is_child_of_a_job()) return;
  const double tenths = std::isnan(percent) ? percent : std::round(std::clamp(percent, 0.0, 100.0) * 10) / 10;
  unsent_.emplace(message::Progress{run_.sequence, tenths, std::string(message)});
  const Clock::time_point now = Clock::now();
  if (last_progress_ != Clock::time_point() && now - last_progress_ < kProgressPause) return;
  last_progress_ = now;
  write_progress();
  static_cast<void>(send());  // that the daemon is gone is noticed when the job has ended
}

void Runner::write_progress() {
  wire::encode_frame(message::FromWorker(std::move(*unsent_)), 0, out_);
  unsent_.reset();
}

void Runner::forget_job() {
  unsent_.reset();
  last_progress_ = {};
  parts_size_ = 0;
  becomes_ = {};
  notes_.clear();
  resumed_.reset();
}

}  // namespace promised::detail
