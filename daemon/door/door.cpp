// SPDX-License-Identifier: Apache-2.0
#include "daemon/door/door.hpp"

#include <sys/epoll.h>
#include <sys/stat.h>

#include <array>
#include <string>
#include <utility>
#include <zmq.hpp>

#include "common/wire/client_codec.hpp"
#include "daemon/door/accept_guard.hpp"
#include "daemon/door/endpoint.hpp"
#include "daemon/door/peers.hpp"

namespace promised {
namespace {

/// Room beside the arguments for the rest of a message.
constexpr std::int64_t kHeaderRoom = std::int64_t{64} << 10;
/// Replies that may wait for one client; above, it is too slow and loses its connection. More than decide
/// lets be under way (kDeliveryWindow).
constexpr int kMostWaitingReplies = 200'000;
constexpr int kMostWaitingRequests = 4096;
/// Connections of one user beyond those that become clients, so that one too many can be told so.
constexpr std::uint64_t kSpareConnections = 64;
/// Payloads below this are copied, which is cheaper than handing over an owner.
constexpr std::size_t kCopyBelow = 512;
constexpr int kLinger = 1000;  // milliseconds, for the last replies

// What epoll tells of the door's own fds; sessions have numbers from 1.
constexpr std::uint64_t kSocketTag = UINT64_MAX;
constexpr std::uint64_t kMonitorTag = UINT64_MAX - 1;
constexpr const char* kMonitorAddress = "inproc://promised-door-monitor";

Payload adopt(zmq::message_t&& message) {
  if (message.size() < kCopyBelow) return Payload(message.to_string_view());
  auto* owner = new zmq::message_t(std::move(message));
  return {owner->data<char>(), owner->size(), [](void* hint) { delete static_cast<zmq::message_t*>(hint); },
          owner};
}

/// What ZeroMQ has been lent for a peer.
struct Lent {
  Lent(Payload bytes, std::shared_ptr<Unread> of) : payload(std::move(bytes)), unread(std::move(of)) {
    *unread += payload.size();
  }
  ~Lent() { *unread -= payload.size(); }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;

  Payload payload;
  std::shared_ptr<Unread> unread;
};

zmq::message_t lend(const Payload& payload, const std::shared_ptr<Unread>& unread) {
  const std::string_view bytes = payload.view();
  if (bytes.size() < kCopyBelow) return {bytes.data(), bytes.size()};
  auto lent = std::make_unique<Lent>(payload, unread);
  // ZeroMQ only reads what it sends.
  zmq::message_t message(
      const_cast<char*>(bytes.data()), bytes.size(),
      [](void*, void* hint) { delete static_cast<Lent*>(hint); }, lent.get());
  static_cast<void>(lent.release());
  return message;
}

zmq::message_t lend(const std::string& header, const std::shared_ptr<Unread>& unread) {
  if (header.size() < kCopyBelow) return zmq::message_t(header);
  return lend(Payload(header), unread);
}

}  // namespace

struct Door::Impl {
  explicit Impl(Endpoint held) : endpoint(std::move(held)), epoll(::epoll_create1(EPOLL_CLOEXEC)) {}

  Result<void> bind(const Settings& settings);
  bool read_one(std::vector<Event>& events);
  void request(std::string_view routing_id, zmq::message_t& head, zmq::message_t* payload,
               std::vector<Event>& events);
  void read_processes(std::vector<Event>& events);
  void read_monitor();
  bool send_reply(const Peer& peer, const message::Reply& reply, const Payload& payload);
  bool send_frames(std::string_view routing_id, zmq::message_t header, zmq::message_t payload);
  void gone(SessionId session, event::Departure how, std::vector<Event>& events);

