// SPDX-License-Identifier: Apache-2.0
// How C++ types become values and come back. Convert<T> exists for bool, integers, floating point, strings,
// Bytes, vectors, maps, optionals, pairs, tuples, Value itself, structs with a PROMISED_STRUCT line, and
// protobuf messages; any other type is a compile-time error that says so. A value that does not fit throws
// Mismatch with the place.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdio>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <promised/value.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace promised {

/// A value of the wrong kind or out of range: where it stands, what was expected there, what was given.
class __attribute__((visibility("default"))) Mismatch : public std::runtime_error {
 public:
  Mismatch(std::string place, std::string expected, std::string given)
      : std::runtime_error((place.empty() ? "" : place + ": ") + "expected " + expected + ", given " + given),
        place_(std::move(place)),
        expected_(std::move(expected)),
        given_(std::move(given)) {}

  /// The same mismatch, seen from one level further out.
  [[nodiscard]] Mismatch within(const std::string& outer) const {
    const bool index_follows = !place_.empty() && place_.front() == '[';
    return {place_.empty() ? outer : outer + (index_follows ? "" : ".") + place_, expected_, given_};
  }
  [[nodiscard]] const std::string& place() const { return place_; }
  [[nodiscard]] const std::string& expected() const { return expected_; }
  [[nodiscard]] const std::string& given() const { return given_; }

 private:
  std::string place_, expected_, given_;
};

template <class T>
struct Convert;

/// A type that can be an argument or a result.
template <class T>
concept Convertible = requires(const T& t, Value& v) {
  { Convert<T>::to(t) } -> std::same_as<Value>;
  { Convert<T>::from(std::move(v)) } -> std::convertible_to<T>;
  { Convert<T>::name() } -> std::convertible_to<std::string>;
};

/// The value of `t`; string literals become text.
template <class T>
[[nodiscard]] Value to_value(T&& t) {
  using Plain = std::remove_cvref_t<T>;
  if constexpr (std::same_as<Plain, Value>) {
    return std::forward<T>(t);
  } else if constexpr (std::same_as<Plain, std::string>) {
    return Value(std::string(std::forward<T>(t)));
  } else if constexpr (std::convertible_to<T, std::string_view>) {
    return Value(std::string_view(t));
  } else {
    static_assert(Convertible<Plain>,
                  "promised: this type cannot be an argument or a result; give its struct a "
                  "PROMISED_STRUCT(Type, field, ...) line or use one of the types in <promised/convert.hpp>");
    return Convert<Plain>::to(t);
  }
}

/// `v` as a T; throws Mismatch.
template <class T>
[[nodiscard]] T from_value(Value v) {
  static_assert(Convertible<T>,
                "promised: this type cannot be an argument or a result; give its struct a "
                "PROMISED_STRUCT(Type, field, ...) line or use one of the types in <promised/convert.hpp>");
  return Convert<T>::from(std::move(v));
}

/// The name of T in signatures and error messages, such as "list of text".
template <class T>
[[nodiscard]] std::string type_name() {
  return Convert<T>::name();
}

namespace detail {

[[noreturn]] inline void mismatch(std::string expected, const Value& given) {
  throw Mismatch("", std::move(expected), std::string(to_string(given.kind())));
}

template <class F>
decltype(auto) in_place(const std::string& outer, F&& f) {
  try {
    return f();
  } catch (const Mismatch& m) {
    throw m.within(outer);
  }
}

template <class T>
concept ProtobufMessage = requires(T t, const T c, const std::string& s) {
  { c.SerializeAsString() } -> std::same_as<std::string>;
  { t.ParseFromString(s) } -> std::same_as<bool>;
  { c.GetTypeName() } -> std::convertible_to<std::string>;
};

struct AnyField {
  template <class T>
  void operator()(const char*, T&) const {}
};

template <class T>
concept MappedStruct = std::is_class_v<T> && requires(T& t, AnyField visit) {
  promised_fields(t, visit);
};

template <class T, class... Others>
concept OneOf = (std::same_as<T, Others> || ...);

// Characters are neither numbers nor text to us.
template <class T>
concept Integer = std::integral<T> && !OneOf<T, bool, char, wchar_t, char8_t, char16_t, char32_t>;

}  // namespace detail

