// SPDX-License-Identifier: Apache-2.0
// beanstalkd with its binlog, spoken to in its own protocol over loopback: how many puts it takes a second.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "bench/systems.hpp"
#include "common/fd.hpp"

namespace promised::bench {
namespace {

// Puts under way on one connection. It answers each after its fsync, so that more of them would only be a
// longer queue.
constexpr std::size_t kPuts = 100;

class Beanstalkd {
 public:
  Beanstalkd(const std::filesystem::path& folder, const std::string& sync) : port_(free_port()) {
    std::filesystem::create_directories(folder / "binlog");
    child_ = std::make_unique<Child>(
        std::vector<std::string>{"beanstalkd", "-l", "127.0.0.1", "-p", std::to_string(port_), "-b",
                                 (folder / "binlog").string(), sync},
        folder / "log");
    wait_for_port(*child_, port_);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  void expect_alive() { child_->expect_alive(); }

 private:
  std::uint16_t port_;
  std::unique_ptr<Child> child_;
};

// One connection: puts go out, "INSERTED <id>\r\n" comes back, in order.
class Connection {
 public:
  explicit Connection(std::uint16_t port) : fd_(connect_to(port)) {
    if (!fd_.valid()) throw std::runtime_error("cannot connect to beanstalkd");
  }

  void put(const std::string& command, std::size_t times) {
    std::string bytes;
    for (std::size_t i = 0; i < times; ++i) bytes += command;
    std::string_view rest = bytes;
    while (!rest.empty()) {
      const ssize_t n = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n < 0 && errno != EINTR)
        throw std::runtime_error(std::string("beanstalkd: ") + std::strerror(errno));
      if (n > 0) rest.remove_prefix(static_cast<std::size_t>(n));
    }
    waiting_ += times;
  }

  // Waits for at least one answer, and counts all that are here.
  [[nodiscard]] std::uint64_t receive() {
    std::array<char, 65536> buffer;
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (n <= 0) throw std::runtime_error("beanstalkd has closed the connection");
    std::uint64_t inserted = 0;
    for (const char c : std::string_view(buffer.data(), static_cast<std::size_t>(n))) {
      if (c != '\n') {
        if (line_.size() < 64) line_.push_back(c);
        continue;
      }
      if (!line_.starts_with("INSERTED ")) throw std::runtime_error("beanstalkd answers " + line_);
      line_.clear();
      ++inserted;
    }
    waiting_ -= inserted;
    return inserted;
  }

  [[nodiscard]] std::size_t waiting() const { return waiting_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Fd fd_;
  std::string line_;
  std::size_t waiting_ = 0;
};

std::string put_command(const std::string& payload) {
  return "put 0 0 60 " + std::to_string(payload.size()) + "\r\n" + payload + "\r\n";
}

// One connection with `window` puts under way.
class OneConnection : public AcceptSystem {
 public:
  OneConnection(std::shared_ptr<Beanstalkd> beanstalkd, std::string name, std::size_t window)
      : beanstalkd_(std::move(beanstalkd)),
        name_(std::move(name)),
        window_(window),
        connection_(beanstalkd_->port()) {}

  std::string name() const override { return name_; }
  std::uint64_t accept(const std::string& payload, Clock::time_point end) override {
    const std::string command = put_command(payload);
    std::uint64_t accepted = 0;
    while (Clock::now() < end) {
      connection_.put(command, window_ - connection_.waiting());
      accepted += connection_.receive();
    }
    while (connection_.waiting() > 0) accepted += connection_.receive();
    return accepted;
  }

 private:
  std::shared_ptr<Beanstalkd> beanstalkd_;  // shared by the modes
  std::string name_;
  std::size_t window_;
  Connection connection_;
};

// Several connections with one put under way on each.
class ManyConnections : public AcceptSystem {
 public:
  ManyConnections(std::shared_ptr<Beanstalkd> beanstalkd, std::string name, std::size_t connections)
      : beanstalkd_(std::move(beanstalkd)), name_(std::move(name)) {
    for (std::size_t i = 0; i < connections; ++i) {
      connections_.push_back(std::make_unique<Connection>(beanstalkd_->port()));
      polls_.push_back({connections_.back()->fd(), POLLIN, 0});
    }
  }

  std::string name() const override { return name_; }
  std::uint64_t accept(const std::string& payload, Clock::time_point end) override {
    const std::string command = put_command(payload);
    std::uint64_t accepted = 0;
    for (auto& connection : connections_) connection->put(command, 1);
    while (Clock::now() < end) {
      if (::poll(polls_.data(), polls_.size(), -1) < 0 && errno != EINTR)
        throw std::runtime_error("poll failed");
      for (std::size_t i = 0; i < polls_.size(); ++i) {
        if ((polls_[i].revents & POLLIN) == 0) continue;
        accepted += connections_[i]->receive();
        connections_[i]->put(command, 1 - connections_[i]->waiting());
      }
    }
    for (auto& connection : connections_) {
      while (connection->waiting() > 0) accepted += connection->receive();
    }
    return accepted;
  }

 private:
  std::shared_ptr<Beanstalkd> beanstalkd_;
  std::string name_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<pollfd> polls_;
};

}  // namespace

void add_beanstalkd(Systems& systems, const std::filesystem::path& folder) {
  if (find_program("beanstalkd").empty()) {
    systems.missing.emplace_back("beanstalkd is not installed (beanstalkd)");
    return;
  }
  for (const std::string sync : {"-f0", "-f50"}) {
    const auto beanstalkd = std::make_shared<Beanstalkd>(folder / ("b" + sync), sync);
    systems.alive.emplace_back([beanstalkd] { beanstalkd->expect_alive(); });
    const std::string name = "beanstalkd " + sync;
    systems.accept.push_back(std::make_unique<OneConnection>(beanstalkd, name + ", one at a time", 1));
    systems.accept.push_back(std::make_unique<OneConnection>(beanstalkd, name + ", pipelined", kPuts));
    systems.accept.push_back(std::make_unique<ManyConnections>(beanstalkd, name + ", 16 connections", 16));
  }
}

}  // namespace promised::bench
