// SPDX-License-Identifier: Apache-2.0
#include "daemon/door/peers.hpp"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <utility>

namespace promised {
namespace {

/// Between two tries to watch a process for which no descriptor was left: the first pause, doubled up to the
/// longest.
constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::seconds kLongestPause{1};

}  // namespace

Identity parse_peer_address(std::string_view address) {
  Identity who;
  const auto last_number = [&](auto& number) {
    const std::size_t colon = address.rfind(':');
    if (colon == std::string_view::npos) return false;
    const std::string_view text = address.substr(colon + 1);
    address.remove_suffix(address.size() - colon);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
  };
  Identity found;
  if (last_number(found.pid) && last_number(found.gid) && last_number(found.uid)) who = found;
  return who;
}

Peer* Peers::find(SessionId session) {
  const auto it = by_session_.find(session);
  return it == by_session_.end() ? nullptr : &it->second;
}

Peer* Peers::holder(std::string_view routing_id) {
  const auto it = by_routing_id_.find(routing_id);
  return it == by_routing_id_.end() ? nullptr : find(it->second);
}

Peer* Peers::find(std::string_view routing_id, std::string_view address) {
  Peer* peer = holder(routing_id);
  return peer != nullptr && peer->address == address ? peer : nullptr;
}

Peer& Peers::add(std::string_view routing_id, std::string_view address) {
  const SessionId session{next_++};
  Peer& peer = by_session_[session];
  peer.session = session;
  peer.routing_id = routing_id;
  peer.address = address;
  peer.who = parse_peer_address(address);
  by_routing_id_[peer.routing_id] = session;
  const auto left = left_unread_.find(routing_id);
  if (left != left_unread_.end()) {
    peer.unread = std::move(left->second);
    left_unread_.erase(left);
  } else {
    peer.unread = std::make_shared<Unread>(0);
  }
  if (peer.who.pid <= 0) return peer;
  peer.who.session = std::max(::getsid(peer.who.pid), 0);  // it may be gone already
  const Watched watched = watch(peer);
  if (watched == Watched::ended) watch_again_at_ = Instant{};  // the next look tells it
  if (watched == Watched::ended || watched == Watched::not_now) unwatched_.push_back(session);
  return peer;
}

Peers::Watched Peers::watch(Peer& peer) const {
  peer.process.reset(static_cast<int>(::syscall(SYS_pidfd_open, peer.who.pid, 0)));
  if (!peer.process.valid()) {
    if (errno == ESRCH) return Watched::ended;
    return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? Watched::not_now : Watched::never;
  }
  epoll_event watch{};
  watch.events = EPOLLIN;
  watch.data.u64 = static_cast<std::uint64_t>(peer.session);
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, peer.process.get(), &watch) == 0) return Watched::yes;
  peer.process.reset();
  return Watched::not_now;
}

std::vector<SessionId> Peers::watch_again(Instant now) {
  if (unwatched_.empty()) {
    watch_again_at_.reset();
    return {};
  }
  if (!watch_again_at_) {
    pause_ = kFirstPause;
    watch_again_at_ = now + pause_;
  }
  if (now < *watch_again_at_) return {};
  std::vector<SessionId> ended;
  std::erase_if(unwatched_, [&](SessionId session) {
    Peer* peer = find(session);
    const Watched watched = peer == nullptr ? Watched::yes : watch(*peer);
    if (watched == Watched::ended) ended.push_back(session);
    return watched != Watched::not_now;
  });
  pause_ = std::clamp<Nanos>(pause_ * 2, kFirstPause, kLongestPause);
  watch_again_at_ = now + pause_;
  return ended;
}

void Peers::remove(SessionId session) {
  const auto it = by_session_.find(session);
  if (it == by_session_.end()) return;
  const auto holder = by_routing_id_.find(it->second.routing_id);
  if (holder != by_routing_id_.end() && holder->second == session) by_routing_id_.erase(holder);
  if (it->second.unread->load() > 0) {
    std::erase_if(left_unread_, [](const auto& left) { return left.second->load() == 0; });
    left_unread_[it->second.routing_id] = std::move(it->second.unread);
  }
  std::erase(unwatched_, session);
  if (it->second.process.valid()) watch_again_at_ = Instant{};
  by_session_.erase(it);
}

}  // namespace promised
