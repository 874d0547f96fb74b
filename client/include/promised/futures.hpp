// SPDX-License-Identifier: Apache-2.0
// The remembered futures that the caller finds by name, as a read-only map (SEMANTICS R5): what
// Client::futures returns. It holds no copy: every call asks the daemon.
#pragma once

#include <promised/export.hpp>
#include <promised/future.hpp>
#include <promised/types.hpp>
#include <promised/views.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace promised {

namespace detail {
class Session;
}

/// Which of the remembered futures a map has; all conditions must hold.
struct FuturesFilter {
  std::string prefix = {};         ///< of the name; empty: any
  std::vector<State> states = {};  ///< empty: any
  std::uint32_t page = 1000;       ///< how many are asked for at a time while iterating; at most 10,000
};

/// One entry: a name, how the job stood when it was asked for, and the way to its future.
class PROMISED_EXPORT Remembered {
 public:
  Remembered(std::shared_ptr<detail::Session> session, JobView view);

  [[nodiscard]] const std::string& name() const { return view_.name; }
  [[nodiscard]] const JobView& view() const { return view_; }
  /// The future of this job, also when its name goes to another one.
  template <class R = Value>
  [[nodiscard]] Future<R> future() const {
    return Future<R>(untyped());
  }

 private:
  [[nodiscard]] AnyFuture untyped() const;
  std::shared_ptr<detail::Session> session_;
  JobView view_;
};

/// A user finds the own names and those of shared/… that it may read; an administrator too: all jobs are in
/// Client::jobs(). Every call that asks the daemon waits for kAnswerTimeout and throws as Client::show does.
class PROMISED_EXPORT Futures {
 public:
  Futures(std::shared_ptr<detail::Session> session, FuturesFilter filter);

  /// How many there are: a number from the daemon, which lists none for it.
  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] bool empty() const { return size() == 0; }
  /// Nothing if there is none of that name, or the filter does not have it.
  [[nodiscard]] std::optional<Remembered> find(std::string_view name) const;
  [[nodiscard]] bool contains(std::string_view name) const { return find(name).has_value(); }
  /// The same; throws NoSuchFuture, whose state() tells lapsed, forgotten and unknown apart (SEMANTICS R6).
  [[nodiscard]] Remembered at(std::string_view name) const;

  /// The latest submission first, page by page. No snapshot: what is remembered meanwhile may be missed, and
  /// what has gone be met; nothing is met twice.
  class PROMISED_EXPORT iterator {
   public:
    using value_type = Remembered;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    iterator() = default;
    const Remembered& operator*() const { return page_[index_]; }
    const Remembered* operator->() const { return &page_[index_]; }
    iterator& operator++();
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) { return i.index_ == i.page_.size(); }

   private:
    friend class Futures;
    explicit iterator(const Futures* all) : all_(all) { load({}); }
    void load(const JobId& after);

    const Futures* all_ = nullptr;
    std::vector<Remembered> page_;
    std::size_t index_ = 0;
    bool more_ = false;
  };
  /// This map has to outlive it.
  [[nodiscard]] iterator begin() const { return iterator(this); }
  [[nodiscard]] static std::default_sentinel_t end() { return {}; }

 private:
  std::shared_ptr<detail::Session> session_;
  FuturesFilter filter_;
};

}  // namespace promised
