// SPDX-License-Identifier: Apache-2.0
#include "cli/queue_name.hpp"

#include "cli/usage_error.hpp"

namespace promised::cli {

const std::string& queue_name(const std::string& name, const std::string& what) {
  if (name.empty()) throw UsageError(what + ": expected the name of a queue, found nothing");
  return name;
}

std::optional<std::string> queue_option(const Invocation& invocation) {
  auto name = invocation.text("queue");
  if (name) static_cast<void>(queue_name(*name, "--queue"));
  return name;
}

}  // namespace promised::cli
