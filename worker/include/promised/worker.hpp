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

#include <promised/convert.hpp>
#include <promised/detail/callable.hpp>
#include <promised/export.hpp>
#include <promised/types.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace promised {

namespace detail {
class Runner;
}  // namespace detail

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

 private:
  friend class detail::Runner;
  explicit Job(detail::Runner& runner) : runner_(runner) {}
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
  /// S10). What it throws fails the job, with the exception's type and message; std::bad_alloc fails it with
  /// the cause `memory`.
  template <class F>
  Worker& define(std::string name, F function) {
    using Callable = detail::Callable<F>;
    add(std::move(name), Callable::signature(), Callable::bind(std::move(function)));
    return *this;
  }

  /// Serves jobs until the daemon has no more, and returns what main() should return: 0. With `--functions`,
  /// lists the functions on stdout instead. 2, with an explanation on stderr, when the daemon has not started
  /// this process or no function is defined; 1 when the channel breaks.
  [[nodiscard]] int run();

 private:
  void add(std::string name, std::string signature, detail::Invoke invoke);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace promised
