// SPDX-License-Identifier: Apache-2.0
// A value or a Problem: what the daemon's own functions return instead of throwing. "Absent" is not a
// problem: a look-up that may find nothing returns Result<std::optional<T>>.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace promised {

/// Why something could not be done, in a sentence for a person: what was expected, found, where, what to do
/// next.
struct [[nodiscard]] Problem {
  std::string code;  ///< a short word that programs may compare, such as "limit" or "not_permitted"
  std::string message;

  [[nodiscard]] static Problem of(std::string code, std::string message) {
    return {std::move(code), std::move(message)};
  }
  /// `what` and the text of the errno value `error`.
  [[nodiscard]] static Problem system(std::string_view what, int error = errno) {
    return {"system", std::string(what) + ": " + std::strerror(error)};
  }
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : v_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Problem problem)
      : v_(std::in_place_index<1>, std::move(problem)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return v_.index() == 0; }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] T& value() & { return std::get<0>(v_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(v_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(v_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  [[nodiscard]] Problem& problem() & { return std::get<1>(v_); }
  [[nodiscard]] const Problem& problem() const& { return std::get<1>(v_); }

 private:
  std::variant<T, Problem> v_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Problem problem)
      : problem_(std::move(problem)), ok_(false) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  [[nodiscard]] const Problem& problem() const& { return problem_; }

 private:
  Problem problem_;
  bool ok_ = true;
};

}  // namespace promised

// Leaves the function with the problem of `expression`, or goes on.
#define PROMISED_TRY(expression)                                  \
  do {                                                            \
    if (auto promised_try_ = (expression); !promised_try_.ok()) { \
      return ::promised::Problem(promised_try_.problem());        \
    }                                                             \
  } while (false)

#define PROMISED_DETAIL_JOIN2(a, b) a##b
#define PROMISED_DETAIL_JOIN(a, b) PROMISED_DETAIL_JOIN2(a, b)
// Declares `variable` with the value of `expression`, or leaves the function with its problem.
#define PROMISED_ASSIGN(variable, expression)                                            \
  auto PROMISED_DETAIL_JOIN(promised_try_, __LINE__) = (expression);                     \
  if (!PROMISED_DETAIL_JOIN(promised_try_, __LINE__).ok()) {                             \
    return ::promised::Problem(PROMISED_DETAIL_JOIN(promised_try_, __LINE__).problem()); \
  }                                                                                      \
  variable = std::move(PROMISED_DETAIL_JOIN(promised_try_, __LINE__)).value()