template <>
struct Convert<Value> {
  static Value to(const Value& v) { return v; }
  static Value from(Value v) { return v; }
  static std::string name() { return "any"; }
};

template <>
struct Convert<bool> {
  static Value to(bool b) { return Value(b); }
  static bool from(Value v) {
    if (const auto* b = v.get_if<bool>()) return *b;
    detail::mismatch(name(), v);
  }
  static std::string name() { return "bool"; }
};

template <detail::Integer T>
struct Convert<T> {
  static Value to(T n) {
    if constexpr (std::signed_integral<T>) {
      return Value(static_cast<std::int64_t>(n));
    } else {
      return Value(static_cast<std::uint64_t>(n));
    }
  }
  static T from(Value v) {
    if (const auto* i = v.get_if<std::int64_t>()) {
      if (!std::in_range<T>(*i)) throw Mismatch("", name(), std::to_string(*i));
      return static_cast<T>(*i);
    }
    if (const auto* n = v.get_if<std::uint64_t>()) {
      if (!std::in_range<T>(*n)) throw Mismatch("", name(), std::to_string(*n));
      return static_cast<T>(*n);
    }
    detail::mismatch(name(), v);
  }
  static std::string name() {
    return (std::signed_integral<T> ? "int" : "uint") + std::to_string(sizeof(T) * 8);
  }
};

template <std::floating_point T>
struct Convert<T> {
  static Value to(T d) { return Value(static_cast<double>(d)); }
  /// Rounds to T's precision, but refuses what is beyond its range. Takes an integer too where T holds it
  /// exactly.
  static T from(Value v) {
    if (const auto* d = v.get_if<double>()) {
      if constexpr (sizeof(T) < sizeof(double)) {
        constexpr auto kMost = static_cast<double>(std::numeric_limits<T>::max());
        if (std::abs(*d) > kMost && !std::isinf(*d)) {
          char given[32];
          std::snprintf(given, sizeof given, "%g", *d);
          throw Mismatch("", name(), given);
        }
      }
      return static_cast<T>(*d);
    }
    if (const auto* i = v.get_if<std::int64_t>()) {
      constexpr std::int64_t kExact = std::int64_t{1} << std::min(53, std::numeric_limits<T>::digits);
      if (*i >= -kExact && *i <= kExact) return static_cast<T>(*i);
      throw Mismatch("", name(), std::to_string(*i));
    }
    detail::mismatch(name(), v);
  }
  static std::string name() { return sizeof(T) < sizeof(double) ? "real32" : "real"; }
};

template <>
struct Convert<std::string> {
  static Value to(const std::string& s) { return Value(s); }
  static std::string from(Value v) {
    if (auto* s = v.get_if<std::string>()) return std::move(*s);
    detail::mismatch(name(), v);
  }
  static std::string name() { return "text"; }
};

template <>
struct Convert<Bytes> {
  static Value to(const Bytes& b) { return Value(b); }
  static Bytes from(Value v) {
    if (auto* b = v.get_if<Bytes>()) return std::move(*b);
    detail::mismatch(name(), v);
  }
  static std::string name() { return "bytes"; }
};

/// An absent optional is null.
template <class T>
struct Convert<std::optional<T>> {
  static Value to(const std::optional<T>& o) { return o ? to_value(*o) : Value(); }
  static std::optional<T> from(Value v) {
    if (v.is_null()) return std::nullopt;
    return from_value<T>(std::move(v));
  }
  static std::string name() { return "optional " + type_name<T>(); }
};

