// SPDX-License-Identifier: Apache-2.0
// I6 through the real daemon: what a worker in a sandbox can reach of what processes share and talk through.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "common/fd.hpp"
#include "tests/system/sandbox.hpp"

using namespace promised;
using namespace promised::test;

namespace {

// What processes share, under names of this process: gone with this object.
class Shared {
 public:
  Shared()
      : memory_(::shmget(key_, 4096, IPC_CREAT | IPC_EXCL | 0600)),
        semaphores_(::semget(key_, 1, IPC_CREAT | IPC_EXCL | 0600)),
        queue_(::msgget(key_, IPC_CREAT | IPC_EXCL | 0600)),
        posix_(::mq_open(name_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, nullptr)) {
    REQUIRE(std::min({memory_, semaphores_, queue_, posix_.get()}) >= 0);
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() {
    ::shmctl(memory_, IPC_RMID, nullptr);
    ::semctl(semaphores_, 0, IPC_RMID);
    ::msgctl(queue_, IPC_RMID, nullptr);
    ::mq_unlink(name_.c_str());
  }
  [[nodiscard]] std::int32_t key() const { return key_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::int32_t key_ = 0x50000000 + ::getpid();
  std::string name_ = "/promised-test-" + std::to_string(::getpid());
  int memory_, semaphores_, queue_;
  Fd posix_;
};

// A folder that is there as long as this lives, and goes with it if it was not there before.
class Folder {
 public:
  explicit Folder(const char* path) : path_(path), made_(std::filesystem::create_directory(path)) {}
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code none;
    if (made_) std::filesystem::remove(path_, none);
  }

 private:
  const char* path_;
  bool made_;
};

// A Unix socket at which somebody listens as long as this lives; '@' begins a name that is in no file system.
class UnixListener {
 public:
  explicit UnixListener(const std::string& name) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(name.size() < sizeof address.sun_path);
    name.copy(address.sun_path, name.size());
    if (name.starts_with('@')) address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(fd_.get(), 1) == 0);
  }

 private:
  Fd fd_;
};

}  // namespace

TEST_CASE("I6 in the strict sandbox nothing is shared with processes outside, by System V or POSIX names") {
  for (const auto& [level, error] :
       {std::pair<const char*, std::int64_t>{"default", 0}, {"strict", ENOENT}}) {
    CAPTURE(level);
    TestDaemon daemon(sandboxed(level));
    Client client = connect(daemon);
    const Shared shared;
    const auto found = client.submit<Numbers>("find_shared", shared.key(), shared.name()).result(kPatience);
    CHECK(found.size() == 4);
    for (const auto& [what, result] : found) {
      CAPTURE(what);
      CHECK(result == error);
    }
  }
}

TEST_CASE("I6 in the strict sandbox message queues of others cannot be read as files" *
          doctest::skip(::geteuid() != 0)) {
  const Folder queues("/dev/mqueue");
  for (const auto& [level, error] :
       {std::pair<const char*, std::int64_t>{"default", 0}, {"strict", ENOENT}}) {
    CAPTURE(level);
    OwnMounts mounts;
    mounts.mount("mqueue", "/dev/mqueue");
    TestDaemon daemon(sandboxed(level));
    Client client = connect(daemon);
    const Shared shared;
    CHECK(number(client, "open", "/dev/mqueue" + shared.name()) == error);
  }
}

TEST_CASE("I6 in the strict sandbox there are only such sockets as a program without a network needs") {
  TestDaemon daemon(sandboxed("strict"));
  Client client = connect(daemon);
  const auto error_of = [&](int family, int type = SOCK_DGRAM, int protocol = 0) {
    return client.submit<std::int64_t>("socket_of", family, type, protocol).result(kPatience);
  };
  for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}) {
    CAPTURE(family);
    CHECK(error_of(family) == 0);
  }
  for (const int family : {AF_UNSPEC, AF_AX25, AF_X25, AF_KEY, AF_PACKET, AF_RDS, AF_TIPC, AF_BLUETOOTH,
                           AF_ALG, AF_VSOCK, AF_XDP, 0x7fff, -1}) {
    CAPTURE(family);
    CHECK(error_of(family) == EAFNOSUPPORT);
    CHECK(client.submit<std::int64_t>("socket_pair_of", family).result(kPatience) == EAFNOSUPPORT);
  }
  for (const int protocol : {NETLINK_SOCK_DIAG, NETLINK_AUDIT, NETLINK_NETFILTER, NETLINK_GENERIC}) {
    CAPTURE(protocol);
    CHECK(error_of(AF_NETLINK, SOCK_RAW, protocol) == EPROTONOSUPPORT);
  }
  CHECK(client.submit<std::int64_t>("socket_pair_of", AF_UNIX).result(kPatience) == 0);
}

TEST_CASE("I6 in the strict sandbox FIFOs and sockets in the file system are open to whom their mode says") {
  TestDaemon daemon(sandboxed("strict"));
  Client client = connect(daemon);
  const Targets targets;
  const std::string path = targets.elsewhere.string();
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const Fd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  CHECK(number(client, "open_to_write", path) == 0);
  REQUIRE(::chmod(path.c_str(), 0400) == 0);
  CHECK(number(client, "open_to_write", path) == EACCES);
  std::filesystem::remove(path);
  const UnixListener listener(path);
  CHECK(number(client, "connect_at", path) == 0);
  REQUIRE(::chmod(path.c_str(), 0400) == 0);
  CHECK(number(client, "connect_at", path) == EACCES);
  const std::string name = "@promised-test-" + std::to_string(::getpid());
  const UnixListener abstract(name);
  CHECK(number(client, "connect_at", name) == ECONNREFUSED);
}
