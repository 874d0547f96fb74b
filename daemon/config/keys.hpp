// SPDX-License-Identifier: Apache-2.0
// Which keys a section may have and what each sets: tables that the file's sections are held against.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/result.hpp"
#include "daemon/config/file.hpp"

namespace promised::config {

/// A key, and what an entry with it does. `set` gives a Problem without a place.
struct Key {
  enum class Kind {
    once,
    repeated,
    family  ///< `name` is PREFIX.SOMETHING and stands for every key that begins with PREFIX and a dot; each
            ///< once
  };

  std::string name;
  std::function<Result<void>(const Entry& entry)> set;
  Kind kind = Kind::once;
};

/// Sets every entry of the section by its key. Problems: an unknown key (with the nearest known ones), a key
/// given twice, a value that the key refuses; each with its place.
[[nodiscard]] Result<void> set_keys(const Section& section, const std::vector<Key>& keys);

/// The place of the entry `key`, else of the section itself.
[[nodiscard]] Place place_of(const Section& section, const std::string& key);
[[nodiscard]] bool has(const Section& section, const std::string& key);

/// A setter that parses with `parse` and stores into `target`, which must outlive it.
template <class T, class Parse>
[[nodiscard]] auto into(T& target, Parse parse) {
  return [&target, parse](const Entry& entry) -> Result<void> {
    PROMISED_ASSIGN(target, parse(entry.value));
    return {};
  };
}

}  // namespace promised::config
