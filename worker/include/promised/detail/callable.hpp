// SPDX-License-Identifier: Apache-2.0
// How a C++ function becomes one that takes values: its signature is read from its type. Part of
// <promised/worker.hpp>; not to be used by itself.
#pragma once

#include <promised/convert.hpp>
#include <promised/export.hpp>
#include <promised/types.hpp>
#include <promised/value.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace promised {

class Job;

namespace detail {

/// A function behind its conversions. Throws BadArguments, and whatever the function throws.
using Invoke = std::function<Value(Job&, Arguments&&)>;

/// The arguments do not fit the function's parameters. A type of its own, so that a Mismatch that the
/// function itself throws is not taken for one.
class PROMISED_EXPORT BadArguments : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws BadArguments: "expected 2 arguments (text, int32), given 3".
[[noreturn]] PROMISED_EXPORT void throw_wrong_count(std::size_t least, std::size_t most,
                                                    const std::string& parameters, std::size_t given);
/// Throws BadArguments: "argument 2: expected int32, given text". `position` counts from 1.
[[noreturn]] PROMISED_EXPORT void throw_wrong_argument(std::size_t position, const Mismatch& mismatch);

/// Named arguments become one map behind the positional ones.
PROMISED_EXPORT void append_named(Arguments& arguments);

/// The job comes to what that one comes to (SEMANTICS C7), whatever else its function returns.
PROMISED_EXPORT void become(Job& job, const JobId& id);

/// What a function can return in the place of a result: the future of another job.
template <class R>
concept FutureOfJob = !Convertible<R> && requires(const R& r) {
  { r.id() } -> std::convertible_to<JobId>;
};
/// What the caller of a function gets that returns an R; Value where that is not told.
template <class R>
struct Returned {
  using type = std::conditional_t<FutureOfJob<R>, Value, R>;
};
template <template <class> class F, class T>
requires FutureOfJob<F<T>>
struct Returned<F<T>> {
  using type = T;
};

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

// By value, const reference or rvalue reference: what a function can do with an argument that is its own.
template <class P>
inline constexpr bool kIsPassable =
    !std::is_lvalue_reference_v<P> || std::is_const_v<std::remove_reference_t<P>>;

template <class R>
inline constexpr bool kIsText =
    std::convertible_to<R, std::string_view> && !std::same_as<std::remove_cvref_t<R>, std::string>;

template <class R>
std::string result_name() {
  if constexpr (std::is_void_v<R>) {
    return "null";
  } else if constexpr (kIsText<R>) {
    return type_name<std::string>();
  } else {
    static_assert(Convertible<std::remove_cvref_t<R>>,
                  "promised: the function's result type cannot be one; give its struct a "
                  "PROMISED_STRUCT(Type, field, ...) line or use one of the types in <promised/convert.hpp>");
    return type_name<std::remove_cvref_t<R>>();
  }
}

/// A function that returns an R and takes the Ps, behind a Job& if `kTakesJob`.
template <bool kTakesJob, class R, class... P>
struct Signature {
  static_assert(
      (kIsPassable<P> && ...),
      "promised: a worker function takes its arguments by value or const reference; only Job& may be a "
      "reference that is not const, and only as the first parameter");
  static_assert(
      (Convertible<std::remove_cvref_t<P>> && ...),
      "promised: a parameter's type cannot be an argument; give its struct a PROMISED_STRUCT(Type, field, "
      "...) line or use one of the types in <promised/convert.hpp>");

  static constexpr std::size_t kMost = sizeof...(P);
  static constexpr std::size_t least() {
    std::size_t least = 0, at = 0;
    (((++at), kIsOptional<std::remove_cvref_t<P>> ? void() : void(least = at)), ...);
    return least;
  }

  static std::string parameters() {
    std::string text = "(";
    ((text += (text.size() == 1 ? "" : ", ") + type_name<std::remove_cvref_t<P>>()), ...);
    return text + ")";
  }
  static std::string text() {
    return parameters() + " -> " + result_name<typename Returned<std::remove_cvref_t<R>>::type>();
  }