  Endpoint endpoint;
  Fd epoll;
  zmq::context_t context{1};
  zmq::socket_t socket{context, zmq::socket_type::router};
  zmq::socket_t monitor{context, zmq::socket_type::pair};
  Peers peers{epoll.get()};
  std::string buffer;  ///< for encoding
  std::uint64_t most_unread = 0;
  std::uint64_t garbage = 0;
};

Result<void> Door::Impl::bind(const Settings& settings) {
  const auto watch = [&](int fd, std::uint64_t tag) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = tag;
    return ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  };
  most_unread = settings.limits.max_unread;
  try {
    socket.set(zmq::sockopt::router_mandatory, true);
    socket.set(zmq::sockopt::linger, kLinger);
    socket.set(zmq::sockopt::sndhwm, kMostWaitingReplies);
    socket.set(zmq::sockopt::rcvhwm, kMostWaitingRequests);
    socket.set(zmq::sockopt::backlog, 1024);
    socket.set(zmq::sockopt::maxmsgsize,
               static_cast<std::int64_t>(settings.limits.max_message) + kHeaderRoom);
    if (::zmq_socket_monitor(socket.handle(), kMonitorAddress,
                             ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                 ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) != 0) {
      return Problem::of("system", std::string("cannot watch the endpoint: ") + zmq_strerror(zmq_errno()));
    }
    monitor.connect(kMonitorAddress);
    // Nobody may connect before the mode is as configured.
    const mode_t before = ::umask(0177);
    try {
      socket.bind("ipc://" + endpoint.path());
    } catch (...) {
      ::umask(before);
      throw;
    }
    ::umask(before);
  } catch (const zmq::error_t& e) {
    return Problem::of("system", "cannot bind ipc://" + endpoint.path() + ": " + e.what());
  }
  if (!epoll.valid() || !watch(socket.get(zmq::sockopt::fd), kSocketTag) ||
      !watch(monitor.get(zmq::sockopt::fd), kMonitorTag)) {
    return Problem::system("cannot watch the endpoint ipc://" + endpoint.path());
  }
  return endpoint.open_to(settings.endpoint_mode);
}

/// Takes one message; false if there is none.
bool Door::Impl::read_one(std::vector<Event>& events) {
  zmq::message_t routing_id;
  if (!socket.recv(routing_id, zmq::recv_flags::dontwait)) return false;
  std::array<zmq::message_t, 2> frames;
  std::size_t count = 0;
  for (bool more = routing_id.more(); more; ++count) {
    zmq::message_t extra;
    zmq::message_t& frame = count < frames.size() ? frames[count] : extra;
    // The frames of one message arrive together.
    if (!socket.recv(frame, zmq::recv_flags::dontwait)) break;
    more = frame.more();
  }
  if (count == 1 || count == 2) {
    request(routing_id.to_string_view(), frames[0], count == 2 ? &frames[1] : nullptr, events);
  } else {
    ++garbage;
  }
  return true;
}

void Door::Impl::request(std::string_view routing_id, zmq::message_t& head, zmq::message_t* payload,
                         std::vector<Event>& events) {
  // Asked of each message: a routing id can be chosen by the peer, the address cannot.
  const char* address = ::zmq_msg_gets(head.handle(), "Peer-Address");
  if (address == nullptr) address = "";
  auto decoded = wire::decode_request(head.to_string_view());
  Peer* peer = peers.find(routing_id, address);
  const auto refuse = [&](std::string code, std::string message) {
    buffer.clear();
    wire::encode({.number = wire::request_number(head.to_string_view()),
                  .delivery = 0,
                  .body = message::Refused{std::move(code), std::move(message), {}, State::unknown}},
                 buffer);
    send_frames(routing_id, zmq::message_t(buffer), {});
  };
  if (!decoded) {
    ++garbage;
    refuse(decoded.problem().code, decoded.problem().message);
    return;
  }
  if (peer == nullptr) {
    if (!std::holds_alternative<message::Hello>(decoded->body)) {
      refuse("no_session", "this connection has not said Hello, or the daemon has closed it");
      return;
    }
    if (const Peer* before = peers.holder(routing_id); before != nullptr)
      gone(before->session, event::Departure::for_now, events);
    peer = &peers.add(routing_id, address);
  }
  events.emplace_back(event::Requested{peer->session, peer->who, std::move(decoded).value(),
                                       payload == nullptr ? Payload() : adopt(std::move(*payload))});
}

