// SPDX-License-Identifier: Apache-2.0
#include "cli/composite.hpp"

#include <promised/value.hpp>

#include <algorithm>
#include <array>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/variables_map.hpp>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "cli/invocation.hpp"
#include "cli/job_options.hpp"
#include "cli/usage_error.hpp"
#include "cli/value_json.hpp"
#include "common/nearest.hpp"

namespace promised::cli {
namespace {

namespace po = boost::program_options;

/// Where a call stands.
enum class Part { whole, member, then };

constexpr std::array<std::string_view, 4> kOfTheWhole = {"name", "lifespan", "duplicate", "memory"};
/// A composite has no run of its own.
constexpr std::array<std::string_view, 11> kOfFunctions = {
    "queue_timeout", "run_timeout", "progress_timeout", "quota",   "exclusive", "begin_after",
    "delay",         "begin_by",    "retries",          "backoff", "jitter"};
constexpr std::array<std::string_view, 2> kOfNone = {"unique", "abandon"};

template <class Names>
bool has(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// `run-timeout` as a key.
std::string key_of(std::string option) {
  std::replace(option.begin(), option.end(), '-', '_');
  return option;
}

class Reader {
 public:
  explicit Reader(std::string source) : source_(std::move(source)) { add_job_options(options_); }

  /// `place` is empty at the top.
  [[nodiscard]] promised::Call call(const Value& value, const std::string& place, Part part) const;

  [[noreturn]] void fail(const std::string& place, const std::string& what) const {
    throw UsageError(source_ + (place.empty() ? "" : ", " + place) + ": " + what);
  }

 private:
  using Keys = std::vector<std::string>;
  struct Object {
    const Value::Map& entries;
    const std::string& place;

    [[nodiscard]] const Value* find(std::string_view key) const {
      for (const auto& [name, value] : entries) {
        if (*name.get_if<std::string>() == key) return &value;
      }
      return nullptr;
    }
    /// What stands there, for messages.
    [[nodiscard]] std::string at(const std::string& key) const {
      return place.empty() ? key : place + "." + key;
    }
  };

  template <class T>
  const T& as(const Value& value, const std::string& place, const std::string& expected) const {
    if (const T* found = value.get_if<T>()) return *found;
    fail(place, "expected " + expected + ", found " + std::string(to_string(value.kind())));
  }
  [[nodiscard]] Object object(const Value& value, const std::string& place,
                              const std::string& expected) const;
  void check_keys(const Object& object, const Keys& known) const;
  [[nodiscard]] promised::Call function(const Object& object, Part part) const;
  [[nodiscard]] promised::Call composite(const Object& object, const std::string& kind, Part part) const;
  [[nodiscard]] Arguments arguments(const Object& object) const;
  [[nodiscard]] Options options(const Object& object, Composite kind, Part part) const;
  void add_option(const po::option_description& option, const Value& value, const std::string& place,
                  po::parsed_options& parsed) const;
  void check_option(const std::string& key, Composite kind, Part part, const std::string& place) const;

  const std::string source_;
  po::options_description options_;
};

Reader::Object Reader::object(const Value& value, const std::string& place,
                              const std::string& expected) const {
  const auto& map = as<Value::Map>(value, place, expected);
  for (const auto& [key, item] : map) {
    if (key.get_if<std::string>() == nullptr)
      fail(place, "expected text as a key, found " + std::string(to_string(key.kind())));
  }
  return {map, place};
}

void Reader::check_keys(const Object& object, const Keys& known) const {
  for (const auto& [name, value] : object.entries) {
    const std::string& key = *name.get_if<std::string>();
    if (!has(known, key))
      fail(object.place, "'" + key + "' is nothing that is known here" + did_you_mean(key, known));
  }
}

promised::Call Reader::call(const Value& value, const std::string& place, Part part) const {
  const Object given =
      object(value, place,
             "an object with " + std::string(part == Part::whole ? "" : "call, ") + "serial or parallel");
  std::vector<std::string> kinds;
  for (const char* kind : {"call", "serial", "parallel"}) {
    if (given.find(kind) != nullptr) kinds.emplace_back(kind);
  }
  if (kinds.size() > 1) fail(place, kinds[0] + " and " + kinds[1] + " exclude each other");
  if (kinds.empty()) {
    check_keys(given,
               {"call", "serial", "parallel", "arguments", "named", "then", "on_member_failure", "options"});
    fail(place, "expected one of the keys call, serial and parallel, found none of them");
  }
  if (kinds[0] == "call" && part == Part::whole)
    fail(
        place,
        "expected serial or parallel at the top, found call; a single call is submitted without --composite");
  if (kinds[0] != "call" && part == Part::then)
    fail(place, "expected a call, found " + kinds[0] + ": what gets the outcomes is one function");
  return kinds[0] == "call" ? function(given, part) : composite(given, kinds[0], part);
}

promised::Call Reader::function(const Object& object, Part part) const {
  check_keys(object, {"call", "arguments", "named", "options"});
  const auto& name = as<std::string>(*object.find("call"), object.at("call"), "the name of a function");
  if (name.empty()) fail(object.at("call"), "expected the name of a function, found nothing");
  return {name, options(object, Composite::none, part), arguments(object)};
}

promised::Call Reader::composite(const Object& object, const std::string& kind, Part part) const {
  check_keys(object, {kind, "then", "on_member_failure", "options"});
  std::vector<promised::Call> members;
  const std::string place = object.at(kind);
  for (const Value& member : as<Value::List>(*object.find(kind), place, "a list of calls")) {
    members.push_back(call(member, place + "[" + std::to_string(members.size()) + "]", Part::member));
  }
  const Composite which = kind == "serial" ? Composite::serial : Composite::parallel;
  promised::Call all(which, std::move(members));
  all.options(options(object, which, part));
  if (const Value* then = object.find("then")) all.then(call(*then, object.at("then"), Part::then));
  if (const Value* what = object.find("on_member_failure")) {
    const std::string at = object.at("on_member_failure");
    const auto& text = as<std::string>(*what, at, "go_on or stop");
    if (text != "go_on" && text != "stop")
      fail(at, "expected go_on or stop, found '" + text + "'" + did_you_mean(text, {"go_on", "stop"}));
    all.on_member_failure(text == "stop" ? MemberFailure::stop : MemberFailure::go_on);
  }
  return all;
}

Arguments Reader::arguments(const Object& given) const {
  Arguments all;
  if (const Value* positional = given.find("arguments"))
    all.positional = as<Value::List>(*positional, given.at("arguments"), "a list of values");
  if (const Value* named = given.find("named")) {
    const std::string place = given.at("named");
    for (const auto& [key, value] : object(*named, place, "an object of values").entries)
      all.named.emplace_back(*key.get_if<std::string>(), value);
  }
  return all;
}

Options Reader::options(const Object& given, Composite kind, Part part) const {
  const Value* const value = given.find("options");
  if (value == nullptr) return {};
  const std::string place = given.at("options");
  po::parsed_options parsed(&options_);
  Keys known;
  for (const auto& option : options_.options()) known.push_back(key_of(option->long_name()));
  for (const auto& [name, content] : object(*value, place, "an object of options").entries) {
    const std::string& key = *name.get_if<std::string>();
    const auto found = std::find(known.begin(), known.end(), key);
    if (found == known.end()) fail(place, "there is no option '" + key + "'" + did_you_mean(key, known));
    check_option(key, kind, part, place);
    add_option(*options_.options()[static_cast<std::size_t>(found - known.begin())], content,
               place + "." + key, parsed);
  }
  po::variables_map values;
  po::store(parsed, values);
  try {
    return read_job_options(Invocation(std::move(values), {}, {}));
  } catch (const UsageError& e) {
    fail(place, e.what());
  }
}

void Reader::check_option(const std::string& key, Composite kind, Part part, const std::string& place) const {
  if (has(kOfNone, key)) fail(place, "'" + key + "' is no option of a composite or of what belongs to one");
  if (part != Part::whole && has(kOfTheWhole, key))
    fail(place, "'" + key + "' belongs to the composite as a whole: give it at the top");
  if (kind != Composite::none && has(kOfFunctions, key))
    fail(place, "a composite has no run of its own, and so no '" + key + "': give it to its members");
}

/// As the command line would have it: whoever reads options reads it there.
void Reader::add_option(const po::option_description& option, const Value& value, const std::string& place,
                        po::parsed_options& parsed) const {
  const auto add = [&](std::vector<std::string> texts) {
    parsed.options.emplace_back(option.long_name(), std::move(texts));
  };
  if (option.semantic()->max_tokens() == 0) {
    if (as<bool>(value, place, "true or false")) add({});
    return;
  }
  const auto text_of = [&](const Value& one, const std::string& at) {
    if (const auto* text = one.get_if<std::string>()) return *text;
    if (one.get_if<std::int64_t>() != nullptr || one.get_if<double>() != nullptr) return to_json(one).dump();
    fail(at, "expected text or a number, found " + std::string(to_string(one.kind())));
  };
  const auto* several = value.get_if<Value::List>();
  if (several == nullptr || !option.semantic()->is_composing()) return add({text_of(value, place)});
  for (std::size_t i = 0; i < several->size(); ++i)
    add({text_of((*several)[i], place + "[" + std::to_string(i) + "]")});
}

}  // namespace

promised::Call read_composite(std::string_view text, const std::string& source) {
  const Reader reader(source);
  Value document;
  try {
    document = from_json(text);
  } catch (const BadJson& e) {
    reader.fail("", e.what());
  }
  return reader.call(document, "", Part::whole);
}

void check_option_of_whole(const std::string& option) {
  if (has(kOfFunctions, key_of(option)))
    throw UsageError("--" + option +
                     ": a composite has no run of its own; give it to its members, in the document");
  if (option == "unique") throw UsageError("--unique: a composite joins no equal job; leave it away");
}

}  // namespace promised::cli
