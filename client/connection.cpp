// SPDX-License-Identifier: Apache-2.0
#include "client/connection.hpp"

#include <promised/error.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>
#include <memory>

namespace promised::detail {
namespace {

/// Messages that libzmq may hold for a daemon that does not read them; the rest waits in the session.
constexpr int kSendQueue = 16384;
/// Milliseconds until libzmq would reconnect by itself (it adds up to as much again by chance).
constexpr int kNever = 86'400'000;
/// Payloads up to here are copied into the message; larger ones are shared with it.
constexpr std::size_t kCopied = 4096;

[[noreturn]] void fail(const std::string& what, int error = zmq_errno()) {
  throw Error(what + ": " + zmq_strerror(error));
}

void set(void* socket, int option, int value) {
  if (zmq_setsockopt(socket, option, &value, sizeof value) != 0) fail("cannot set a ZeroMQ socket option");
}

int get(void* socket, int option) {
  int value = 0;
  std::size_t size = sizeof value;
  if (zmq_getsockopt(socket, option, &value, &size) != 0) fail("cannot read a ZeroMQ socket option");
  return value;
}

void copy_into(zmq_msg_t& message, std::string_view bytes) {
  if (zmq_msg_init_size(&message, bytes.size()) != 0) fail("cannot make a message");
  if (!bytes.empty()) std::memcpy(zmq_msg_data(&message), bytes.data(), bytes.size());
}

void share_into(zmq_msg_t& message, const Payload& payload) {
  const std::string_view bytes = payload.view();
  void* const leaked = Payload(payload).leak();
  const auto release = [](void*, void* hint) { Payload::release(hint); };
  // ZeroMQ takes a pointer to bytes that it may change, but does not change them.
  if (zmq_msg_init_data(&message, const_cast<char*>(bytes.data()), bytes.size(), release, leaked) != 0) {
    const int error = zmq_errno();
    Payload::release(leaked);
    fail("cannot make a message", error);
  }
}

}  // namespace

Incoming::Incoming() {
  zmq_msg_init(&header_);
  zmq_msg_init(&payload_);
}

Incoming::~Incoming() {
  zmq_msg_close(&header_);
  zmq_msg_close(&payload_);
}

std::string_view Incoming::header() {
  return {static_cast<const char*>(zmq_msg_data(&header_)), zmq_msg_size(&header_)};
}

Payload Incoming::take_payload() {
  const std::size_t size = zmq_msg_size(&payload_);
  if (size <= kCopied) return Payload({static_cast<const char*>(zmq_msg_data(&payload_)), size});
  auto taken = std::make_unique<zmq_msg_t>();
  zmq_msg_init(taken.get());
  zmq_msg_move(taken.get(), &payload_);
  const auto release = [](void* hint) {
    const std::unique_ptr<zmq_msg_t> message(static_cast<zmq_msg_t*>(hint));
    zmq_msg_close(message.get());
  };
  const char* const data = static_cast<const char*>(zmq_msg_data(taken.get()));
  Payload payload(data, size, release, taken.get());
  static_cast<void>(taken.release());
  return payload;
}

Context::Context() : context_(zmq_ctx_new()) {
  if (context_ == nullptr) fail("cannot start ZeroMQ");
}

Context::~Context() {
  while (zmq_ctx_term(context_) != 0 && zmq_errno() == EINTR) {
  }
}

Connection::Connection(const Context& context, const std::string& endpoint) {
  socket_ = zmq_socket(context.get(), ZMQ_DEALER);
  if (socket_ == nullptr) fail("cannot make a ZeroMQ socket");
  try {
    set(socket_, ZMQ_LINGER, 0);
    set(socket_, ZMQ_SNDHWM, kSendQueue);
    // The daemon drops what a client does not read: read all at once, the futures want it anyway.
    set(socket_, ZMQ_RCVHWM, 0);
    set(socket_, ZMQ_RECONNECT_IVL, kNever);
    // Never used again: ZeroMQ frees an address some time after its socket was closed.
    static std::atomic<std::uint64_t> monitors{0};
    const std::string monitor_name = "inproc://monitor-" + std::to_string(++monitors);
    constexpr int kEvents = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED |
                            ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                            ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    if (zmq_socket_monitor(socket_, monitor_name.c_str(), kEvents) != 0) fail("cannot watch a ZeroMQ socket");
    monitor_ = zmq_socket(context.get(), ZMQ_PAIR);
    if (monitor_ == nullptr) fail("cannot make a ZeroMQ socket");
    set(monitor_, ZMQ_LINGER, 0);
    if (zmq_connect(monitor_, monitor_name.c_str()) != 0) fail("cannot watch a ZeroMQ socket");
    if (zmq_connect(socket_, endpoint.c_str()) != 0) fail("cannot connect to the endpoint " + endpoint);
    fd_ = get(socket_, ZMQ_FD);
    monitor_fd_ = get(monitor_, ZMQ_FD);
  } catch (...) {
    zmq_close(socket_);
    if (monitor_ != nullptr) zmq_close(monitor_);
    throw;
  }
}

Connection::~Connection() {
  zmq_socket_monitor(socket_, nullptr, 0);
  zmq_close(monitor_);
  zmq_close(socket_);
}

Connection::Sent Connection::send(std::string_view header, const Payload& payload) {
  const bool has_payload = !payload.empty();
  zmq_msg_t message;
  copy_into(message, header);
  if (zmq_msg_send(&message, socket_, ZMQ_DONTWAIT | (has_payload ? ZMQ_SNDMORE : 0)) < 0) {
    const int error = zmq_errno();
    zmq_msg_close(&message);
    if (error == EAGAIN) return Sent::full;
    fail("cannot send to the daemon", error);
  }
  if (!has_payload) return Sent::sent;
  if (payload.size() <= kCopied) {
    copy_into(message, payload.view());
  } else {
    share_into(message, payload);
  }
  // There is always room for the second part of a message whose first part was taken.
  if (zmq_msg_send(&message, socket_, ZMQ_DONTWAIT) < 0) {
    const int error = zmq_errno();
    zmq_msg_close(&message);
    fail("cannot send to the daemon", error);
  }
  return Sent::sent;
}

bool Connection::receive(Incoming& message) {
  while (zmq_msg_recv(&message.header_, socket_, ZMQ_DONTWAIT) < 0) {
    if (zmq_errno() == EAGAIN) return false;
    if (zmq_errno() != EINTR) fail("cannot receive from the daemon");
  }
  if (zmq_msg_more(&message.header_) == 0) {
    zmq_msg_close(&message.payload_);
    zmq_msg_init(&message.payload_);
    return true;
  }
  if (zmq_msg_recv(&message.payload_, socket_, ZMQ_DONTWAIT) < 0) fail("cannot receive from the daemon");
  // Further parts mean nothing in this protocol.
  int more = zmq_msg_more(&message.payload_);
  while (more != 0) {
    zmq_msg_t ignored;
    zmq_msg_init(&ignored);
    if (zmq_msg_recv(&ignored, socket_, ZMQ_DONTWAIT) < 0) fail("cannot receive from the daemon");
    more = zmq_msg_more(&ignored);
    zmq_msg_close(&ignored);
  }
  return true;
}

int Connection::events() const {
  return get(socket_, ZMQ_EVENTS);
}
bool Connection::readable() const {
  return (events() & ZMQ_POLLIN) != 0;
}
bool Connection::writable() const {
  return (events() & ZMQ_POLLOUT) != 0;
}

Connection::Status Connection::status() {
  zmq_msg_t event;
  zmq_msg_init(&event);
  while (zmq_msg_recv(&event, monitor_, ZMQ_DONTWAIT) >= 0) {
    // The first part begins with the event's number in 16 bits; the second is the address.
    if (zmq_msg_more(&event) == 0) continue;
    std::uint16_t number = 0;
    std::memcpy(&number, zmq_msg_data(&event), sizeof number);
    if (number == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      was_connected_ = true;
      if (status_ == Status::connecting) status_ = Status::connected;
    } else {
      status_ = Status::ended;
    }
  }
  zmq_msg_close(&event);
  return status_;
}

void Connection::linger(std::chrono::milliseconds time) {
  constexpr std::chrono::milliseconds kMost{INT_MAX};
  set(socket_, ZMQ_LINGER, static_cast<int>(std::clamp(time, std::chrono::milliseconds(0), kMost).count()));
}

}  // namespace promised::detail
