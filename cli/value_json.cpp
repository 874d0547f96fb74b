// SPDX-License-Identifier: Apache-2.0
#include "cli/value_json.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "cli/base64.hpp"
#include "common/printable.hpp"

namespace promised::cli {
namespace {

using Json = nlohmann::ordered_json;

/// The library's id for a number that no double can hold.
constexpr int kNumberOverflow = 406;

Json real_to_json(double d) {
  if (std::isfinite(d)) return d;
  return {{"$real", std::isnan(d) ? "nan" : d > 0 ? "inf" : "-inf"}};
}

Json text_to_json(const std::string& text) {
  if (valid_utf8(text) == text) return text;
  return {{"$text", base64(text)}};
}

Json bytes_to_json(const Bytes& bytes) {
  return {{"$bytes", base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()})}};
}

/// A JSON object can hold the map: its keys are UTF-8 text, different, and none begins with a $.
bool fits_an_object(const Value::Map& map) {
  std::set<std::string_view> keys;
  return std::all_of(map.begin(), map.end(), [&](const auto& entry) {
    const auto* key = entry.first.template get_if<std::string>();
    return key != nullptr && !key->starts_with('$') && valid_utf8(*key) == *key && keys.insert(*key).second;
  });
}

Json map_to_json(const Value::Map& map) {
  if (fits_an_object(map)) {
    Json object = Json::object();
    for (const auto& [key, value] : map) object[*key.get_if<std::string>()] = to_json(value);
    return object;
  }
  Json pairs = Json::array();
  for (const auto& [key, value] : map) pairs.push_back(Json::array({to_json(key), to_json(value)}));
  return {{"$map", std::move(pairs)}};
}

/// What an object with one $ key stands for; nothing if it is an ordinary object.
std::optional<Value> special(Value::Map& map) {
  const auto dollar = std::find_if(map.begin(), map.end(), [](const auto& e) {
    return e.first.template get_if<std::string>()->starts_with('$');
  });
  if (dollar == map.end()) return std::nullopt;
  const std::string key = *dollar->first.get_if<std::string>();
  const auto* text = dollar->second.get_if<std::string>();
  const auto bytes = text == nullptr ? std::nullopt : from_base64(*text);
  if (map.size() > 1) throw BadJson("the key \"" + key + "\" must stand alone in its object");
  if (key == "$bytes" && bytes) {
    Bytes out(bytes->size());
    if (!out.empty()) std::memcpy(out.data(), bytes->data(), bytes->size());
    return Value(std::move(out));
  }
  if (key == "$text" && bytes) return Value(*bytes);
  if (key == "$real" && text != nullptr && *text == "nan") return Value(std::nan(""));
  if (key == "$real" && text != nullptr && *text == "inf") return Value(HUGE_VAL);
  if (key == "$real" && text != nullptr && *text == "-inf") return Value(-HUGE_VAL);
  const auto* pairs = dollar->second.get_if<Value::List>();
  if (key == "$map" && pairs != nullptr) {
    Value::Map out;
    for (const Value& item : *pairs) {
      const auto* pair = item.get_if<Value::List>();
      if (pair == nullptr || pair->size() != 2)
        throw BadJson("\"$map\" expects a list of [key, value] pairs");
      out.emplace_back((*pair)[0], (*pair)[1]);
    }
    return Value(std::move(out));
  }
  throw BadJson(
      "the object with \"" + key +
      "\" means nothing; known are $bytes and $text (base64), $real (nan, inf, -inf) and $map (pairs)");
}

