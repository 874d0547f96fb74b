// SPDX-License-Identifier: Apache-2.0
// What a job reports while it runs, as its clients see it: how far it is, the notes that both sides write,
// the parts of its result that it streams, and what it prints (SEMANTICS P1 to P4). The calls are
// AnyFuture's.
#pragma once

#include <promised/convert.hpp>
#include <promised/error.hpp>
#include <promised/export.hpp>
#include <promised/value.hpp>
#include <promised/views.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace promised {

class AnyFuture;

/// How far a job is.
struct Progress {
  double percent =
      std::numeric_limits<double>::quiet_NaN();  ///< 0 to 100; NaN: it does not know, or has not said
  std::string message;
};

/// The parts of a job that were read so far are of no more use: its run was cut off, and it runs again. Ask
/// for its parts once more to read them from the start.
class PROMISED_EXPORT PartsRestarted : public Error {
 public:
  using Error::Error;
};

/// The value of a note in a view. Throws Error if it is none.
[[nodiscard]] PROMISED_EXPORT Value value_of(const NoteView& note);

namespace detail {

class PROMISED_EXPORT PartStream {
 public:
  explicit PartStream(const AnyFuture& future);
  PartStream(PartStream&&) noexcept;
  PartStream& operator=(PartStream&&) noexcept;
  ~PartStream();

  /// See Parts::next.
  [[nodiscard]] std::optional<Value> next(std::chrono::milliseconds timeout);
  /// "part 3 of FUNCTION (job ID)": the one that came last, for messages.
  [[nodiscard]] std::string place() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace detail

/// A piece of what a job has written to stdout and stderr, in the order in which a terminal would show both.
struct OutputPiece {
  std::string bytes;       ///< of any kind, cut anywhere; empty where there is only something lost
  std::uint64_t lost = 0;  ///< bytes before these that came faster than they were read, and are not kept
  bool anew = false;  ///< the run that printed what came before was cut off: this is the first of another one
};

namespace detail {

class PROMISED_EXPORT OutputSource {
 public:
  explicit OutputSource(const AnyFuture& future);
  OutputSource(OutputSource&&) noexcept;
  OutputSource& operator=(OutputSource&&) noexcept;
  ~OutputSource();

  /// See OutputStream::next.
  [[nodiscard]] std::optional<OutputPiece> next(std::chrono::milliseconds timeout);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Steps over a range whose next() returns what there is, and nothing at the end. `Range` has the current
/// element in `current_`.
template <class Range, class T>
class PullIterator {
 public:
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using iterator_concept = std::input_iterator_tag;

  PullIterator() = default;
  explicit PullIterator(Range* range) : range_(range) { ++*this; }
  T& operator*() const { return *range_->current_; }
  T* operator->() const { return &*range_->current_; }
  PullIterator& operator++() {
    range_->current_ = range_->next();
    if (!range_->current_) range_ = nullptr;
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const PullIterator& i, std::default_sentinel_t) { return i.range_ == nullptr; }

 private:
  Range* range_ = nullptr;
};

}  // namespace detail

/// What AnyFuture::parts returns: an input range of what the job has emitted, from the start, and as it
/// comes. What is not read yet waits in the daemon, but for about 1 MiB. To be used by one thread at a time.
template <class T = Value>
class Parts {
 public:
  Parts(const AnyFuture& future, std::chrono::milliseconds timeout) : stream_(future), timeout_(timeout) {}

  /// Waits for the next part; nothing: the job has succeeded, and that were all. Throws what
  /// AnyFuture::value does if the job came to another end, once all parts are read; TimeoutError when no part
  /// comes within the timeout (then it can be asked again); DisconnectedError; PartsRestarted; Mismatch when
  /// the part is no T.
  [[nodiscard]] std::optional<T> next() {
    std::optional<Value> part = stream_.next(timeout_);
    if (!part) return std::nullopt;
    try {
      return from_value<T>(*std::move(part));
    } catch (const Mismatch& m) {
      throw m.within(stream_.place());
    }
  }

  using iterator = detail::PullIterator<Parts, T>;
  [[nodiscard]] iterator begin() { return iterator(this); }
  [[nodiscard]] static std::default_sentinel_t end() { return {}; }

 private:
  friend iterator;
  detail::PartStream stream_;
  std::chrono::milliseconds timeout_;
  std::optional<T> current_;
};

/// What AnyFuture::follow_output returns: an input range of what the job prints, from the first byte that is
/// kept, and as it comes. Who reads slowly misses some, and is told how much. To be used by one thread at a
/// time.
class OutputStream {
 public:
  OutputStream(const AnyFuture& future, std::chrono::milliseconds timeout)
      : source_(future), timeout_(timeout) {}

  /// Waits for the next piece; nothing: the job has ended, whatever it came to, and that was all. Throws
  /// TimeoutError when none comes within the timeout (then it can be asked again), NoSuchFuture,
  /// RefusedError, DisconnectedError.
  [[nodiscard]] std::optional<OutputPiece> next() { return source_.next(timeout_); }

  using iterator = detail::PullIterator<OutputStream, OutputPiece>;
  [[nodiscard]] iterator begin() { return iterator(this); }
  [[nodiscard]] static std::default_sentinel_t end() { return {}; }

 private:
  friend iterator;
  detail::OutputSource source_;
  std::chrono::milliseconds timeout_;
  std::optional<OutputPiece> current_;
};

}  // namespace promised
