// SPDX-License-Identifier: Apache-2.0
#include "client/trouble.hpp"

#include <promised/error.hpp>

#include <cstring>

namespace promised::detail {
namespace {

/// What is known of the cause where the daemon's own message does not say it.
std::string cause_text(const Failure& f) {
  switch (f.cause) {
    case Cause::crashed: {
      const char* const name = sigdescr_np(f.signal);
      return "its worker was killed by signal " + std::to_string(f.signal) +
             (name != nullptr ? std::string(" (") + name + ")" : std::string());
    }
    case Cause::exited:
      return "its worker exited with status " + std::to_string(f.exit_code);
    case Cause::memory:
      return "its worker used more memory than its pool allows";
    case Cause::timed_out:
      return "it ran longer than its " + (f.limit.empty() ? "limit" : f.limit);
    case Cause::interrupted:
      return "it was interrupted, and submitted to run at most once";
    case Cause::quarantined:
      return "it is quarantined: it kept killing its worker";
    case Cause::deadlock:
      return "it waited for itself in a circle";
    case Cause::no_function:
      return "no pool offers the function";
    case Cause::bad_arguments:
      return "its arguments do not fit";
    case Cause::result_too_large:
      return "its result is larger than the daemon allows";
    case Cause::member_failed:
      return "one of its members did not succeed";
    case Cause::none:
    case Cause::exception:
      break;
  }
  return "no reason is known";
}

std::string because(const std::string& reason) {
  return reason.empty() ? "" : ": " + reason;
}

}  // namespace

std::string failure_text(const Failure& f, std::string_view subject) {
  std::string text(subject);
  text += " failed (" + std::string(to_string(f.cause)) + "): ";
  if (!f.type.empty()) text += f.type + ": ";
  text += f.message.empty() ? cause_text(f) : f.message;
  if (!f.backtrace.empty()) text += "\nbacktrace:\n" + f.backtrace;
  if (!f.output.empty()) {
    text += "\nlast output of the worker:\n" + f.output;
    if (text.back() == '\n') text.pop_back();
  }
  return text;
}

void throw_refusal(const message::Refused& refusal) {
  if (refusal.code == "name_taken") throw NameTaken(refusal.holder, refusal.state, refusal.message);
  if (refusal.code == "no_such_future") throw NoSuchFuture(refusal.state, refusal.message);
  throw RefusedError(refusal.code, refusal.message);
}

void throw_trouble(const Trouble& trouble, std::string_view subject) {
  switch (trouble.kind) {
    case Trouble::Kind::refused:
      throw_refusal(trouble.refusal);
    case Trouble::Kind::closed:
      throw DisconnectedError(std::string(subject) + ": " + trouble.refusal.message);
    case Trouble::Kind::ended:
      break;
  }
  if (trouble.state == State::cancelled) {
    throw CancelledError(std::string(subject) + " was cancelled" + because(trouble.reason));
  }
  if (trouble.state == State::expired) {
    throw ExpiredError(
        std::string(subject) + " expired: " +
        (trouble.reason.empty() ? "it waited in its queue for longer than its timeout" : trouble.reason));
  }
  throw JobFailed(trouble.failure, failure_text(trouble.failure, subject));
}

std::exception_ptr exception_of(const Trouble& trouble, std::string_view subject) {
  try {
    throw_trouble(trouble, subject);
  } catch (...) {
    return std::current_exception();
  }
}

std::string duration_text(std::chrono::milliseconds duration) {
  const auto ms = duration.count();
  if (ms != 0 && ms % 60'000 == 0) return std::to_string(ms / 60'000) + " min";
  if (ms != 0 && ms % 1'000 == 0) return std::to_string(ms / 1'000) + " s";
  return std::to_string(ms) + " ms";
}

std::string what_becomes_of(std::size_t jobs, std::size_t tied) {
  if (tied == 0) return "their jobs are left alone";
  return "their jobs go on; " + std::to_string(tied) + " of " + std::to_string(jobs) +
         (tied == 1 ? " is cancelled if its client goes before it has ended (abandon)"
                    : " are cancelled if their client goes before they have ended (abandon)");
}

}  // namespace promised::detail