template <class T, class A>
struct Convert<std::vector<T, A>> {
  static Value to(const std::vector<T, A>& items) {
    Value::List list;
    list.reserve(items.size());
    for (const auto& item : items) list.push_back(to_value(static_cast<const T&>(item)));
    return Value(std::move(list));
  }
  static std::vector<T, A> from(Value v) {
    auto* list = v.get_if<Value::List>();
    if (list == nullptr) detail::mismatch(name(), v);
    std::vector<T, A> items;
    items.reserve(list->size());
    for (std::size_t i = 0; i < list->size(); ++i) {
      detail::in_place("[" + std::to_string(i) + "]",
                       [&] { items.push_back(from_value<T>(std::move((*list)[i]))); });
    }
    return items;
  }
  static std::string name() { return "list of " + type_name<T>(); }
};

namespace detail {

template <class M>
struct ConvertMap {
  using Key = typename M::key_type;
  using Item = typename M::mapped_type;
  static Value to(const M& m) {
    Value::Map out;
    out.reserve(m.size());
    for (const auto& [k, item] : m) out.emplace_back(to_value(k), to_value(item));
    return Value(std::move(out));
  }
  static M from(Value v) {
    auto* in = v.get_if<Value::Map>();
    if (in == nullptr) mismatch(name(), v);
    M m;
    for (std::pair<Value, Value>& entry : *in) {
      const auto* text = entry.first.get_if<std::string>();
      const std::string place = text != nullptr ? "[\"" + *text + "\"]" : "[key]";
      in_place(place, [&] {
        Key key = from_value<Key>(std::move(entry.first));
        m.insert_or_assign(std::move(key), from_value<Item>(std::move(entry.second)));
      });
    }
    return m;
  }
  static std::string name() { return "map of " + type_name<Key>() + " to " + type_name<Item>(); }
};

template <class T>
struct ConvertTuple {
  static constexpr std::size_t kSize = std::tuple_size_v<T>;
  static Value to(const T& t) {
    Value::List list;
    list.reserve(kSize);
    std::apply([&](const auto&... item) { (list.push_back(to_value(item)), ...); }, t);
    return Value(std::move(list));
  }
  static T from(Value v) {
    auto* list = v.get_if<Value::List>();
    if (list == nullptr) mismatch(name(), v);
    if (list->size() != kSize) {
      throw Mismatch("", name(), "list of " + std::to_string(list->size()));
    }
    return take(*list, std::make_index_sequence<kSize>());
  }
  static std::string name() { return named(std::make_index_sequence<kSize>()); }

 private:
  template <std::size_t... I>
  static T take(Value::List& list, std::index_sequence<I...>) {
    return T{in_place("[" + std::to_string(I) + "]",
                      [&] { return from_value<std::tuple_element_t<I, T>>(std::move(list[I])); })...};
  }
  template <std::size_t... I>
  static std::string named(std::index_sequence<I...>) {
    std::string out = "(";
    ((out += (I == 0 ? "" : ", ") + type_name<std::tuple_element_t<I, T>>()), ...);
    return out + ")";
  }
};

}  // namespace detail

template <class K, class V, class C, class A>
struct Convert<std::map<K, V, C, A>> : detail::ConvertMap<std::map<K, V, C, A>> {};
template <class K, class V, class H, class E, class A>
struct Convert<std::unordered_map<K, V, H, E, A>> : detail::ConvertMap<std::unordered_map<K, V, H, E, A>> {};
template <class... T>
struct Convert<std::tuple<T...>> : detail::ConvertTuple<std::tuple<T...>> {};
template <class A, class B>
struct Convert<std::pair<A, B>> : detail::ConvertTuple<std::pair<A, B>> {};

