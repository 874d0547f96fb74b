// SPDX-License-Identifier: Apache-2.0
// What a job has come to, as a value: the first argument of a function that follows another job, and an item
// of the list that a composite comes to (SEMANTICS C1, C4).
#pragma once

#include <promised/convert.hpp>
#include <promised/error.hpp>
#include <promised/types.hpp>
#include <promised/value.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace promised {

/// An argument or a result like others: `void tell(promised::Outcome report, std::string to)`.
struct Outcome {
  JobId id;
  std::string function;
  State state = State::unknown;
  Value value;         ///< state succeeded: the result
  Failure failure;     ///< state failed: why
  std::string reason;  ///< state cancelled: by whom, and why

  [[nodiscard]] bool succeeded() const { return state == State::succeeded; }

  /// The result as an R. Throws what a future's result() would: JobFailed, CancelledError, ExpiredError; and
  /// Mismatch when it is no R.
  template <class R = Value>
  [[nodiscard]] R result() const {
    throw_unless_succeeded();
    try {
      return from_value<R>(value);
    } catch (const Mismatch& m) {
      throw m.within("the result of " + subject());
    }
  }

  friend bool operator==(const Outcome&, const Outcome&) = default;

 private:
  [[nodiscard]] std::string subject() const { return function + " (job " + id.text() + ")"; }
  void throw_unless_succeeded() const {
    if (succeeded()) return;
    if (state == State::failed) throw JobFailed(failure, subject() + " failed: " + failure.message);
    if (state == State::expired) throw ExpiredError(subject() + " has expired: it waited too long");
    throw CancelledError(subject() + " was cancelled" + (reason.empty() ? "" : ": " + reason));
  }
};

namespace detail {

/// The numbers of an enumeration by their text; `last` is the one with the highest number.
template <class Enumeration>
Enumeration enumeration_of(const std::string& text, Enumeration last, const char* kind) {
  for (unsigned i = 0; i <= static_cast<unsigned>(last); ++i) {
    if (to_string(static_cast<Enumeration>(i)) == text) return static_cast<Enumeration>(i);
  }
  throw Mismatch("", kind, "\"" + text + "\"");
}

/// Reads a map by the texts of its keys; what it does not know is passed over.
template <class Take>
void each_entry(Value& v, const std::string& expected, Take&& take) {
  auto* map = v.get_if<Value::Map>();
  if (map == nullptr) mismatch(expected, v);
  for (auto& entry : *map) {
    const Value& key = entry.first;
    const auto* name = key.get_if<std::string>();
    if (name == nullptr) continue;
    in_place(*name, [&] { take(*name, std::move(entry.second)); });
  }
}

inline Failure failure_from(Value v) {
  Failure f;
  const auto nanos = [](Value n) { return std::chrono::nanoseconds(from_value<std::int64_t>(std::move(n))); };
  each_entry(v, "failure", [&](const std::string& name, Value item) {
    if (name == "cause")
      f.cause = enumeration_of(from_value<std::string>(std::move(item)), Cause::member_failed, "a cause");
    if (name == "type") f.type = from_value<std::string>(std::move(item));
    if (name == "message") f.message = from_value<std::string>(std::move(item));
    if (name == "output") f.output = from_value<std::string>(std::move(item));
    if (name == "limit") f.limit = from_value<std::string>(std::move(item));
    if (name == "signal") f.signal = from_value<int>(std::move(item));
    if (name == "exit_code") f.exit_code = from_value<int>(std::move(item));
    if (name == "attempt") f.attempt = from_value<std::uint32_t>(std::move(item));
    if (name == "pid") f.pid = from_value<std::int32_t>(std::move(item));
    if (name == "ran_ns") f.ran = nanos(std::move(item));
    if (name == "user_ns") f.user = nanos(std::move(item));
    if (name == "system_ns") f.system = nanos(std::move(item));
    if (name == "peak_memory") f.peak_memory = from_value<std::uint64_t>(std::move(item));
    if (name == "backtrace") f.backtrace = from_value<std::string>(std::move(item));
    if (name == "permanent") f.permanent = from_value<bool>(std::move(item));
    if (name == "retry_after_ms") {
      if (const auto ms = from_value<std::optional<std::int64_t>>(std::move(item)))
        f.retry_after = std::chrono::milliseconds(*ms);
    }
  });
  return f;
}

inline Value value_of(const Failure& f) {
  return Value(Value::Map{
      {Value("cause"), Value(to_string(f.cause))},
      {Value("type"), Value(f.type)},
      {Value("message"), Value(f.message)},
      {Value("output"), Value(f.output)},
      {Value("limit"), Value(f.limit)},
      {Value("signal"), to_value(f.signal)},
      {Value("exit_code"), to_value(f.exit_code)},
      {Value("attempt"), to_value(f.attempt)},
      {Value("pid"), to_value(f.pid)},
      {Value("ran_ns"), to_value(std::int64_t{f.ran.count()})},
      {Value("user_ns"), to_value(std::int64_t{f.user.count()})},
      {Value("system_ns"), to_value(std::int64_t{f.system.count()})},
      {Value("peak_memory"), to_value(f.peak_memory)},
      {Value("backtrace"), Value(f.backtrace)},
      {Value("permanent"), Value(f.permanent)},
      {Value("retry_after_ms"), f.retry_after ? to_value(std::int64_t{f.retry_after->count()}) : Value()}});
}

}  // namespace detail

template <>
struct Convert<Outcome> {
  static Value to(const Outcome& o) {
    Value::Map map{{Value("id"), Value(o.id.text())},
                   {Value("function"), Value(o.function)},
                   {Value("state"), Value(to_string(o.state))}};
    if (!o.reason.empty()) map.emplace_back(Value("reason"), Value(o.reason));
    if (o.state == State::failed) map.emplace_back(Value("failure"), detail::value_of(o.failure));
    if (o.succeeded()) map.emplace_back(Value("value"), o.value);
    return Value(std::move(map));
  }
  static Outcome from(Value v) {
    Outcome o;
    detail::each_entry(v, name(), [&](const std::string& field, Value item) {
      if (field == "id") {
        const auto id = JobId::parse(from_value<std::string>(item));
        if (!id) detail::mismatch("a job's id", item);
        o.id = *id;
      }
      if (field == "function") o.function = from_value<std::string>(std::move(item));
      if (field == "state")
        o.state = detail::enumeration_of(from_value<std::string>(std::move(item)), State::expired, "a state");
      if (field == "reason") o.reason = from_value<std::string>(std::move(item));
      if (field == "failure") o.failure = detail::failure_from(std::move(item));
      if (field == "value") o.value = std::move(item);
    });
    if (!is_ended(o.state)) throw Mismatch("state", "how a job has ended", std::string(to_string(o.state)));
    return o;
  }
  static std::string name() { return "outcome"; }
};

}  // namespace promised
