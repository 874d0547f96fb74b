// SPDX-License-Identifier: Apache-2.0
// A daemon for tests of the client library: a ROUTER in a thread that speaks the protocol and does what the
// test says. By itself it welcomes clients and lets every function end as its name asks for: see serve().
#pragma once

#include <promised/value.hpp>

#include <chrono>
#include <cstdint>
#include <functional>

#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "common/messages.hpp"
#include "tests/support/eventually.hpp"

namespace promised::test {

class FakeDaemon {
 public:
  struct Message {
    std::string from;  ///< the connection
    message::Request request;
    std::string payload;
  };
  /// Called on the daemon's thread for each request; answers with send().
  using Script = std::function<void(FakeDaemon&, const Message&)>;

  /// Listens on `endpoint`.
  explicit FakeDaemon(std::string endpoint, Script script = serve);
  ~FakeDaemon();
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  /// Closes the socket, as a daemon that is killed does. What was received stays on record.
  void stop();
  /// Listens again.
  void start();
  /// What to do from now on.
  void become(Script script);

  /// Hello: Welcome. Submit: "echo" succeeds with its first argument; "hold" is accepted; "silent" gets no
  /// answer; "refuse" is refused as no_function; "fail" fails with an exception; anything else likewise is
  /// accepted and succeeds with null. Watch: Known{pending}. Cancel, Forget: Known with effect. Remember,
  /// Adjust: Known.
  static void serve(FakeDaemon& daemon, const Message& message);

  /// Sends an answer; from any thread.
  void send(const std::string& to, message::Reply reply, std::string payload = {});
  /// The same for a body that answers `message`.
  template <class Body>
  void answer(const Message& message, Body body, std::string payload = {}, std::uint64_t delivery = 0) {
    message::Reply reply;
    reply.number = message.request.number;
    reply.delivery = delivery;
    reply.body = std::move(body);
    send(message.from, std::move(reply), std::move(payload));
  }
  /// Sends bytes that need not be an answer.
  void send_raw(const std::string& to, std::string bytes);

  /// All requests so far with a Body.
  template <class Body>
  [[nodiscard]] std::vector<Message> received() const {
    const std::lock_guard lock(mutex_);
    std::vector<Message> out;
    for (const Message& m : record_) {
      if (std::holds_alternative<Body>(m.request.body)) out.push_back(m);
    }
    return out;
  }
  /// The request with a Body that came as the `nth` (from 1), once it has come; throws std::runtime_error if
  /// it does not.
  template <class Body>
  [[nodiscard]] Message wait_for(std::size_t nth = 1) const {
    std::vector<Message> seen;
    if (!eventually([&] { return (seen = received<Body>()).size() >= nth; })) {
      throw std::runtime_error("the fake daemon has seen " + std::to_string(seen.size()) +
                               " such requests, not " + std::to_string(nth));
    }
    return seen[nth - 1];
  }
  /// How many requests there are on record.
  [[nodiscard]] std::size_t requests() const {
    const std::lock_guard lock(mutex_);
    return record_.size();
  }
  void forget_record();
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }

 private:
  struct Outgoing {
    std::string to, header, payload;
  };
  void run();
  void receive_all();
  void send_all();

  const std::string endpoint_;
  void* context_;
  void* socket_ = nullptr;  ///< the thread's
  int event_fd_;
  mutable std::mutex mutex_;
  Script script_;
  std::vector<Message> record_;
  std::vector<Outgoing> outgoing_;
  bool stopping_ = false;
  std::thread thread_;
};

/// What serve() answers with: the job has succeeded, and its value as the payload.
[[nodiscard]] message::Ended succeeded(const JobId& id);
[[nodiscard]] std::string encoded(const Value& value);

}  // namespace promised::test
