// SPDX-License-Identifier: Apache-2.0
#include "cli/outcome.hpp"

#include <unistd.h>
#include <promised/error.hpp>

#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/value_json.hpp"
#include "cli/view_json.hpp"
#include "common/printable.hpp"

namespace promised::cli {
namespace {

using Json = nlohmann::ordered_json;

/// Text and bytes go out as they are, so that they can be piped into a file or a program; a terminal gets
/// nothing that could move its cursor.
void print_value(const Value& value) {
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  if (const auto* text = value.get_if<std::string>()) {
    std::cout << (terminal ? printable(*text, Lines::many) : *text) << '\n';
  } else if (const auto* bytes = value.get_if<Bytes>(); bytes != nullptr && !terminal) {
    std::cout.write(reinterpret_cast<const char*>(bytes->data()),
                    static_cast<std::streamsize>(bytes->size()));
  } else {
    std::cout << json_text(to_json(value)) << '\n';
  }
}

void tell(const char* message) {
  std::cerr << "promisectl: " << printable(message, Lines::many) << '\n';
}

ExitCode print_end(const Invocation& invocation, const AnyFuture& future, State state, const char* message) {
  if (invocation.output() == Output::json) {
    invocation.print_json(
        {{"id", future.id().text()}, {"state", to_string(state)}, {"message", valid_utf8(message)}});
  } else {
    tell(message);
  }
  return ExitCode::failed;
}

}  // namespace

ExitCode print_outcome(const Invocation& invocation, const AnyFuture& future,
                       std::chrono::milliseconds timeout, Fetch fetch) {
  const bool json = invocation.output() == Output::json;
  try {
    const Value value = fetch == Fetch::take ? future.take_value(timeout) : future.value(timeout);
    if (json) {
      invocation.print_json(
          {{"id", future.id().text()}, {"state", to_string(State::succeeded)}, {"result", to_json(value)}});
    } else {
      print_value(value);
    }
    return ExitCode::fine;
  } catch (const JobFailed& e) {
    if (!json) {
      tell(e.what());  // with the worker's last output
    } else {
      invocation.print_json({{"id", future.id().text()},
                             {"state", to_string(State::failed)},
                             {"message", valid_utf8(e.what())},
                             {"failure", to_json(e.failure())}});
    }
    return ExitCode::failed;
  } catch (const CancelledError& e) {
    return print_end(invocation, future, State::cancelled, e.what());
  } catch (const ExpiredError& e) {
    return print_end(invocation, future, State::expired, e.what());
  }
}

}  // namespace promised::cli
