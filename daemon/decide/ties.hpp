// SPDX-License-Identifier: Apache-2.0
// The jobs that are tied to the client that submitted them (Options::abandon): they are cancelled when it has
// gone (SEMANTICS S6). A client is known by its tag, which stays the same over its reconnects. A job that is
// tied to nobody costs nothing here.
#pragma once

#include <promised/types.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "common/clock.hpp"
#include "daemon/decide/timer.hpp"

namespace promised {

/// One client with the jobs that are tied to it and have not ended. A timer while the client is away.
struct Tie : Timer {
  Tie(std::uint64_t client_tag, std::uint32_t uid) : Timer(Kind::tie), tag(client_tag), owner(uid) {}

  const std::uint64_t tag;
  const std::uint32_t owner;
  std::set<JobId> jobs;               ///< in the order of their submission
  std::optional<Instant> gone_since;  ///< nothing: it is connected
};

class Ties {
 public:
  /// The client's tie, made if there is none.
  Tie& of(std::uint64_t tag, std::uint32_t owner) {
    return ties_.try_emplace({tag, owner}, tag, owner).first->second;
  }
  /// Null if nothing is tied to the client.
  [[nodiscard]] Tie* find(std::uint64_t tag, std::uint32_t owner) {
    const auto it = ties_.find({tag, owner});
    return it == ties_.end() ? nullptr : &it->second;
  }
  void erase(const Tie& tie) { ties_.erase({tie.tag, tie.owner}); }

 private:
  std::map<std::pair<std::uint64_t, std::uint32_t>, Tie> ties_;
};

}  // namespace promised
