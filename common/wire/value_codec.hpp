// SPDX-License-Identifier: Apache-2.0
// Values and arguments as bytes. Decoding trusts nothing: depth and size are bounded, and what is no value is
// a Problem.
#pragma once

#include <promised/value.hpp>

#include <string>
#include <string_view>

#include "common/result.hpp"

namespace promised::wire {

/// Problem "too_deep" when `value` is nested deeper than kMaxValueDepth.
[[nodiscard]] Result<std::string> encode(const Value& value);
[[nodiscard]] Result<std::string> encode(const Arguments& arguments);
/// Problem "garbage" when `bytes` are not an encoded value.
[[nodiscard]] Result<Value> decode_value(std::string_view bytes);
[[nodiscard]] Result<Arguments> decode_arguments(std::string_view bytes);

}  // namespace promised::wire