void Door::Impl::gone(SessionId session, event::Departure how, std::vector<Event>& events) {
  peers.remove(session);
  events.emplace_back(event::SessionGone{session, how});
}

void Door::Impl::read_processes(std::vector<Event>& events) {
  std::array<epoll_event, 64> ready;
  const int count = ::epoll_wait(epoll.get(), ready.data(), static_cast<int>(ready.size()), 0);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t tag = ready[static_cast<std::size_t>(i)].data.u64;
    if (tag != kSocketTag && tag != kMonitorTag) gone(SessionId{tag}, event::Departure::for_good, events);
  }
}

void Door::Impl::read_monitor() {
  zmq::message_t frame;
  // An event is two frames: what, and where.
  while (monitor.recv(frame, zmq::recv_flags::dontwait)) {
    if (!frame.more()) continue;
    ++garbage;
  }
}

/// False if the peer is gone, or reads so slowly that it has to lose its session.
bool Door::Impl::send_reply(const Peer& peer, const message::Reply& reply, const Payload& payload) {
  buffer.clear();
  wire::encode(reply, buffer);
  const std::uint64_t unread = peer.unread->load();
  if (unread > 0 && unread + buffer.size() + payload.size() > most_unread) return false;
  return send_frames(peer.routing_id, lend(buffer, peer.unread), lend(payload, peer.unread));
}

bool Door::Impl::send_frames(std::string_view routing_id, zmq::message_t header, zmq::message_t payload) {
  try {
    // With ROUTER_MANDATORY the first frame fails when the peer is gone or has too many replies waiting; the
    // rest then follows it.
    if (!socket.send(zmq::message_t(routing_id), zmq::send_flags::sndmore | zmq::send_flags::dontwait))
      return false;
    socket.send(std::move(header), payload.empty() ? zmq::send_flags::none : zmq::send_flags::sndmore);
    if (!payload.empty()) socket.send(std::move(payload), zmq::send_flags::none);
  } catch (const zmq::error_t&) {
    return false;
  }
  return true;
}

Door::Door(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Door::~Door() = default;

Result<std::unique_ptr<Door>> Door::open(const Settings& settings) {
  PROMISED_ASSIGN(Endpoint endpoint, Endpoint::hold(settings.endpoint));
  auto impl = std::make_unique<Impl>(std::move(endpoint));
  PROMISED_TRY(accept_guard::start(settings.limits.max_clients_per_owner + kSpareConnections,
                                   settings.limits.max_message + 2 * kHeaderRoom));
  PROMISED_TRY(impl->bind(settings));
  return std::unique_ptr<Door>(new Door(std::move(impl)));
}

int Door::fd() const {
  return impl_->epoll.get();
}

bool Door::ready() const {
  return (impl_->socket.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0 ||
         (impl_->monitor.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0;
}

void Door::read(std::vector<Event>& events, std::size_t most, bool woken) {
  for (std::size_t i = 0; i < most && impl_->read_one(events); ++i) {
  }
  // After the messages: what a process said before it ended comes first.
  if (woken) impl_->read_processes(events);
  for (const SessionId session : impl_->peers.watch_again(std::chrono::steady_clock::now()))
    impl_->gone(session, event::Departure::for_good, events);
  impl_->read_monitor();
}

std::optional<Instant> Door::look_again_at() const {
  return impl_->peers.watch_again_at();
}

void Door::send(const effect::Send& e, std::vector<Event>& events) {
  const Peer* peer = impl_->peers.find(e.session);
  if (peer == nullptr) return;
  if (!impl_->send_reply(*peer, e.reply, e.payload))
    impl_->gone(e.session, event::Departure::for_now, events);
}

void Door::close(const effect::CloseSession& e) {
  impl_->peers.remove(e.session);
}

Door::Facts Door::facts() const {
  return {static_cast<std::uint32_t>(impl_->peers.size()), impl_->garbage, accept_guard::turned_away(),
          accept_guard::cut_off()};
}

}  // namespace promised
