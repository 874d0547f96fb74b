// SPDX-License-Identifier: Apache-2.0
// One connection to a daemon: a ZeroMQ DEALER that never reconnects. What comes after a disconnection is the
// session's business, on a new Connection: so the first message of each is a Hello, and nothing of an old one
// arrives late. Not thread-safe: used under the session's pump lock. The only file here, with its .cpp, that
// knows ZeroMQ.
#pragma once

#include <zmq.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/payload.hpp"

namespace promised::detail {

/// A received message: a header and perhaps a payload, kept where ZeroMQ has put them. Reused from one to the
/// next.
class Incoming {
 public:
  Incoming();
  ~Incoming();
  Incoming(const Incoming&) = delete;
  Incoming& operator=(const Incoming&) = delete;

  [[nodiscard]] std::string_view header();
  /// The payload with an owner of its own: a small one is copied, a large one is taken over. Once.
  [[nodiscard]] Payload take_payload();

 private:
  friend class Connection;
  zmq_msg_t header_, payload_;
};

/// ZeroMQ's context: its thread and its sockets.
class Context {
 public:
  Context();
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  [[nodiscard]] void* get() const { return context_; }

 private:
  void* context_;
};

class Connection {
 public:
  /// Begins to connect to an endpoint that resolved_endpoint() let pass.
  Connection(const Context& context, const std::string& endpoint);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  enum class Sent : std::uint8_t { sent, full };
  /// Queues a message, or says that too many are queued already: then look at writable() when fd() wakes.
  [[nodiscard]] Sent send(std::string_view header, const Payload& payload);
  /// False when there is nothing to receive.
  [[nodiscard]] bool receive(Incoming& message);
  [[nodiscard]] bool readable() const;
  [[nodiscard]] bool writable() const;

  enum class Status : std::uint8_t { connecting, connected, ended };
  /// How the connection stands, after reading what its monitor has reported.
  [[nodiscard]] Status status();

  /// Whether it has ever been connected, as far as status() has read.
  [[nodiscard]] bool was_connected() const { return was_connected_; }

  /// Wakes when a message or room to send may be there: edge-triggered in ZeroMQ's way, so look at readable()
  /// before sleeping on it, and after each send.
  [[nodiscard]] int fd() const { return fd_; }
  /// Wakes when status() may have changed; edge-triggered likewise.
  [[nodiscard]] int monitor_fd() const { return monitor_fd_; }

  /// How long what is queued may take to be sent after the destructor: zero by default.
  void linger(std::chrono::milliseconds time);

 private:
  [[nodiscard]] int events() const;
  void* socket_ = nullptr;
  void* monitor_ = nullptr;
  int fd_ = -1;
  int monitor_fd_ = -1;
  Status status_ = Status::connecting;
  bool was_connected_ = false;
};

}  // namespace promised::detail
