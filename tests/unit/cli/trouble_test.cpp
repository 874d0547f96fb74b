// SPDX-License-Identifier: Apache-2.0
#include "cli/trouble.hpp"

#include <doctest/doctest.h>
#include <promised/error.hpp>

#include <new>
#include <string>

#include "cli/usage_error.hpp"
#include "cli/value_json.hpp"

namespace promised::cli {
namespace {

template <class E>
Trouble after(const E& exception) {
  try {
    throw exception;
  } catch (...) {
    return current_trouble();
  }
}

TEST_CASE("M5 every kind of trouble has its exit code and its word") {
  const auto check = [](const Trouble& trouble, ExitCode exit, const std::string& code) {
    CHECK(static_cast<int>(trouble.exit) == static_cast<int>(exit));
    CHECK(trouble.code == code);
    CHECK_FALSE(trouble.message.empty());
  };
  check(after(UsageError("m")), ExitCode::usage, "usage");
  check(after(BadJson("m")), ExitCode::usage, "usage");
  check(after(Error("m")), ExitCode::usage, "usage");
  check(after(DisconnectedError("m")), ExitCode::no_daemon, "no_daemon");
  check(after(TimeoutError("m")), ExitCode::timed_out, "timeout");
  check(after(NoSuchFuture(State::lapsed, "m")), ExitCode::refused, "no_such_future");
  check(after(NameTaken(JobId(), State::running, "m")), ExitCode::refused, "name_taken");
  check(after(RefusedError("no_function", "m")), ExitCode::refused, "no_function");
  check(after(JobFailed(Failure(), "m")), ExitCode::failed, "failed");
  check(after(CancelledError("m")), ExitCode::failed, "cancelled");
  check(after(ExpiredError("m")), ExitCode::failed, "expired");
  check(after(std::bad_alloc()), ExitCode::internal, "internal");
}

TEST_CASE("M5 a zero in what a message quotes does not cut it") {
  using namespace std::string_literals;
  const std::string quoted = "no 'a\0b\0' here"s;
  CHECK(after(RefusedError("no_function", quoted)).message == "no 'a\\x00b\\x00' here");
  CHECK(after(UsageError(quoted)).message == "no 'a\\x00b\\x00' here");
  CHECK(after(BadJson(quoted)).message == "no 'a\\x00b\\x00' here");
}

}  // namespace
}  // namespace promised::cli
