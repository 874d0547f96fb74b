// SPDX-License-Identifier: Apache-2.0
// What a function threw, as the failure that its job ends with.
#pragma once

#include <promised/types.hpp>

#include <string>
#include <typeinfo>

namespace promised::detail {

/// The exception that is being handled, thrown while `function` was called. Rethrows what must not be stopped
/// (a thread that is being cancelled).
[[nodiscard]] Failure failure_from_current_exception(const std::string& function);

/// As a programmer would write it: "std::runtime_error".
[[nodiscard]] std::string readable_name(const std::type_info& type);

}  // namespace promised::detail
