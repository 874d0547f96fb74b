// SPDX-License-Identifier: Apache-2.0
// The commands on outcomes (SEMANTICS C9): which of them follow an outcome, and how they fare. What they run
// are jobs like any others (on_outcome.cpp); this knows only their names.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/messages.hpp"
#include "daemon/settings.hpp"

namespace promised {

class Commands {
 public:
  /// The configuration, as it is at any moment; must outlive this.
  explicit Commands(const std::vector<CommandSettings>& configured) : configured_(configured) {}

  [[nodiscard]] bool any() const { return !configured_.empty(); }
  /// Those that follow such an end of such a job.
  [[nodiscard]] std::vector<const CommandSettings*> following(State outcome, std::string_view function,
                                                              std::string_view queue) const;

  /// A command has run, and its status was 0.
  void succeeded(const std::string& name) { states_.erase(name); }
  /// It has run to another end.
  void failed(const std::string& name, std::string why);
  /// It could not even be made a job.
  void not_run(const std::string& name, std::string why);

  /// What is wrong with the commands that are configured, a sentence each, until they succeed again.
  [[nodiscard]] std::vector<std::string> problems() const;

 private:
  struct Failing {
    std::uint64_t failed = 0;   ///< runs in a row
    std::uint64_t not_run = 0;  ///< outcomes
    std::string last;           ///< why
  };

  const std::vector<CommandSettings>& configured_;
  std::map<std::string, Failing> states_;  ///< of those that fail; never more than were configured once
};

}  // namespace promised
