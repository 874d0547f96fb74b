// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/keys.hpp"

#include <algorithm>

#include "common/nearest.hpp"

namespace promised::config {
namespace {

bool stands_for(const Key& key, const std::string& name) {
  if (key.kind != Key::Kind::family) return key.name == name;
  const std::string prefix = key.name.substr(0, key.name.find('.') + 1);
  return name.starts_with(prefix);
}

Problem unknown_key(const Section& section, const Entry& entry, const std::vector<Key>& keys) {
  std::vector<std::string> names;
  for (const Key& key : keys) names.push_back(key.name);
  return entry.place.problem("unknown key '" + entry.key + "' in [" + section.name + "]" +
                             did_you_mean(entry.key, names));
}

Result<void> refuse_repetition(const Section& section, const Entry& entry) {
  for (const Entry& other : section.entries) {
    if (&other == &entry) return {};
    if (other.key == entry.key) {
      return entry.place.problem("'" + entry.key + "' is given a second time; the first is on line " +
                                 std::to_string(other.place.line));
    }
  }
  return {};
}

}  // namespace

Result<void> set_keys(const Section& section, const std::vector<Key>& keys) {
  for (const Entry& entry : section.entries) {
    const auto key =
        std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return stands_for(k, entry.key); });
    if (key == keys.end()) return unknown_key(section, entry, keys);
    if (key->kind != Key::Kind::repeated) PROMISED_TRY(refuse_repetition(section, entry));
    const Result<void> set = key->set(entry);
    if (!set) return entry.place.problem(entry.key + ": " + set.problem().message);
  }
  return {};
}

Place place_of(const Section& section, const std::string& key) {
  for (const Entry& entry : section.entries) {
    if (entry.key == key) return entry.place;
  }
  return section.place;
}

bool has(const Section& section, const std::string& key) {
  return std::any_of(section.entries.begin(), section.entries.end(),
                     [&](const Entry& e) { return e.key == key; });
}

}  // namespace promised::config
