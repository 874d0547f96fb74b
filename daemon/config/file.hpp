// SPDX-License-Identifier: Apache-2.0
// A configuration file as sections of keys and values, each with its place. Knows the syntax
// (Boost.Program_options' INI dialect, a `#` begins a comment) and nothing of what the keys mean.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"

namespace promised::config {

/// Where something was said: a file and a line, or (line 0) a flag.
struct Place {
  std::string file;
  int line = 0;

  [[nodiscard]] std::string text() const { return line == 0 ? file : file + ":" + std::to_string(line); }
  [[nodiscard]] Problem problem(const std::string& message) const {
    return Problem::of("config", text() + ": " + message);
  }
};

struct Entry {
  std::string key;
  std::string value;
  Place place;
};

/// Everything under one `[name]`; a section name appears once in a file.
struct Section {
  std::string name;
  Place place;
  std::vector<Entry> entries;
};

[[nodiscard]] Result<std::vector<Section>> parse_file(const std::string& path);
[[nodiscard]] Result<std::vector<Section>> parse_text(std::string_view text, const std::string& file);

}  // namespace promised::config
