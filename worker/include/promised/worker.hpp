// SPDX-License-Identifier: Apache-2.0
// What a worker program is made of. The daemon starts it, any number of times, and hands it jobs over a
// private channel; run() takes one after the other, in the thread that called it:
//
//   std::string build_report(promised::Job& job, std::string customer, int year);
//
//   int main(int argc, char** argv) {
//     promised::Worker worker(argc, argv);
//     worker.define("report.build", build_report);
//     return worker.run();
//   }
//
// A job may do anything that a process may: what it breaks is this process, and the job's outcome says how.
#pragma once

#include <poll.h>
#include <promised/convert.hpp>
#include <promised/detail/callable.hpp>
#include <promised/error.hpp>
#include <promised/export.hpp>
#include <promised/types.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace promised {

namespace detail {
class Runner;
}  // namespace detail

/// What a job reports is more than a limit of the daemon allows; the message names the limit. Not caught, it
/// fails the job as any exception does.
class PROMISED_EXPORT LimitReached : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The job was cancelled while it waited for others.
class PROMISED_EXPORT JobCancelled : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// If the job waited for these it would wait for itself; the message names the circle. Not caught, it fails
/// the job with the cause `deadlock`.
class PROMISED_EXPORT Deadlock : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Thrown by a job that would fail in the same way again: it is not tried again, whatever its retries
/// (SEMANTICS A1). Others may be derived from it.
class PROMISED_EXPORT Permanent : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Thrown by a job that knows when to try again, as far as its retries go: then its backoff does not count
/// (SEMANTICS A1). Others may be derived from it.
class PROMISED_EXPORT RetryAfter : public std::runtime_error {
 public:
  /// `delay` of less than nothing is none.
  RetryAfter(std::chrono::milliseconds delay, const std::string& message)
      : std::runtime_error(message), delay_(std::max(delay, std::chrono::milliseconds(0))) {}
  [[nodiscard]] std::chrono::milliseconds delay() const { return delay_; }

 private:
  std::chrono::milliseconds delay_;
};

/// What a job can wait for: a job by its id, or whatever has one, such as a future.
template <class T>
concept Awaitable = std::same_as<T, JobId> || requires(const T& t) {
  { t.id() } -> std::convertible_to<JobId>;
};

/// The job that runs, as its function sees it. Valid until the function returns, on the thread that it was
/// called on.
class PROMISED_EXPORT Job {
 public:
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  [[nodiscard]] const JobId& id() const;
  /// Counts from 1.
  [[nodiscard]] std::uint32_t attempt() const;
  /// The name that it was submitted under.
  [[nodiscard]] const std::string& function() const;

  /// Tells how far the job is (SEMANTICS P1): `percent` from 0 to 100, kept to one decimal, or NaN for
  /// "unknown"; what lies outside is taken for the nearest. Cheap: at most one report per 100 ms leaves the
  /// process, and the last one before the job's end always does. The message is cut after 4 KiB.
  void progress(double percent, std::string_view message = {});

  /// Whether the job has been cancelled: then it is to stop soon, by return or by an exception, and whatever
  /// it comes to, its outcome is that it was cancelled. Without that its worker gets SIGTERM after the pool's
  /// kill_grace, and SIGKILL after as long again (SEMANTICS X1). Cheap enough to be asked in a loop, and on
  /// any thread.
  [[nodiscard]] bool cancelled() const;

  /// Sleeps like poll(2) until one of `fds` is ready (its `revents` tell), `most` is over (less than nothing:
  /// there is no limit) or a signal was handled; or until the job is cancelled, then and from then on it is
  /// false at once, and `revents` mean nothing. `fds` may be empty. For a job that waits for something
  /// outside and has to stop soon all the same. On the job's own thread. Throws std::system_error where
  /// poll(2) fails.
  [[nodiscard]] bool poll(std::span<pollfd> fds,
                          std::chrono::milliseconds most = std::chrono::milliseconds(-1));

  /// How much of the processor one job of this pool may use (`cpu_time`, SEMANTICS I3); 0: as much as it
  /// takes. It is this process's limit: a program that starts others may give each of them as much.
  [[nodiscard]] std::chrono::seconds cpu_time() const;

