// SPDX-License-Identifier: Apache-2.0
// Who is connected: ZeroMQ's routing ids, the sessions that stand for them, and the processes behind them. A
// process that ends is noticed through its pidfd, for a ROUTER does not tell that a peer has gone.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/clock.hpp"
#include "common/fd.hpp"
#include "common/result.hpp"
#include "daemon/flow.hpp"

namespace promised {

/// Bytes that ZeroMQ keeps for a peer because it has not read them. Shared: ZeroMQ's thread lets go of them
/// when it likes, also after the peer is gone.
using Unread = std::atomic<std::uint64_t>;

struct Peer {
  SessionId session{};
  std::string routing_id;
  std::string address;  ///< as libzmq reports it, with uid, gid and pid at its end
  Identity who;
  Fd process;  ///< a pidfd; none if the kernel does not show us the process
  std::shared_ptr<Unread> unread;
};

/// The identity at the end of libzmq's Peer-Address property, "…:uid:gid:pid".
[[nodiscard]] Identity parse_peer_address(std::string_view address);

class Peers {
 public:
  /// Watches the peers' processes in `epoll`, under their session's number.
  explicit Peers(int epoll) : epoll_(epoll) {}

  /// The peer of this routing id, if it is still the same process behind the same connection.
  [[nodiscard]] Peer* find(std::string_view routing_id, std::string_view address);
  [[nodiscard]] Peer* find(SessionId session);
  /// A new session for this routing id. One that stood for it before is not removed: the caller has seen to
  /// that.
  Peer& add(std::string_view routing_id, std::string_view address);
  /// The peer that holds this routing id now, whoever it is.
  [[nodiscard]] Peer* holder(std::string_view routing_id);
  void remove(SessionId session);
  /// Those whose process could not be watched when they came, for no descriptor was left: tries again if it
  /// is time, and returns those whose process has ended meanwhile.
  [[nodiscard]] std::vector<SessionId> watch_again(Instant now);
  /// When it is time: at once after a descriptor was given back here, else after a pause that grows, for
  /// others give back theirs unseen. Nothing while every process is watched.
  [[nodiscard]] std::optional<Instant> watch_again_at() const {
    return unwatched_.empty() ? std::nullopt : watch_again_at_;
  }
  [[nodiscard]] std::size_t size() const { return by_session_.size(); }

 private:
  enum class Watched : std::uint8_t { yes, ended, not_now, never };
  [[nodiscard]] Watched watch(Peer& peer) const;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
  };

  int epoll_;
  std::uint64_t next_ = 1;
  std::vector<SessionId> unwatched_;
  std::optional<Instant> watch_again_at_;  ///< nothing: from the next look on
  Nanos pause_{};
  std::unordered_map<SessionId, Peer> by_session_;
  std::unordered_map<std::string, SessionId, Hash, std::equal_to<>> by_routing_id_;
  /// Of connections whose session is gone while something for them is still unread: another session over such
  /// a connection goes on with it.
  std::unordered_map<std::string, std::shared_ptr<Unread>, Hash, std::equal_to<>> left_unread_;
};

}  // namespace promised
