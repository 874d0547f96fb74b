// SPDX-License-Identifier: Apache-2.0
// Calls that are not submitted yet: by themselves, to follow other jobs, and as members of composites
// (SEMANTICS C1, C4):
//
//   client.submit(serial(call("fetch", url), parallel(call("thumbnail", url), call("index", url)))
//                     .then(call("publish", url)));
#pragma once

#include <promised/convert.hpp>
#include <promised/types.hpp>
#include <promised/value.hpp>

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace promised {

/// An argument by name, anywhere among the others: `client.submit("f", 1, named("year", 2026))`.
template <class T>
struct Named {
  std::string name;
  T value;
};
template <class T>
[[nodiscard]] Named<std::decay_t<T>> named(std::string name, T&& value) {
  return {std::move(name), std::forward<T>(value)};
}

namespace detail {
template <class T>
void add_argument(Arguments& all, T&& argument) {
  all.positional.push_back(to_value(std::forward<T>(argument)));
}
template <class T>
void add_argument(Arguments& all, Named<T> argument) {
  all.named.emplace_back(std::move(argument.name), to_value(std::move(argument.value)));
}
template <class... A>
[[nodiscard]] Arguments arguments_of(A&&... given) {
  Arguments all;
  all.positional.reserve(sizeof...(A));
  (add_argument(all, std::forward<A>(given)), ...);
  return all;
}
}  // namespace detail

/// A call of a function, or of several that make one job: a value that can be kept, copied and submitted any
/// number of times. Every setter returns the call itself.
class Call {
 public:
  /// See call().
  Call(std::string function, Options options, Arguments arguments)
      : function_(std::move(function)), options_(std::move(options)), arguments_(std::move(arguments)) {}
  /// See serial() and parallel().
  Call(Composite kind, std::vector<Call> members) : kind_(kind), members_(std::move(members)) {}

  Call& options(Options options) {
    options_ = std::move(options);
    return *this;
  }
  /// Of a composite: a call that gets the list of outcomes (std::vector<Outcome>) before its own arguments
  /// when all members have ended; what it comes to is what the composite comes to.
  Call& then(Call call) {
    then_.assign(1, std::move(call));
    return *this;
  }
  /// Of a composite (SEMANTICS C5).
  Call& on_member_failure(MemberFailure what) {
    on_member_failure_ = what;
    return *this;
  }

  /// Empty: a composite.
  [[nodiscard]] const std::string& function() const { return function_; }
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] const Arguments& arguments() const { return arguments_; }
  [[nodiscard]] Composite kind() const { return kind_; }
  [[nodiscard]] const std::vector<Call>& members() const { return members_; }
  /// None or one.
  [[nodiscard]] const std::vector<Call>& then() const { return then_; }
  [[nodiscard]] MemberFailure on_member_failure() const { return on_member_failure_; }

 private:
  std::string function_;
  Options options_;
  Arguments arguments_;
  Composite kind_ = Composite::none;
  MemberFailure on_member_failure_ = MemberFailure::go_on;
  std::vector<Call> members_;
  std::vector<Call> then_;
};

/// A call of a function with these arguments.
template <class... A>
[[nodiscard]] Call call(std::string_view function, A&&... arguments) {
  return {std::string(function), Options(), detail::arguments_of(std::forward<A>(arguments)...)};
}
template <class... A>
[[nodiscard]] Call call(Options options, std::string_view function, A&&... arguments) {
  return {std::string(function), std::move(options), detail::arguments_of(std::forward<A>(arguments)...)};
}

/// One job of many (SEMANTICS C4): its members run one after the other, each when the one before it has
/// ended, and it comes to the list of their outcomes, in order: std::vector<Outcome>. Members may be
/// composites.
[[nodiscard]] inline Call serial(std::vector<Call> members) {
  return {Composite::serial, std::move(members)};
}
template <std::same_as<Call>... C>
[[nodiscard]] Call serial(C... members) {
  return serial(std::vector<Call>{std::move(members)...});
}
/// The same, where members run at the same time, as far as there are workers.
[[nodiscard]] inline Call parallel(std::vector<Call> members) {
  return {Composite::parallel, std::move(members)};
}
template <std::same_as<Call>... C>
[[nodiscard]] Call parallel(C... members) {
  return parallel(std::vector<Call>{std::move(members)...});
}

}  // namespace promised
