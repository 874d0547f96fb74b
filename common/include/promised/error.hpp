// SPDX-License-Identifier: Apache-2.0
// What the client library throws. Every message says what was expected, what was found, and what to do next.
#pragma once

#include <promised/export.hpp>
#include <promised/types.hpp>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

namespace promised {

/// The base of all that this library throws.
class PROMISED_EXPORT Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(without_zeros(message)) {}

 private:
  /// what() ends at the first zero: one in a name that the message quotes is written as \x00.
  static std::string without_zeros(std::string text) {
    for (std::size_t at = text.find('\0'); at != std::string::npos; at = text.find('\0', at))
      text.replace(at, 1, "\\x00");
    return text;
  }
};

/// The wait was over before the job was; the job is left alone (PEP 3148). One that is tied to its client
/// (Options::abandon) is cancelled when that goes, as ever.
class PROMISED_EXPORT TimeoutError : public Error {
 public:
  using Error::Error;
};

/// No daemon answered within the connect timeout, or it has been gone for as long.
class PROMISED_EXPORT DisconnectedError : public Error {
 public:
  using Error::Error;
};

/// The job was cancelled (PEP 3148).
class PROMISED_EXPORT CancelledError : public Error {
 public:
  using Error::Error;
};

/// The job waited in its queue for longer than its timeout (SEMANTICS T1).
class PROMISED_EXPORT ExpiredError : public Error {
 public:
  using Error::Error;
};

/// There is no such future: see state() for lapsed, forgotten or unknown (SEMANTICS R6).
class PROMISED_EXPORT NoSuchFuture : public Error {
 public:
  NoSuchFuture(State state, const std::string& message) : Error(message), state_(state) {}
  [[nodiscard]] State state() const { return state_; }

 private:
  State state_;
};

/// The name is held by another future (SEMANTICS R3).
class PROMISED_EXPORT NameTaken : public Error {
 public:
  NameTaken(JobId holder, State state, const std::string& message)
      : Error(message), holder_(holder), state_(state) {}
  [[nodiscard]] const JobId& holder() const { return holder_; }
  [[nodiscard]] State state() const { return state_; }

 private:
  JobId holder_;
  State state_;
};

/// The daemon refused a request: code() is a short word such as "no_function", "limit" or "disk_full".
class PROMISED_EXPORT RefusedError : public Error {
 public:
  RefusedError(std::string code, const std::string& message) : Error(message), code_(std::move(code)) {}
  [[nodiscard]] const std::string& code() const { return code_; }

 private:
  std::string code_;
};

/// The job failed: failure() has the cause and what is known of it.
class PROMISED_EXPORT JobFailed : public Error {
 public:
  JobFailed(Failure failure, const std::string& message) : Error(message), failure_(std::move(failure)) {}
  [[nodiscard]] const Failure& failure() const { return failure_; }

 private:
  Failure failure_;
};

}  // namespace promised