/// A struct is a map from its field names. A missing field is an error unless it is an optional; a field that
/// the struct does not have is an error too, so that a renamed one is noticed.
template <detail::MappedStruct T>
struct Convert<T> {
  static Value to(const T& t) {
    Value::Map map;
    promised_fields(const_cast<T&>(t), [&](const char* field, const auto& member) {
      map.emplace_back(Value(field), to_value(member));
    });
    return Value(std::move(map));
  }
  static T from(Value v) {
    auto* map = v.get_if<Value::Map>();
    if (map == nullptr) detail::mismatch(name(), v);
    T t{};
    std::size_t known = 0;
    promised_fields(t, [&](const char* field, auto& member) {
      using Member = std::remove_cvref_t<decltype(member)>;
      detail::in_place(field, [&] {
        for (auto& [key, item] : *map) {
          const auto* text = key.template get_if<std::string>();
          if (text == nullptr || *text != field) continue;
          ++known;
          member = from_value<Member>(std::move(item));
          return;
        }
        if constexpr (requires {
                        typename Member::value_type;
                        std::optional<typename Member::value_type>(member);
                      }) {
          if constexpr (std::same_as<Member, std::optional<typename Member::value_type>>) return;
        }
        throw Mismatch("", type_name<Member>(), "nothing");
      });
    });
    if (known < map->size()) refuse_unknown_field(t, *map);
    return t;
  }
  static std::string name() { return promised_struct_name(static_cast<const T*>(nullptr)); }

 private:
  static void refuse_unknown_field(T& t, const Value::Map& map) {
    for (const auto& [key, item] : map) {
      const auto* text = key.template get_if<std::string>();
      bool found = false;
      promised_fields(
          t, [&](const char* field, auto&) { found = found || (text != nullptr && *text == field); });
      if (!found) throw Mismatch(text != nullptr ? *text : "[key]", "no such field in " + name(), "one");
    }
  }
};

template <detail::ProtobufMessage T>
struct Convert<T> {
  static Value to(const T& message) {
    const std::string s = message.SerializeAsString();
    Bytes b(s.size());
    std::memcpy(b.data(), s.data(), s.size());
    return Value(std::move(b));
  }
  static T from(Value v) {
    const auto* b = v.get_if<Bytes>();
    if (b == nullptr) detail::mismatch(name(), v);
    T message;
    if (!message.ParseFromString(std::string(reinterpret_cast<const char*>(b->data()), b->size()))) {
      throw Mismatch("", name(), "bytes that are not one");
    }
    return message;
  }
  static std::string name() { return "message " + std::string(T().GetTypeName()); }
};

}  // namespace promised

// One line after a struct, in its namespace, makes it an argument or a result:
//   struct Customer { std::string name; int age; std::optional<std::string> mail; };
//   PROMISED_STRUCT(Customer, name, age, mail)
// Up to 64 fields.
#define PROMISED_DETAIL_EXPAND(...) \
  PROMISED_DETAIL_EXPAND3(          \
      PROMISED_DETAIL_EXPAND3(PROMISED_DETAIL_EXPAND3(PROMISED_DETAIL_EXPAND3(__VA_ARGS__))))
#define PROMISED_DETAIL_EXPAND3(...) \
  PROMISED_DETAIL_EXPAND2(           \
      PROMISED_DETAIL_EXPAND2(PROMISED_DETAIL_EXPAND2(PROMISED_DETAIL_EXPAND2(__VA_ARGS__))))
#define PROMISED_DETAIL_EXPAND2(...) \
  PROMISED_DETAIL_EXPAND1(           \
      PROMISED_DETAIL_EXPAND1(PROMISED_DETAIL_EXPAND1(PROMISED_DETAIL_EXPAND1(__VA_ARGS__))))
#define PROMISED_DETAIL_EXPAND1(...) __VA_ARGS__
#define PROMISED_DETAIL_PARENS ()
#define PROMISED_DETAIL_EACH(field, ...)           \
  promised_visit_(#field, promised_object_.field); \
  __VA_OPT__(PROMISED_DETAIL_AGAIN PROMISED_DETAIL_PARENS(__VA_ARGS__))
#define PROMISED_DETAIL_AGAIN() PROMISED_DETAIL_EACH
#define PROMISED_STRUCT(Type, ...)                                        \
  [[maybe_unused]] inline std::string promised_struct_name(const Type*) { \
    return #Type;                                                         \
  }                                                                       \
  template <class Visit>                                                  \
  void promised_fields(Type& promised_object_, Visit&& promised_visit_) { \
    PROMISED_DETAIL_EXPAND(PROMISED_DETAIL_EACH(__VA_ARGS__))             \
  }
