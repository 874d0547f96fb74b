// SPDX-License-Identifier: Apache-2.0
// What can be told of an endpoint by looking at it; promised::default_endpoint() chooses one.
#pragma once

#include <string>

namespace promised::detail {

/// `given`, or default_endpoint() if that is empty. Throws Error, saying which of them, if it is not one of a
/// socket on this machine.
[[nodiscard]] std::string resolved_endpoint(const std::string& given);

/// A half-sentence for the message that no daemon answers at `endpoint`.
[[nodiscard]] std::string why_nobody_answers(const std::string& endpoint);

}  // namespace promised::detail
