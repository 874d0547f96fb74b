// SPDX-License-Identifier: Apache-2.0
// What each owner uses of what is limited, and what all use together (SEMANTICS E2). One owner at a limit of
// its own leaves the rest to the others. The one place that words the refusal.
#pragma once

#include <promised/types.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "common/messages.hpp"
#include "daemon/settings.hpp"

namespace promised {

enum class Quantity : std::uint8_t {
  jobs,     ///< waiting, running or kept
  bytes,    ///< of arguments and results in memory
  names,    ///< tombstones included
  clients,  ///< sessions
  watches,  ///< requests that wait for the end of a job
  subscriptions
};

struct Account {
  std::array<std::uint64_t, 6> used{};
  std::array<std::uint64_t, 11> by_state{};  ///< jobs

  [[nodiscard]] std::uint64_t of(Quantity quantity) const { return used[static_cast<std::size_t>(quantity)]; }
};

class Accounts {
 public:
  /// `limits` must outlive this.
  explicit Accounts(const Limits& limits) : limits_(limits) {}

  void add(std::uint32_t owner, Quantity quantity, std::uint64_t amount = 1);
  void subtract(std::uint32_t owner, Quantity quantity, std::uint64_t amount = 1);
  void job_made(std::uint32_t owner, State state, std::uint64_t count = 1);
  void job_moved(std::uint32_t owner, State from, State to);
  void job_gone(std::uint32_t owner, State state);

  /// What is to be answered if `owner` must not have so much more; nothing if it may.
  [[nodiscard]] std::optional<message::Refused> check(std::uint32_t owner, Quantity quantity,
                                                      std::uint64_t amount = 1) const;

  [[nodiscard]] const Account& all() const { return all_; }
  [[nodiscard]] Account of(std::uint32_t owner) const;
  /// Each limit with what is used of it: of all, or of one owner's part.
  [[nodiscard]] std::vector<LimitView> view() const;
  [[nodiscard]] std::vector<LimitView> view(std::uint32_t owner) const;

 private:
  const Limits& limits_;
  Account all_;
  std::unordered_map<std::uint32_t, Account> owners_;  ///< those that use anything
};

}  // namespace promised
