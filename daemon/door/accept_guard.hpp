// SPDX-License-Identifier: Apache-2.0
// Looks at every connection to the daemon's socket before ZeroMQ does. ZeroMQ accepts whoever comes, gives
// the daemon no way to hang up on a peer, and aborts the process when descriptors run out; so anybody who may
// open the socket could use up or end the daemon. Here a user has a share of the connections, and who comes
// when there is no descriptor left is turned away.
//
// It works by taking the place of accept4(2) and recv(2) in this process, which are the only places between
// the kernel and ZeroMQ. All functions may be called from any thread.
#pragma once

#include <cstdint>

#include "common/result.hpp"

namespace promised::accept_guard {

/// From now on one user has at most so many connections to sockets of this process, and a message at most so
/// many bytes. Keeps one descriptor in reserve, so that a connection can be taken and closed when there is no
/// other.
[[nodiscard]] Result<void> start(std::uint64_t most_per_user, std::uint64_t most_bytes);

/// How many connections have been turned away since start(): their user had too many, or there was no
/// descriptor.
[[nodiscard]] std::uint64_t turned_away();
/// How many have been closed because of what came over them.
[[nodiscard]] std::uint64_t cut_off();

}  // namespace promised::accept_guard
