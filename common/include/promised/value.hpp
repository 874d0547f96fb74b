// SPDX-License-Identifier: Apache-2.0
// A typed value as it travels between application and worker: null, bool, integer, real, text, bytes, list,
// map. Applications seldom name it: <promised/convert.hpp> maps their own types to it and back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace promised {

using Bytes = std::vector<std::byte>;

class Value {
 public:
  enum class Kind : std::uint8_t { null, boolean, integer, natural, real, text, bytes, list, map };
  using List = std::vector<Value>;
  /// In insertion order; keys may be of any kind.
  using Map = std::vector<std::pair<Value, Value>>;

  Value() = default;
  explicit Value(bool b) : v_(b) {}
  explicit Value(std::int64_t i) : v_(i) {}
  /// What fits in 64 signed bits is kept as an integer, so that equal numbers are equal values.
  explicit Value(std::uint64_t n) {
    if (n <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      v_ = static_cast<std::int64_t>(n);
    } else {
      v_ = n;
    }
  }
  explicit Value(double d) : v_(d) {}
  explicit Value(std::string s) : v_(std::move(s)) {}
  explicit Value(std::string_view s) : v_(std::string(s)) {}
  explicit Value(const char* s) : v_(std::string(s)) {}
  explicit Value(Bytes b) : v_(std::move(b)) {}
  explicit Value(List l) : v_(std::move(l)) {}
  explicit Value(Map m) : v_(std::move(m)) {}

  [[nodiscard]] Kind kind() const { return static_cast<Kind>(v_.index()); }
  [[nodiscard]] bool is_null() const { return kind() == Kind::null; }

  /// The content when the kind is that of T (bool, std::int64_t, std::uint64_t, double, std::string, Bytes,
  /// List, Map), else null.
  template <class T>
  [[nodiscard]] const T* get_if() const {
    return std::get_if<T>(&v_);
  }
  template <class T>
  [[nodiscard]] T* get_if() {
    return std::get_if<T>(&v_);
  }

  friend bool operator==(const Value&, const Value&) = default;

 private:
  // The order of Kind.
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Bytes, List, Map> v_;
};

/// The arguments of a call: by position, then by name.
struct Arguments {
  Value::List positional;
  std::vector<std::pair<std::string, Value>> named;
  friend bool operator==(const Arguments&, const Arguments&) = default;
};

/// Lists and maps nested deeper than this are refused on both sides.
inline constexpr int kMaxValueDepth = 64;

[[nodiscard]] constexpr std::string_view to_string(Value::Kind k) {
  constexpr std::string_view names[] = {"null", "bool",  "integer", "integer", "real",
                                        "text", "bytes", "list",    "map"};
  return names[static_cast<std::size_t>(k)];
}

}  // namespace promised
