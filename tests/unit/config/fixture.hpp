// SPDX-License-Identifier: Apache-2.0
// A folder of its own and a made-up environment for one test of the configuration.
#pragma once

#include <string>
#include <vector>

#include "daemon/config.hpp"

namespace promised {

class Scene {
 public:
  Scene();
  ~Scene();
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  /// Absolute paths in the scene's folder.
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
  /// Writes a file, with the folders above it; returns its path.
  std::string write(const std::string& name, const std::string& text) const;

  /// As `promised ARGUMENTS`.
  [[nodiscard]] Result<Invocation> run(const std::vector<std::string>& arguments) const;
  /// As `promised --config FILE` with this text in the file; the settings, which must be fine.
  [[nodiscard]] Settings settings(const std::string& text) const;
  /// Likewise; the message of the Problem, which there must be, with the file's path shortened to `FILE`.
  [[nodiscard]] std::string problem(const std::string& text) const;

  /// Variables empty, uid 1000, users alice (1000) and bob (1001), group staff (50).
  Environment environment;

 private:
  std::string folder_;
};

}  // namespace promised
