// SPDX-License-Identifier: Apache-2.0
// What decide is told of the world around it, and how long texts may be that it keeps.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "daemon/decide/links.hpp"
#include "daemon/nouns.hpp"

namespace promised {

/// Of the names of functions and queues.
inline constexpr std::size_t kMostNameBytes = 255;
/// Of a failure's message and of its output; of what is short in it, and of progress messages.
inline constexpr std::size_t kMostFailureText = std::size_t{64} << 10;
inline constexpr std::size_t kMostShortText = 1024;

/// What `status` tells of the parts that decide does not know; the loop keeps it true.
struct Surroundings {
  std::string version;
  pid_t pid = 0;
  JobId instance;  ///< differs after a restart
  Instant started{};
  StoreFacts store;
  std::uint32_t maintenance_percent = 0;     ///< how far what is done to the store by hand has come
  std::uint64_t submitted = 0;               ///< the batch that the store was given last
  std::optional<StoreFailure> last_failure;  ///< of the daemon before this one
  std::uint32_t clients = 0;
  std::uint64_t garbage = 0;
  std::string containment;  ///< of workers, as PoolView tells it

  // What decide needs made, and cannot make by itself.
  std::function<JobId()> new_id;  ///< of a job that the daemon submits
  /// The encoded arguments of the function exec: a command line, variables, and what it reads from stdin.
  std::function<Payload(const std::vector<std::string>& words,
                        const std::map<std::string, std::string>& variables, const std::string& input)>
      exec_arguments;
  OutcomeFormat outcomes;
};

}  // namespace promised