/// Builds the value while the parser reads: keys keep their order and numbers their text.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Value take() { return std::move(result_); }

  bool null() override { return add(Value()); }
  bool boolean(bool b) override { return add(Value(b)); }
  bool number_integer(std::int64_t i) override { return add(Value(i)); }
  bool number_unsigned(std::uint64_t n) override { return add(Value(n)); }
  bool number_float(double d, const std::string& text) override {
    if (text.find_first_of(".eE") == std::string::npos) {
      throw BadJson("the integer " + text + " does not fit into 64 bits; give it as text or as a real (" +
                    text + ".0)");
    }
    return add(Value(d));
  }
  bool string(std::string& text) override { return add(Value(std::move(text))); }
  bool binary(Json::binary_t& /*bytes*/) override { return false; }  // not in JSON text
  bool start_object(std::size_t /*size*/) override { return open(Value(Value::Map())); }
  bool start_array(std::size_t /*size*/) override { return open(Value(Value::List())); }
  bool key(std::string& key) override {
    auto& map = *open_.back().value.get_if<Value::Map>();
    if (!open_.back().keys.insert(key).second) throw BadJson("the key \"" + key + "\" is given twice");
    map.emplace_back(Value(key), Value());
    return true;
  }
  bool end_object() override {
    Value object = close();
    if (auto value = special(*object.get_if<Value::Map>())) return add(std::move(*value));
    return add(std::move(object));
  }
  bool end_array() override { return add(close()); }
  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::detail::exception& e) override {
    if (e.id == kNumberOverflow) {
      throw BadJson("the number " + token + " does not fit into a real, which goes to about 1.8e308");
    }
    throw BadJson("expected JSON, found something else at byte " + std::to_string(position));
  }

 private:
  struct Open {
    Value value;
    std::set<std::string> keys;
  };

  bool open(Value container) {
    if (open_.size() == kMaxValueDepth) {
      throw BadJson("lists and maps nest deeper than " + std::to_string(kMaxValueDepth));
    }
    open_.push_back({std::move(container), {}});
    return true;
  }
  Value close() {
    Value value = std::move(open_.back().value);
    open_.pop_back();
    return value;
  }
  bool add(Value value) {
    if (open_.empty()) {
      result_ = std::move(value);
    } else if (auto* list = open_.back().value.get_if<Value::List>()) {
      list->push_back(std::move(value));
    } else {
      open_.back().value.get_if<Value::Map>()->back().second = std::move(value);
    }
    return true;
  }

  std::vector<Open> open_;
  Value result_;
};

/// Reads without building. A number that no double can hold is JSON all the same.
class Acceptor : public nlohmann::json_sax<Json> {
 public:
  [[nodiscard]] bool overflow() const { return overflow_; }

  bool null() override { return true; }
  bool boolean(bool /*b*/) override { return true; }
  bool number_integer(std::int64_t /*i*/) override { return true; }
  bool number_unsigned(std::uint64_t /*n*/) override { return true; }
  bool number_float(double /*d*/, const std::string& /*text*/) override { return true; }
  bool string(std::string& /*text*/) override { return true; }
  bool binary(Json::binary_t& /*bytes*/) override { return false; }
  bool start_object(std::size_t /*size*/) override { return true; }
  bool key(std::string& /*key*/) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t /*size*/) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& e) override {
    overflow_ = e.id == kNumberOverflow;
    return false;
  }

 private:
  bool overflow_ = false;
};

}  // namespace

nlohmann::ordered_json to_json(const Value& value) {
  if (const auto* b = value.get_if<bool>()) return *b;
  if (const auto* i = value.get_if<std::int64_t>()) return *i;
  if (const auto* n = value.get_if<std::uint64_t>()) return *n;
  if (const auto* d = value.get_if<double>()) return real_to_json(*d);
  if (const auto* text = value.get_if<std::string>()) return text_to_json(*text);
  if (const auto* bytes = value.get_if<Bytes>()) return bytes_to_json(*bytes);
  if (const auto* map = value.get_if<Value::Map>()) return map_to_json(*map);
  if (const auto* list = value.get_if<Value::List>()) {
    Json array = Json::array();
    for (const Value& item : *list) array.push_back(to_json(item));
    return array;
  }
  return nullptr;
}

std::string json_text(const nlohmann::ordered_json& document, int indent) {
  const std::string text = document.dump(indent);
  std::string out;
  out.reserve(text.size());
  for (std::string_view rest = text; !rest.empty();) {
    const CodePoint c = first_code_point(rest);
    const std::string_view bytes = rest.substr(0, std::max<std::size_t>(c.size, 1));
    rest.remove_prefix(bytes.size());
    // Line ends stand between values only. What is not printable is below U+10000.
    if ((c.value >= 0x20 && c.value < 0x7f) || c.value == '\n' || printable(bytes) == bytes) {
      out += bytes;
    } else {
      std::array<char, 8> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\u%04x", static_cast<unsigned>(c.value));
      out += escaped.data();
    }
  }
  return out;
}

bool is_json(std::string_view text) {
  Acceptor acceptor;
  return Json::sax_parse(text.begin(), text.end(), &acceptor) || acceptor.overflow();
}

Value from_json(std::string_view text) {
  Builder builder;
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

}  // namespace promised::cli
