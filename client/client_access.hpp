// SPDX-License-Identifier: Apache-2.0
// The way from a client to its session, for the parts of this library that are built on the public one.
#pragma once

namespace promised {

class Client;

namespace detail {

class Session;

struct ClientAccess {
  /// Throws Error for a client that was moved from.
  [[nodiscard]] static Session& session(const Client& client);
};

}  // namespace detail
}  // namespace promised
