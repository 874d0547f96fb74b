// SPDX-License-Identifier: Apache-2.0
// Values as JSON and back, without loss: docs/promisectl.md has the rules. 64-bit integers stay exact; what
// JSON cannot say is an object with one key: {"$bytes": base64}, {"$real": "nan"}, {"$text": base64} for text
// that is not UTF-8,
// {"$map": [[key, value], ...]} for a map that is no JSON object.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <promised/error.hpp>
#include <promised/value.hpp>

#include <string>
#include <string_view>

namespace promised::cli {

/// JSON that is no value: an integer beyond 64 bits, a number beyond a double, a key given twice, a `$` key
/// that means nothing, deeper than kMaxValueDepth.
class BadJson : public Error {
 public:
  using Error::Error;
};

[[nodiscard]] nlohmann::ordered_json to_json(const Value& value);

/// `document` as text, on one line or with so many spaces of indentation. What could move a terminal's cursor
/// or turn its writing direction is written as \uNNNN, which means the same.
[[nodiscard]] std::string json_text(const nlohmann::ordered_json& document, int indent = -1);

/// Whether `text` is JSON at all, whatever from_json says to it.
[[nodiscard]] bool is_json(std::string_view text);
/// The value that `text`, which is JSON, stands for. Throws BadJson.
[[nodiscard]] Value from_json(std::string_view text);

}  // namespace promised::cli
