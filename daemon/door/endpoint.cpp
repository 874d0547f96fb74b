// SPDX-License-Identifier: Apache-2.0
#include "daemon/door/endpoint.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "common/fd.hpp"

namespace promised {
namespace {

constexpr std::string_view kScheme = "ipc://";

/// The pid of who answers on the socket; nothing if nobody does.
std::string answering(const std::string& path) {
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!socket.valid() || path.size() >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return "another process";
  return "process " + std::to_string(peer.pid);
}

Problem in_use(const std::string& path, const std::string& who) {
  return Problem::of("in_use", "the endpoint ipc://" + path + " is served by " + who +
                                   "; stop that one or choose another endpoint");
}

}  // namespace

Result<Endpoint> Endpoint::hold(const std::string& endpoint) {
  if (!endpoint.starts_with(kScheme) || endpoint.size() == kScheme.size()) {
    return Problem::of("config",
                       "expected an endpoint such as ipc:///run/promised/promised.sock, given " + endpoint);
  }
  const std::string path = endpoint.substr(kScheme.size());
  auto lock = LockFile::hold(path + ".lock");
  if (!lock.ok()) {
    if (lock.problem().code == "locked") return in_use(path, lock.problem().message);
    return Problem::of("system",
                       lock.problem().message +
                           "; the folder of the endpoint must exist and be writable for the daemon's user");
  }
  // Whoever serves there without such a lock is not driven away either.
  if (const std::string who = answering(path); !who.empty()) return in_use(path, who);
  return Endpoint(path, std::move(lock).value());
}

Endpoint::Endpoint(Endpoint&& other) noexcept
    : path_(std::move(other.path_)),
      opened_(std::exchange(other.opened_, std::nullopt)),
      lock_(std::move(other.lock_)) {}

Endpoint::~Endpoint() {
  // Under the lock. One that cannot be removed is as harmless as one that a killed daemon leaves.
  if (opened_ && file() == opened_) ::unlink(path_.c_str());
}

std::optional<Endpoint::File> Endpoint::file() const {
  struct stat found {};
  if (::lstat(path_.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return std::nullopt;
  return File{found.st_dev, found.st_ino};
}

Result<void> Endpoint::open_to(mode_t mode) {
  if (::chmod(path_.c_str(), mode) != 0) return Problem::system("cannot set the mode of " + path_);
  opened_ = file();
  return {};
}

}  // namespace promised
