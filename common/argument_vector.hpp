// SPDX-License-Identifier: Apache-2.0
// Arguments, or an environment, as exec(2) and posix_spawn(3) take them.
#pragma once

#include <string>
#include <vector>

namespace promised {

/// A pointer to each text, and a null one behind them. Valid as long as `texts` stays as it is; exec writes
/// to none of them, whatever its signature says.
[[nodiscard]] inline std::vector<char*> argument_vector(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace promised
