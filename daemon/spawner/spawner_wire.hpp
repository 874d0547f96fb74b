// SPDX-License-Identifier: Apache-2.0
// What the daemon and its spawner say to each other: one datagram a message over a SOCK_SEQPACKET pair. Both
// ends are the same program, so there is no version; but the spawner may have privileges that the daemon has
// given up, and reads what it gets as it would a stranger's.
//
// A spawn order travels in a memfd beside the datagram, because an environment may be larger than a datagram
// may be.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/fd.hpp"
#include "common/result.hpp"
#include "daemon/spawner/spawner.hpp"

namespace promised::spawner_wire {

/// Arguments and environment together; the kernel's own limit for execve with an 8 MiB stack.
inline constexpr std::size_t kMaxRequest = std::size_t{2} << 20;
/// No report is longer: a reason is cut to fit.
inline constexpr std::size_t kMaxDatagram = 8192;

struct KillOrder {
  WorkerId worker{};
  int signal = 0;
};
/// With four descriptors: the worker's channel, page and output, and the memfd that holds the
/// SpawnRequest.
struct SpawnOrder {
  WorkerId worker{};
};
/// See Spawner::take_over(); answered by a TakenOver.
struct TakeOverOrder {
  std::string state;
  std::vector<uid_t> users;
};
using Order = std::variant<SpawnOrder, KillOrder, TakeOverOrder>;

inline constexpr std::size_t kSpawnFds = 4;

[[nodiscard]] std::string encode(const Order& order);
[[nodiscard]] Result<Order> decode_order(std::string_view bytes);

/// Problem "too_large" above kMaxRequest.
[[nodiscard]] Result<std::string> encode(const SpawnRequest& request);
[[nodiscard]] Result<SpawnRequest> decode_request(std::string_view bytes);

[[nodiscard]] std::string encode(const SpawnerReport& report);
[[nodiscard]] Result<SpawnerReport> decode_report(std::string_view bytes);

/// Of the leftovers only as many as fit.
[[nodiscard]] std::string encode(const TakenOver& taken);
[[nodiscard]] Result<TakenOver> decode_taken_over(std::string_view bytes);

/// A sealed memory file with `bytes` in it.
[[nodiscard]] Result<Fd> to_memfd(std::string_view bytes);
/// Its content; Problem "too_large" above kMaxRequest.
[[nodiscard]] Result<std::string> from_memfd(int fd);

/// Sends one datagram with descriptors. Waits for room unless `flags` has MSG_DONTWAIT: then false says that
/// there was none.
[[nodiscard]] Result<bool> send(int socket, std::string_view bytes, std::span<const int> fds, int flags);

struct Datagram {
  std::string bytes;  ///< empty: the other end is gone
  std::vector<Fd> fds;
};
/// Nothing if none is there; never waits.
[[nodiscard]] Result<std::optional<Datagram>> receive(int socket);

}  // namespace promised::spawner_wire
