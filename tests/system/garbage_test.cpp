// SPDX-License-Identifier: Apache-2.0
// E1 Garbage on the endpoint, on every layer: it harms nobody.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <random>
#include <sstream>
#include <system_error>

#include "common/ids.hpp"
#include "common/wire/client_codec.hpp"
#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

// A bare connection to the daemon's socket, without ZeroMQ.
class RawConnection {
 public:
  explicit RawConnection(const TestDaemon& daemon) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const std::string path = daemon.socket_path().string();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::system_error(errno, std::generic_category(), path);
    }
  }
  // What the daemon does not take any more is lost, which is the point.
  void send(const std::string& bytes) const {
    std::string_view rest = bytes;
    while (!rest.empty()) {
      const ssize_t n = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  // What the daemon has sent by now.
  [[nodiscard]] std::string read() const {
    std::array<char, 4096> buffer{};
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : std::string();
  }
  // True once the daemon has closed the connection.
  [[nodiscard]] bool closed() const {
    std::array<char, 4096> buffer{};
    while (true) {
      const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return true;
      if (n < 0) return false;
    }
  }

 private:
  Fd fd_;
};

// ZMTP 3.0 by hand: the greeting without security, and the READY of a DEALER.
std::string zmtp_handshake() {
  std::string greeting("\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL", 16);
  greeting.resize(64, '\0');
  const std::string ready(
      "\x05READY\x0bSocket-Type\0\0\0\x06"
      "DEALER",
      28);
  return greeting + '\x04' + static_cast<char>(ready.size()) + ready;
}

// Introduces the connection, and waits for the daemon's READY: ZeroMQ takes no message before it.
void greet(const RawConnection& connection) {
  connection.send(zmtp_handshake());
  std::string answer;
  CHECK(eventually([&] { return (answer += connection.read()).find("READY") != std::string::npos; }));
}

// One ZMTP message of one frame.
std::string zmtp_message(const message::Request& request) {
  std::string body;
  wire::encode(request, body);
  REQUIRE(body.size() < 256);
  return std::string(1, '\0') + static_cast<char>(body.size()) + body;
}

// A DEALER that sends whatever frames it is told to.
class FrameSender {
 public:
  explicit FrameSender(const TestDaemon& daemon)
      : context_(zmq_ctx_new()), socket_(zmq_socket(context_, ZMQ_DEALER)) {
    const int linger = 5000;
    REQUIRE(zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof linger) == 0);
    REQUIRE(zmq_connect(socket_, daemon.endpoint().c_str()) == 0);
  }
  ~FrameSender() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  FrameSender(const FrameSender&) = delete;
  FrameSender& operator=(const FrameSender&) = delete;

  void send(const std::vector<std::string>& frames) const {
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const int more = i + 1 < frames.size() ? ZMQ_SNDMORE : 0;
      REQUIRE(zmq_send(socket_, frames[i].data(), frames[i].size(), more) ==
              static_cast<int>(frames[i].size()));
    }
  }

 private:
  void* context_;
  void* socket_;
};

std::string random_bytes(std::size_t size) {
  std::mt19937 generator(20260101);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(generator());
  return bytes;
}

void check_that_it_serves(Client& client) {
  CHECK(client.submit<std::int64_t>("add", 40, 2).result(kPatience) == 42);
}

}  // namespace