  template <class F>
  static Value call(F& function, Job& job, Arguments&& arguments) {
    if (!arguments.named.empty()) append_named(arguments);
    Value::List& given = arguments.positional;
    if (given.size() < least() || given.size() > kMost) {
      throw_wrong_count(least(), kMost, parameters(), given.size());
    }
    given.resize(kMost);  // an absent optional is null
    return call(function, job, given, std::index_sequence_for<P...>());
  }

 private:
  template <class F, std::size_t... I>
  static Value call(F& function, Job& job, [[maybe_unused]] Value::List& given, std::index_sequence<I...>) {
    // All arguments are converted before the function is called, and in order, so that the first misfit is
    // named.
    std::tuple<std::remove_cvref_t<P>...> converted{argument<std::remove_cvref_t<P>>(given[I], I + 1)...};
    return with_job(function, job, std::get<I>(std::move(converted))...);
  }
  template <class T>
  static T argument(Value& given, std::size_t position) {
    try {
      return from_value<T>(std::move(given));
    } catch (const Mismatch& mismatch) {
      throw_wrong_argument(position, mismatch);
    }
  }
  template <class F, class... T>
  static Value with_job(F& function, Job& job, T&&... converted) {
    if constexpr (kTakesJob) {
      return result_of(job, function, job, std::forward<T>(converted)...);
    } else {
      return result_of(job, function, std::forward<T>(converted)...);
    }
  }
  template <class F, class... T>
  static Value result_of([[maybe_unused]] Job& job, F& function, T&&... arguments) {
    if constexpr (std::is_void_v<R>) {
      std::invoke(function, std::forward<T>(arguments)...);
      return Value();
    } else if constexpr (FutureOfJob<std::remove_cvref_t<R>>) {
      const auto& future = std::invoke(function, std::forward<T>(arguments)...);
      if constexpr (requires { future.accepted(); }) future.accepted();
      become(job, future.id());
      return Value();
    } else {
      return to_value(std::invoke(function, std::forward<T>(arguments)...));
    }
  }
};

template <class R, class... P>
struct SplitOffJob {
  using type = Signature<false, R, P...>;
};
template <class R, class... P>
struct SplitOffJob<R, Job&, P...> {
  using type = Signature<true, R, P...>;
};

// The signature of whatever can be called: function pointers, and objects by their one call operator.
template <class F>
struct SignatureOf {};
template <class F>
requires requires {
  &F::operator();
}
struct SignatureOf<F> : SignatureOf<decltype(&F::operator())> {};
template <class R, class... P>
struct SignatureOf<R (*)(P...)> : SplitOffJob<R, P...> {};
template <class R, class... P>
struct SignatureOf<R (*)(P...) noexcept> : SplitOffJob<R, P...> {};
template <class R, class C, class... P>
struct SignatureOf<R (C::*)(P...)> : SplitOffJob<R, P...> {};
template <class R, class C, class... P>
struct SignatureOf<R (C::*)(P...) const> : SplitOffJob<R, P...> {};
template <class R, class C, class... P>
struct SignatureOf<R (C::*)(P...) noexcept> : SplitOffJob<R, P...> {};
template <class R, class C, class... P>
struct SignatureOf<R (C::*)(P...) const noexcept> : SplitOffJob<R, P...> {};

template <class F>
struct Callable {
  static_assert(
      requires { typename SignatureOf<F>::type; },
      "promised: the signature cannot be read from this type; pass a function, a lambda without auto "
      "parameters or a "
      "std::function, and choose one overload with a cast or a lambda");
  using Type = typename SignatureOf<F>::type;

  static std::string signature() { return Type::text(); }
  static Invoke bind(F function) {
    return [f = std::move(function)](Job& job, Arguments&& arguments) mutable {
      return Type::call(f, job, std::move(arguments));
    };
  }
};

}  // namespace detail
}  // namespace promised
