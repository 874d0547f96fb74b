// SPDX-License-Identifier: Apache-2.0
#include "cli/trouble.hpp"

#include <promised/error.hpp>
#include <promised/stream.hpp>

#include <exception>

#include "cli/usage_error.hpp"
#include "cli/value_json.hpp"

namespace promised::cli {

Trouble current_trouble() {
  try {
    throw;
  } catch (const UsageError& e) {
    return {ExitCode::usage, "usage", e.what()};
  } catch (const BadJson& e) {
    return {ExitCode::usage, "usage", e.what()};
  } catch (const DisconnectedError& e) {
    return {ExitCode::no_daemon, "no_daemon", e.what()};
  } catch (const TimeoutError& e) {
    return {ExitCode::timed_out, "timeout", e.what()};
  } catch (const NoSuchFuture& e) {
    return {ExitCode::refused, "no_such_future", e.what()};
  } catch (const NameTaken& e) {
    return {ExitCode::refused, "name_taken", e.what()};
  } catch (const RefusedError& e) {
    return {ExitCode::refused, e.code(), e.what()};
  } catch (const JobFailed& e) {
    return {ExitCode::failed, "failed", e.what()};
  } catch (const CancelledError& e) {
    return {ExitCode::failed, "cancelled", e.what()};
  } catch (const ExpiredError& e) {
    return {ExitCode::failed, "expired", e.what()};
  } catch (const PartsRestarted& e) {
    return {ExitCode::failed, "restarted", e.what()};
  } catch (const Error& e) {
    return {ExitCode::usage, "usage",
            e.what()};  // the client's own: an endpoint that is not one, a bad option
  } catch (const std::exception& e) {
    return {ExitCode::internal, "internal", e.what()};
  }
}

}  // namespace promised::cli