TEST_CASE("E1 frames that are no requests are counted and harm nobody") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  check_that_it_serves(client);
  CHECK(client.status().garbage == 0);
  {
    const FrameSender sender(daemon);
    sender.send({"this is no protobuf"});
    sender.send({random_bytes(100'000)});
    sender.send({"", "", ""});
    sender.send({"\xff\xff\xff\xff\xff", "payload"});
    CHECK(eventually([&] { return client.status().garbage == 4; }));
    check_that_it_serves(client);
  }
  check_that_it_serves(client);
  Client another = connect(daemon);
  check_that_it_serves(another);
}

TEST_CASE("E1 raw bytes on the socket harm nobody") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  std::vector<RawConnection> connections;
  for (const std::string& bytes :
       {random_bytes(1'000'000), std::string(100'000, '\0'), std::string(100'000, '\xff'),
        std::string("GET / HTTP/1.1\r\nHost: promised\r\n\r\n"), zmtp_handshake() + random_bytes(100'000)}) {
    connections.emplace_back(daemon).send(bytes);
    check_that_it_serves(client);
  }
  connections.clear();
  check_that_it_serves(client);
  CHECK(daemon.running());
}

TEST_CASE("E2 a frame that is announced larger than max_message ends its connection before memory is taken") {
  TestDaemon daemon(story_config().limit("max_message", "1MiB"));
  Client client = connect(daemon);
  for (const std::uint64_t announced :
       {std::uint64_t{2} << 20, std::uint64_t{1} << 40, ~std::uint64_t{0} >> 1}) {
    const RawConnection connection(daemon);
    greet(connection);
    std::string head(1, '\x02');  // one long frame
    for (int shift = 56; shift >= 0; shift -= 8) head += static_cast<char>(announced >> shift);
    connection.send(head + "the beginning of very much");
    CHECK(eventually([&] { return connection.closed(); }));
    check_that_it_serves(client);
  }
}

TEST_CASE("E2 a client that asks and does not read loses its session over max_unread, and harms nobody") {
  TestDaemon daemon(story_config().limit("max_unread", "1MiB").limit("max_result", "1MiB"));
  Client client = connect(daemon);
  for (int i = 0; i < 100; ++i) {
    client.submit<std::int64_t>(Options().remember("kept-" + std::to_string(i)), "add", i, i)
        .accepted(kPatience);
  }
  const RawConnection raw(daemon);
  greet(raw);
  raw.send(zmtp_message({1, 0, message::Hello{message::kClientProtocol, new_job_id(), "raw"}}));
  CHECK(eventually([&] { return client.status().clients == 2; }));
  std::string lists;
  for (std::uint64_t i = 0; i < 2000; ++i) lists += zmtp_message({i + 2, 0, message::List{}});
  raw.send(lists);
  CHECK(eventually([&] { return client.status().clients == 1; }));
  check_that_it_serves(client);
}

TEST_CASE("E2 a message of very many frames ends its connection before memory is taken") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const RawConnection tiny(daemon);
  greet(tiny);
  for (int i = 0; i < 9; ++i) tiny.send(std::string("\x01\x00", 2));
  CHECK(eventually([&] { return tiny.closed(); }));

  const RawConnection large(daemon);
  greet(large);
  const std::string head("\x03\x00\x00\x00\x00\x03\x00\x00\x00", 9);  // 48 MiB, and more to come
  for (int i = 0; i < 2; ++i) large.send(head + std::string(std::size_t{48} << 20, 'x'));
  CHECK(eventually([&] { return large.closed(); }));
  check_that_it_serves(client);
  CHECK(daemon.log().find(
            "connections closed so far because of what came over them: 1; it was not ZMTP 3, or a message of "
            "very many frames or of more than max_message (67108864) bytes: no client of promised sends "
            "that") != std::string::npos);
  CHECK(daemon.log().find("turned away") == std::string::npos);
  const std::string largest(std::size_t{60} << 20, 'x');
  CHECK(client.submit<std::string>("echo", largest).result(kPatience) == largest);
}

TEST_CASE("E2 a user with very many connections is turned away, and harms nobody") {
  TestDaemon daemon(story_config().limit("max_clients_per_owner", "4"));
  Client client = connect(daemon);
  check_that_it_serves(client);
  std::vector<RawConnection> crowd;
  const auto turned_away = [&] {
    return std::count_if(crowd.begin(), crowd.end(), [](const RawConnection& c) { return c.closed(); });
  };
  for (int i = 0; i < 200; ++i) crowd.emplace_back(daemon);
  CHECK(eventually([&] { return turned_away() > 100; }));
  check_that_it_serves(client);
  CHECK(eventually([&] { return daemon.log().find("connections turned away so far") != std::string::npos; }));
  crowd.clear();
  Client another = connect(daemon);
  check_that_it_serves(another);
}

// Sanitizers look at memory through a descriptor of their own, and report its lack as an error.
#ifndef PROMISED_SANITIZED
TEST_CASE("E2 a daemon that has no descriptor left turns connections away and goes on") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  check_that_it_serves(client);
  const rlimit few{64, 64};
  REQUIRE(::prlimit(daemon.pid(), RLIMIT_NOFILE, &few, nullptr) == 0);
  std::vector<RawConnection> crowd;
  for (int i = 0; i < 200; ++i) crowd.emplace_back(daemon);
  CHECK(eventually([&] {
    return std::count_if(crowd.begin(), crowd.end(), [](const RawConnection& c) { return c.closed(); }) > 100;
  }));
  check_that_it_serves(client);
  CHECK(daemon.running());
  crowd.clear();
  Client another = connect(daemon);
  check_that_it_serves(another);
}

TEST_CASE("S6 a process that ends is noticed though no descriptor was left to watch it, in a house at rest") {
  TestDaemon daemon(story_config(1));
  const std::filesystem::path fds = "/proc/" + std::to_string(daemon.pid()) + "/fd";
  const auto watched = [&] {
    std::size_t count = 0;
    for (const auto& fd : std::filesystem::directory_iterator(fds))
      count += std::filesystem::read_symlink(fd.path()).string().find("pidfd") != std::string::npos ? 1 : 0;
    return count;
  };
  const std::size_t watched_before = watched();
  // There is room for one descriptor more: the connection takes it.
  rlim_t lowest_free = 0;
  while (std::filesystem::exists(fds / std::to_string(lowest_free))) ++lowest_free;
  rlimit before{};
  REQUIRE(::prlimit(daemon.pid(), RLIMIT_NOFILE, nullptr, &before) == 0);
  const rlimit few{lowest_free + 1, before.rlim_max};
  REQUIRE(::prlimit(daemon.pid(), RLIMIT_NOFILE, &few, nullptr) == 0);

  const std::filesystem::path begun = daemon.directory() / "begun";
  const std::filesystem::path told = daemon.directory() / "told";
  const pid_t submitter = ::fork();
  REQUIRE(submitter >= 0);
  if (submitter == 0) {
    // Its connection is kept open by another process: of its end there is no other sign.
    Client client = connect(daemon);
    const auto job = client.submit(Options().abandon(Abandon::cancel).durability(Durability::memory),
                                   "tally_and_wait", begun.string(), (daemon.directory() / "gate").string());
    static_cast<void>(eventually([&] { return lines_in(begun) == 1; }));
    const pid_t worker = client.show(job.id(), kPatience).worker_pid;
    const pid_t keeper = ::fork();
    if (keeper == 0) {
      while (true) ::pause();
    }
    write_file(told, std::to_string(worker) + ' ' + std::to_string(keeper));
    ::_exit(0);
  }
  int status = -1;
  REQUIRE(::waitpid(submitter, &status, 0) == submitter);
  REQUIRE(status == 0);
  pid_t worker = 0;
  pid_t keeper = 0;
  std::istringstream(read_file(told)) >> worker >> keeper;
  REQUIRE(worker > 0);
  REQUIRE(keeper > 0);
  CHECK(watched() == watched_before);
  // Nobody asks the daemon anything meanwhile.
  CHECK(eventually([&] { return ::kill(worker, 0) != 0; }));
  ::kill(keeper, SIGKILL);
  REQUIRE(::prlimit(daemon.pid(), RLIMIT_NOFILE, &before, nullptr) == 0);
  Client client = connect(daemon);
  check_that_it_serves(client);
}
#endif

TEST_CASE("E1 connections that say nothing, or stop in the middle, harm nobody") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  std::vector<RawConnection> silent;
  for (int i = 0; i < 100; ++i) silent.emplace_back(daemon);
  const std::string handshake = zmtp_handshake();
  for (std::size_t size = 1; size < handshake.size(); size += 5) {
    silent.emplace_back(daemon).send(handshake.substr(0, size));
  }
  check_that_it_serves(client);
  Client another = connect(daemon);
  check_that_it_serves(another);
  silent.clear();
  check_that_it_serves(client);
}
