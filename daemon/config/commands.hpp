// SPDX-License-Identifier: Apache-2.0
// The [command.NAME] sections: command lines that follow outcomes.
#pragma once

#include <string>
#include <vector>

#include "common/result.hpp"
#include "daemon/config/file.hpp"
#include "daemon/settings.hpp"

namespace promised::config {

class Commands {
 public:
  /// Whether the section is meant to be one of these, well-formed or not.
  [[nodiscard]] static bool is_command(const Section& section);
  [[nodiscard]] Result<void> add(const Section& section);
  /// Each needs a pool that can run it. To be asked when all pools are known.
  [[nodiscard]] Result<void> check(const std::vector<PoolSettings>& pools) const;

  [[nodiscard]] std::vector<CommandSettings> take() && { return std::move(commands_); }

 private:
  std::vector<CommandSettings> commands_;
  std::vector<Place> places_;  ///< of commands_, index by index
};

}  // namespace promised::config
