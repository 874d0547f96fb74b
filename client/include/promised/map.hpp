// SPDX-License-Identifier: Apache-2.0
// One call for each element of a range, with a bounded number of them under way: what Client::map returns
// (SEMANTICS S4).
#pragma once

#include <promised/convert.hpp>
#include <promised/export.hpp>
#include <promised/future.hpp>
#include <promised/types.hpp>
#include <promised/value.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace promised {

struct MapOptions {
  Options options = {};  ///< of each call
  /// From the call of map(): over it, the step to the next result throws TimeoutError.
  std::chrono::milliseconds timeout = kForever;
  /// The most calls that are submitted and whose results have not been taken: what bounds the memory here and
  /// in the daemon. A chunk of PEP 3148 is for the same purpose; but every call stays a job of its own here,
  /// in its own attempt, since the daemon keeps workers busy by itself (prefetch). 0: kMapChunk.
  std::size_t chunk = 0;
};
inline constexpr std::size_t kMapChunk = 2048;

namespace detail {

class Session;

/// The calls of one map, in order; without their types.
class PROMISED_EXPORT MapRun {
 public:
  /// Puts the next call's arguments into an empty Arguments; false: there are no more.
  using Source = std::function<bool(Arguments&)>;

  MapRun(std::shared_ptr<Session> session, MapOptions options, std::string function, Source source);
  MapRun(MapRun&&) noexcept;
  MapRun& operator=(MapRun&&) noexcept;
  /// cancel_rest().
  ~MapRun();

  /// The future of the next call, once it is done; nothing after the last.
  [[nodiscard]] std::optional<AnyFuture> next();
  /// Nothing more is submitted, and what has not begun is cancelled.
  void cancel_rest() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Several ranges in step, as far as the shortest. Lvalues are referred to, rvalues kept.
template <class... Ranges>
class Zip {
 public:
  explicit Zip(Ranges&&... ranges)
      : ranges_(std::forward<Ranges>(ranges)...),
        at_(std::apply([](auto&... r) { return std::tuple(std::ranges::begin(r)...); }, ranges_)) {}
  Zip(const Zip&) = delete;
  Zip& operator=(const Zip&) = delete;

  bool next(Arguments& arguments) { return next(arguments, std::index_sequence_for<Ranges...>()); }

 private:
  template <std::size_t... I>
  bool next(Arguments& arguments, std::index_sequence<I...>) {
    if ((... || (std::get<I>(at_) == std::ranges::end(std::get<I>(ranges_))))) return false;
    arguments.positional.reserve(sizeof...(I));
    (arguments.positional.push_back(to_value(*std::get<I>(at_))), ...);
    (static_cast<void>(++std::get<I>(at_)), ...);
    return true;
  }

  std::tuple<Ranges...> ranges_;
  std::tuple<std::ranges::iterator_t<std::remove_reference_t<Ranges>>...> at_;
};

template <class... Ranges>
[[nodiscard]] MapRun::Source zip(Ranges&&... ranges) {
  // Shared, for a std::function can be copied; and the iterators point into it.
  const auto all = std::make_shared<Zip<Ranges...>>(std::forward<Ranges>(ranges)...);
  return [all](Arguments& arguments) { return all->next(arguments); };
}

}  // namespace detail

/// What Client::map returns: an input range of the results, in the order of the inputs. Inputs are pulled as
/// results are taken, at most MapOptions::chunk ahead. What a call ended in is thrown when its turn comes:
/// then, as when `timeout` is over, and when the range is dropped before its end, the calls that have not
/// begun are cancelled. One pass only. The results of functions that return nothing are std::monostate.
template <class R>
class Mapped {
 public:
  using Result = std::conditional_t<std::is_void_v<R>, std::monostate, R>;

  explicit Mapped(detail::MapRun run) : run_(std::move(run)) {}

  class iterator {
   public:
    using value_type = Result;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    iterator() = default;
    explicit iterator(Mapped* range) : range_(range) { ++*this; }
    Result& operator*() const { return *range_->current_; }
    Result* operator->() const { return &*range_->current_; }
    iterator& operator++() {
      if (!range_->step()) range_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) { return i.range_ == nullptr; }

   private:
    Mapped* range_ = nullptr;
  };

  /// To be called once.
  [[nodiscard]] iterator begin() { return iterator(this); }
  [[nodiscard]] static std::default_sentinel_t end() { return {}; }

 private:
  bool step() {
    current_.reset();
    try {
      std::optional<AnyFuture> done = run_.next();
      if (!done) return false;
      const Future<R> future(*std::move(done));
      if constexpr (std::is_void_v<R>) {
        future.result(std::chrono::milliseconds(0));
        current_.emplace();
      } else {
        current_.emplace(future.result(std::chrono::milliseconds(0)));
      }
    } catch (...) {
      run_.cancel_rest();
      throw;
    }
    return true;
  }

  detail::MapRun run_;
  std::optional<Result> current_;
};

}  // namespace promised
