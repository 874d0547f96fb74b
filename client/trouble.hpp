// SPDX-License-Identifier: Apache-2.0
// Why a future has no value: how its job ended, or why it was refused; and the exceptions and sentences made
// of that.
#pragma once

#include <promised/types.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

#include "common/messages.hpp"

namespace promised::detail {

struct Trouble {
  enum class Kind : std::uint8_t {
    ended,    ///< `state` says how; failure, reason
    refused,  ///< refusal
    closed    ///< the client was closed first: refusal.message says so
  };
  Kind kind = Kind::ended;
  State state = State::failed;
  Failure failure;
  std::string reason;
  message::Refused refusal;
};

/// The exception for `trouble`; `subject` names the job in its message, as in "report.build (job 0190…)".
[[nodiscard]] std::exception_ptr exception_of(const Trouble& trouble, std::string_view subject);
[[noreturn]] void throw_trouble(const Trouble& trouble, std::string_view subject);
/// The exception for a refusal, by its code: NameTaken, NoSuchFuture or RefusedError.
[[noreturn]] void throw_refusal(const message::Refused& refusal);
/// The sentence for a failure: the function, its job, the cause, what was thrown, the worker's last output.
[[nodiscard]] std::string failure_text(const Failure& failure, std::string_view subject);
/// "30 s", "250 ms", "5 min".
[[nodiscard]] std::string duration_text(std::chrono::milliseconds duration);
/// What becomes of `jobs` jobs that are not waited for any longer, of which `tied` are cancelled when their
/// client goes (SEMANTICS S6).
[[nodiscard]] std::string what_becomes_of(std::size_t jobs, std::size_t tied);

}  // namespace promised::detail
