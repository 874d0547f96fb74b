// SPDX-License-Identifier: Apache-2.0
#include "daemon/door/accept_guard.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <unordered_map>

#include "common/fd.hpp"
#include "daemon/door/zmtp_meter.hpp"

namespace promised::accept_guard {
namespace {

/// The connections of one user, by descriptor, each with the socket's inode: a descriptor that has been
/// closed shows another one, or none.
using Connections = std::unordered_map<int, ino_t>;

struct Guard {
  std::mutex mutex;
  Fd reserve;                                      // guarded by mutex
  std::uint64_t most_per_user = 0;                 // guarded by mutex; 0: no share
  std::unordered_map<uid_t, Connections> by_user;  // guarded by mutex
  std::atomic<std::uint64_t> turned_away{0};
  std::atomic<std::uint64_t> cut_off{0};
  std::atomic<std::uint64_t> most_bytes{0};
};

/// There is one accept4 in a process, so there is one guard.
Guard& guard() {
  // Never destroyed: ZeroMQ's thread may still be accepting when the process ends.
  static Guard& instance = *new Guard;
  return instance;
}

/// What has come over the connections that this thread has accepted: ZeroMQ's I/O thread both accepts and
/// receives, and a descriptor that is used again has been accepted again. Other threads have none.
using Meters = std::unordered_map<int, ZmtpMeter>;
thread_local Meters meters;

ino_t inode_of(int fd) {
  struct stat facts {};
  return ::fstat(fd, &facts) == 0 ? facts.st_ino : 0;
}

/// Whether the user of this connection may have one more; then it is counted.
bool take_in(Guard& g, int connection) {
  if (g.most_per_user == 0) return true;
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return true;  // not a local socket
  Connections& own = g.by_user[who.uid];
  if (own.size() >= g.most_per_user) {
    // Those that have ended are noticed here, where it matters.
    std::erase_if(own, [](const auto& c) { return inode_of(c.first) != c.second; });
    if (own.size() >= g.most_per_user) return false;
  }
  own[connection] = inode_of(connection);
  return true;
}

/// There is no descriptor left: takes the first connection that waits with the reserve, and closes it.
/// Otherwise it would be offered again at once, and for ever.
void turn_away_one(Guard& g, int listener) {
  if (!g.reserve.valid()) g.reserve.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  g.reserve.reset();
  const int refused = static_cast<int>(::syscall(SYS_accept4, listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (refused < 0) return;
  ::shutdown(refused, SHUT_RDWR);
  g.reserve.reset(refused);  // nobody can take the descriptor in between
  ++g.turned_away;
}

/// Another thread may have taken the reserve's descriptor while it was given up. The next one that there is
/// becomes the reserve: else nobody could be turned away any more.
bool becomes_reserve(Guard& g, int connection) {
  if (g.reserve.valid()) return false;
  g.reserve.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (g.reserve.valid()) return false;
  ::shutdown(connection, SHUT_RDWR);
  g.reserve.reset(connection);
  return true;
}

int accept(int listener, sockaddr* address, socklen_t* length, int flags) {
  const int connection = static_cast<int>(::syscall(SYS_accept4, listener, address, length, flags));
  if (connection < 0 && errno != EMFILE && errno != ENFILE) return connection;
  Guard& g = guard();
  const std::lock_guard lock(g.mutex);
  if (connection >= 0) {
    if (becomes_reserve(g, connection)) {
      ++g.turned_away;
      errno = ECONNABORTED;
      return -1;
    }
    if (take_in(g, connection)) {
      if (g.most_bytes > 0) meters.insert_or_assign(connection, ZmtpMeter(g.most_bytes));
      return connection;
    }
    ::close(connection);
    ++g.turned_away;
  } else {
    turn_away_one(g, listener);
  }
  errno = ECONNABORTED;  // as if the peer had gone before it was accepted
  return -1;
}

ssize_t receive(int socket, void* buffer, std::size_t size, int flags) {
  const ssize_t got = ::syscall(SYS_recvfrom, socket, buffer, size, flags, nullptr, nullptr);
  if (got <= 0 || meters.empty()) return got;
  const auto meter = meters.find(socket);
  if (meter == meters.end()) return got;
  if (meter->second.feed({static_cast<const char*>(buffer), static_cast<std::size_t>(got)})) return got;
  ++guard().cut_off;
  meters.erase(meter);
  errno = ECONNRESET;
  return -1;
}

}  // namespace

Result<void> start(std::uint64_t most_per_user, std::uint64_t most_bytes) {
  Guard& g = guard();
  const std::lock_guard lock(g.mutex);
  g.most_bytes = most_bytes;
  g.most_per_user = most_per_user;
  g.reserve.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!g.reserve.valid()) return Problem::system("cannot open /dev/null");
  return {};
}

std::uint64_t turned_away() {
  return guard().turned_away.load();
}

std::uint64_t cut_off() {
  return guard().cut_off.load();
}

}  // namespace promised::accept_guard

/// What ZeroMQ calls instead of the C library's.
extern "C" __attribute__((visibility("default"))) int accept4(int listener, sockaddr* address,
                                                              socklen_t* length, int flags) {
  return promised::accept_guard::accept(listener, address, length, flags);
}

extern "C" __attribute__((visibility("default"))) ssize_t recv(int socket, void* buffer, std::size_t size,
                                                               int flags) {
  return promised::accept_guard::receive(socket, buffer, size, flags);
}