  /// Waits until these jobs have ended, however; another job may run in the pool meanwhile, and this one goes
  /// on before new ones begin (SEMANTICS C8). A future's submission must have been accepted first, which is
  /// waited for. Throws Deadlock, JobCancelled, LimitReached when max_waiting jobs of the pool wait already,
  /// and NoSuchFuture for a job that is not there, or is neither of this job's owner nor submitted by this
  /// process.
  template <Awaitable T>
  void wait(const T& job) {
    wait(std::span<const T>(&job, 1));
  }
  template <std::ranges::input_range Range>
  requires Awaitable<std::ranges::range_value_t<Range>>
  void wait(const Range& jobs) {
    for (std::size_t left = std::numeric_limits<std::size_t>::max();;) {
      std::vector<JobId> ids;
      for (const auto& job : jobs) add_unended(job, ids);
      try {
        if (!ids.empty()) wait_for(ids);
        return;
      } catch (const NoSuchFuture&) {
        // It may have ended, and its outcome have come to the future, which alone has it then.
        if (ids.size() >= left) throw;
        left = ids.size();
      }
    }
  }

  /// Streams a part of the result, of any type of <promised/convert.hpp>: readers get the parts in order, as
  /// they come or later (SEMANTICS P3, AnyFuture::parts). It is with the daemon at once; a daemon that is
  /// busy holds the job up. Throws LimitReached when the parts of this job would have more than max_parts
  /// bytes, or this one more than max_result, and std::invalid_argument for a value that cannot be sent.
  template <class T>
  void emit(const T& part) {
    emit_value(to_value(part));
  }

  /// Shares a small value with the clients of this job, who may write notes too: the last writer wins
  /// (SEMANTICS P2). Notes are kept with the outcome; a null value removes one. `key` has 1 to 255 bytes of
  /// UTF-8 (std::invalid_argument for any other). Throws LimitReached when all notes of the job would take
  /// more than max_notes bytes. The first use of notes in a job waits for an answer of the daemon, later ones
  /// do not wait.
  template <class T>
  void note(std::string_view key, const T& value) {
    write_note(key, to_value(value));
  }
  /// The note as clients or this job have written it by now; nothing if there is none. Cheap enough to be
  /// asked in a loop: `while (!job.note<bool>("stop").value_or(false)) …`. Throws Mismatch when it is no T.
  template <class T = Value>
  [[nodiscard]] std::optional<T> note(std::string_view key) {
    Value value = read_note(key);
    if (value.is_null()) return std::nullopt;
    return from_value<T>(std::move(value));
  }

 private:
  friend class detail::Runner;
  friend void detail::become(Job& job, const JobId& id);
  explicit Job(detail::Runner& runner) : runner_(runner) {}
  template <class T>
  static void add_unended(const T& job, std::vector<JobId>& ids) {
    if constexpr (std::same_as<T, JobId>) {
      ids.push_back(job);
    } else {
      if constexpr (requires {
                      { job.done() } -> std::convertible_to<bool>;
                    }) {
        if (job.done()) return;
      }
      if constexpr (requires { job.accepted(); }) job.accepted();
      ids.push_back(job.id());
    }
  }
  void wait_for(const std::vector<JobId>& ids);
  void emit_value(const Value& part);
  void write_note(std::string_view key, const Value& value);
  [[nodiscard]] Value read_note(std::string_view key);
  ~Job() = default;

  detail::Runner& runner_;
};

class PROMISED_EXPORT Worker {
 public:
  /// Understands `--functions`; every other argument is the program's own.
  Worker(int argc, char** argv);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Makes `function` callable under `name` (1 to 255 bytes of printable UTF-8; std::invalid_argument for any
  /// other, and for one that is defined already). It is a function pointer, a lambda, a std::function or any
  /// object with one call operator. Its first parameter may be a Job&; the others, taken by value or const
  /// reference, and its result are of the types of <promised/convert.hpp>. Trailing std::optional parameters
  /// may be absent from a call, and a call's named arguments arrive as one map behind the others (SEMANTICS
  /// S10). Its result may be a promised::Future instead, of a job of its own that it has submitted, or of any
  /// that it may wait for: then what that job comes to is what this one comes to, and the worker is free
  /// meanwhile (SEMANTICS C7). It waits until that submission has been accepted. What it throws fails the
  /// job, with the exception's type and message; std::bad_alloc fails it with the cause `memory`.
  template <class F>
  Worker& define(std::string name, F function) {
    using Callable = detail::Callable<F>;
    add(std::move(name), Callable::signature(), Callable::bind(std::move(function)));
    return *this;
  }

  /// Serves jobs until the daemon has no more, and returns what main() has to return, as the daemon goes by
  /// it: 0. With `--functions`, lists the functions on stdout instead. 2, with an explanation on stderr, when
  /// the daemon has not started this process or no function is defined; 1 when the channel breaks; 75 when
  /// there is no process to run a job in (`isolation = job`), which goes back then as if it had not been
  /// given out.
  [[nodiscard]] int run();

 private:
  void add(std::string name, std::string signature, detail::Invoke invoke);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace promised
