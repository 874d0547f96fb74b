// SPDX-License-Identifier: Apache-2.0
// Pools: from [pool.NAME] sections in the configuration file, from the drop-in folder, and from --pool.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"
#include "daemon/config.hpp"
#include "daemon/config/file.hpp"
#include "daemon/settings.hpp"

namespace promised::config {

/// It is the program of `builtin = exec`.
[[nodiscard]] bool has_exec(const PoolSettings& pool);
/// That a worker has, itself included, while it runs a job that starts none itself.
[[nodiscard]] std::uint64_t processes_of_job(const PoolSettings& pool);

/// Gathers pools; a name that is taken is a Problem that names both places.
class Pools {
 public:
  /// True for `pool.NAME` and what looks like it, so that a bad name is told as such.
  [[nodiscard]] static bool is_pool(const Section& section);

  [[nodiscard]] Result<void> add(const Section& section);
  /// Every *.conf file of the folder, in the order of their names; only [pool.NAME] sections may be in them.
  [[nodiscard]] Result<void> add_folder(const std::string& folder);
  /// `NAME=PROGRAM ARGUMENTS`, as --pool has it; a relative path starts at the working directory.
  [[nodiscard]] Result<void> add_flag(const std::string& text, const Environment& environment);

  [[nodiscard]] std::vector<PoolSettings> take() && { return std::move(pools_); }

 private:
  Result<void> insert(PoolSettings pool, const Place& place);

  std::vector<PoolSettings> pools_;
  std::vector<Place> places_;  ///< of pools_, index by index
};

}  // namespace promised::config
