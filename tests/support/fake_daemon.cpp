// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_daemon.hpp"

#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include <array>
#include <stdexcept>
#include <utility>

#include "common/ids.hpp"
#include "common/wire/client_codec.hpp"
#include "common/wire/value_codec.hpp"

namespace promised::test {
namespace {

void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string("fake daemon: ") + what + ": " + zmq_strerror(zmq_errno()));
}

std::string text_of(zmq_msg_t& message) {
  return {static_cast<const char*>(zmq_msg_data(&message)), zmq_msg_size(&message)};
}

void send_frame(void* socket, const std::string& bytes, int flags) {
  // A client that is gone: the ROUTER drops it, as a daemon's does.
  check(zmq_send(socket, bytes.data(), bytes.size(), flags) >= 0, "cannot send");
}

}  // namespace

FakeDaemon::FakeDaemon(std::string endpoint, Script script)
    : endpoint_(std::move(endpoint)),
      context_(zmq_ctx_new()),
      event_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      script_(std::move(script)) {
  start();
}

FakeDaemon::~FakeDaemon() {
  stop();
  zmq_ctx_term(context_);
  ::close(event_fd_);
}

void FakeDaemon::start() {
  socket_ = zmq_socket(context_, ZMQ_ROUTER);
  check(socket_ != nullptr, "no socket");
  const int none = 0;
  zmq_setsockopt(socket_, ZMQ_LINGER, &none, sizeof none);
  zmq_setsockopt(socket_, ZMQ_SNDHWM, &none, sizeof none);
  zmq_setsockopt(socket_, ZMQ_RCVHWM, &none, sizeof none);
  check(zmq_bind(socket_, endpoint_.c_str()) == 0, "cannot bind");
  stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void FakeDaemon::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  eventfd_write(event_fd_, 1);
  thread_.join();
}

void FakeDaemon::become(Script script) {
  const std::lock_guard lock(mutex_);
  script_ = std::move(script);
}

void FakeDaemon::forget_record() {
  const std::lock_guard lock(mutex_);
  record_.clear();
}

void FakeDaemon::send(const std::string& to, message::Reply reply, std::string payload) {
  Outgoing out{to, {}, std::move(payload)};
  wire::encode(reply, out.header);
  {
    const std::lock_guard lock(mutex_);
    outgoing_.push_back(std::move(out));
  }
  eventfd_write(event_fd_, 1);
}

void FakeDaemon::send_raw(const std::string& to, std::string bytes) {
  {
    const std::lock_guard lock(mutex_);
    outgoing_.push_back({to, std::move(bytes), {}});
  }
  eventfd_write(event_fd_, 1);
}

void FakeDaemon::run() {
  while (true) {
    std::array<zmq_pollitem_t, 2> items{{{socket_, 0, ZMQ_POLLIN, 0}, {nullptr, event_fd_, ZMQ_POLLIN, 0}}};
    zmq_poll(items.data(), static_cast<int>(items.size()), -1);
    eventfd_t count = 0;
    eventfd_read(event_fd_, &count);
    receive_all();
    send_all();
    const std::lock_guard lock(mutex_);
    if (stopping_) break;
  }
  zmq_close(socket_);
}

void FakeDaemon::receive_all() {
  while (true) {
    std::vector<std::string> frames;
    int more = 1;
    while (more != 0) {
      zmq_msg_t frame;
      zmq_msg_init(&frame);
      if (zmq_msg_recv(&frame, socket_, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&frame);
        return;
      }
      more = zmq_msg_more(&frame);
      frames.push_back(text_of(frame));
      zmq_msg_close(&frame);
    }
    Result<message::Request> request = wire::decode_request(frames.at(1));
    if (!request) throw std::runtime_error("fake daemon: " + request.problem().message);
    const Message message{frames[0], std::move(*request), frames.size() > 2 ? frames[2] : ""};
    Script script;
    {
      const std::lock_guard lock(mutex_);
      record_.push_back(message);
      script = script_;
    }
    script(*this, message);
  }
}

void FakeDaemon::send_all() {
  std::vector<Outgoing> out;
  {
    const std::lock_guard lock(mutex_);
    out.swap(outgoing_);
  }
  for (const Outgoing& o : out) {
    send_frame(socket_, o.to, ZMQ_SNDMORE);
    send_frame(socket_, o.header, o.payload.empty() ? 0 : ZMQ_SNDMORE);
    if (!o.payload.empty()) send_frame(socket_, o.payload, 0);
  }
}

message::Ended succeeded(const JobId& id) {
  return {id, State::succeeded, {}, {}};
}

std::string encoded(const Value& value) {
  return *wire::encode(value);
}

namespace {

void serve_submit(FakeDaemon& daemon, const FakeDaemon::Message& m, const message::Submit& submit) {
  if (submit.function == "silent") return;
  if (submit.function == "refuse") {
    daemon.answer(m, message::Refused{"no_function", "no pool offers refuse", {}, State::unknown});
    return;
  }
  daemon.answer(m, message::Accepted{{m.request.number}});
  if (submit.function == "hold") return;
  if (submit.function == "fail") {
    Failure failure;
    failure.cause = Cause::exception;
    failure.type = "std::runtime_error";
    failure.message = "disk full";
    failure.output = "line 1\nline 2\n";
    daemon.answer(m, message::Ended{submit.id, State::failed, failure, {}});
    return;
  }
  Value value;
  if (submit.function == "echo") value = wire::decode_arguments(m.payload)->positional.at(0);
  daemon.answer(m, succeeded(submit.id), encoded(value));
}

}  // namespace

void FakeDaemon::serve(FakeDaemon& daemon, const Message& m) {
  const auto known = [&](const message::Key& key) {
    daemon.answer(m, message::Known{key.id, State::pending, true});
  };
  if (std::holds_alternative<message::Hello>(m.request.body)) {
    message::Welcome welcome;
    welcome.version = "fake";
    welcome.daemon = new_job_id();
    daemon.answer(m, welcome);
  } else if (const auto* submit = std::get_if<message::Submit>(&m.request.body)) {
    serve_submit(daemon, m, *submit);
  } else if (const auto* watch = std::get_if<message::Watch>(&m.request.body)) {
    known(watch->key);
  } else if (const auto* cancel = std::get_if<message::Cancel>(&m.request.body)) {
    known(cancel->key);
  } else if (const auto* forget = std::get_if<message::Forget>(&m.request.body)) {
    known(forget->key);
  } else if (const auto* remember = std::get_if<message::Remember>(&m.request.body)) {
    known({remember->id, {}});
  } else if (const auto* adjust = std::get_if<message::Adjust>(&m.request.body)) {
    known({adjust->id, {}});
  }
}

}  // namespace promised::test
