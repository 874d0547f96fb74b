// SPDX-License-Identifier: Apache-2.0
// The least that a broker can be: ZeroMQ's own proxy between a client and two workers over ipc, in processes
// of their own. It keeps nothing, knows nobody and watches nothing.
#include <zmq.h>

#include <cerrno>
#include <stdexcept>
#include <utility>

#include "bench/systems.hpp"

namespace promised::bench {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + zmq_strerror(zmq_errno()));
}

class Context {
 public:
  Context() : context_(zmq_ctx_new()) {}
  ~Context() { zmq_ctx_term(context_); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  [[nodiscard]] void* get() { return context_; }

 private:
  void* context_;
};

class Socket {
 public:
  Socket(Context& context, int type) : socket_(zmq_socket(context.get(), type)) {
    if (socket_ == nullptr) fail("cannot open a ZeroMQ socket");
    const int none = 0;  // no high-water mark, no lingering
    zmq_setsockopt(socket_, ZMQ_SNDHWM, &none, sizeof none);
    zmq_setsockopt(socket_, ZMQ_RCVHWM, &none, sizeof none);
    zmq_setsockopt(socket_, ZMQ_LINGER, &none, sizeof none);
  }
  ~Socket() { zmq_close(socket_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  void bind(const std::string& endpoint) {
    if (zmq_bind(socket_, endpoint.c_str()) != 0) fail("cannot bind " + endpoint);
  }
  void connect(const std::string& endpoint) {
    if (zmq_connect(socket_, endpoint.c_str()) != 0) fail("cannot connect to " + endpoint);
  }
  void send(const std::string& payload) {
    if (zmq_send(socket_, payload.data(), payload.size(), 0) < 0) fail("cannot send");
  }
  [[nodiscard]] std::string receive() {
    zmq_msg_t message;
    zmq_msg_init(&message);
    if (zmq_msg_recv(&message, socket_, 0) < 0) fail("no answer from the ZeroMQ chain");
    std::string payload(static_cast<const char*>(zmq_msg_data(&message)), zmq_msg_size(&message));
    zmq_msg_close(&message);
    return payload;
  }
  void set_timeout(std::chrono::milliseconds timeout) {
    const int ms = static_cast<int>(timeout.count());
    zmq_setsockopt(socket_, ZMQ_RCVTIMEO, &ms, sizeof ms);
  }
  [[nodiscard]] void* get() { return socket_; }

 private:
  void* socket_;
};

class ZeromqChain : public EchoSystem {
 public:
  explicit ZeromqChain(const std::filesystem::path& folder) : socket_(context_, ZMQ_DEALER) {
    std::filesystem::create_directories(folder);
    const std::string front = "ipc://" + (folder / "front").string();
    const std::string back = "ipc://" + (folder / "back").string();
    const auto role = [&](std::vector<std::string> arguments) {
      arguments.insert(arguments.begin(), {"/proc/self/exe", "--role"});
      return std::make_unique<Child>(std::move(arguments), folder / "log");
    };
    processes_.push_back(role({"zeromq-broker", front, back}));
    processes_.push_back(role({"zeromq-worker", back}));
    processes_.push_back(role({"zeromq-worker", back}));
    socket_.set_timeout(std::chrono::seconds(20));
    socket_.connect(front);
    warm_up();
  }

  std::string name() const override { return "ZeroMQ chain"; }
  std::string round_trip(const std::string& payload) override {
    socket_.send(payload);
    return socket_.receive();
  }
  std::uint64_t pipeline(const std::string& payload, Clock::time_point end) override {
    std::size_t under_way = 0;
    std::uint64_t done = 0;
    while (Clock::now() < end) {
      for (; under_way < kWindow; ++under_way) socket_.send(payload);
      for (std::size_t i = 0; i < kWindow / 4; ++i, --under_way, ++done) (void)socket_.receive();
    }
    for (; under_way > 0; --under_way, ++done) (void)socket_.receive();
    return done;
  }

 private:
  // Until both workers answer; before the second is connected the first gets everything.
  void warm_up() {
    const auto end = Clock::now() + std::chrono::milliseconds(300);
    while (Clock::now() < end) (void)round_trip("warm up");
  }

  std::vector<std::unique_ptr<Child>> processes_;
  Context context_;
  Socket socket_;
};

int run_broker(const std::string& front_endpoint, const std::string& back_endpoint) {
  Context context;
  Socket front(context, ZMQ_ROUTER);
  Socket back(context, ZMQ_DEALER);
  front.bind(front_endpoint);
  back.bind(back_endpoint);
  return zmq_proxy(front.get(), back.get(), nullptr);
}

int run_worker(const std::string& endpoint) {
  Context context;
  Socket socket(context, ZMQ_DEALER);
  socket.connect(endpoint);
  zmq_msg_t part;
  zmq_msg_init(&part);
  while (true) {
    if (zmq_msg_recv(&part, socket.get(), 0) < 0) return 1;
    const int more = zmq_msg_more(&part) != 0 ? ZMQ_SNDMORE : 0;
    if (zmq_msg_send(&part, socket.get(), more) < 0) return 1;
  }
}

}  // namespace

void add_zeromq_chain(Systems& systems, const std::filesystem::path& folder) {
  systems.echo.push_back(std::make_unique<ZeromqChain>(folder / "z"));
}

int run_zeromq_role(const std::vector<std::string>& arguments) {
  if (arguments.at(0) == "zeromq-broker") return run_broker(arguments.at(1), arguments.at(2));
  return run_worker(arguments.at(1));
}

}  // namespace promised::bench
