// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/spawner_wire.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

namespace promised::spawner_wire {
namespace {

// Numbers as they lie in memory, texts behind their length: both ends are the same program on the same
// machine.
class Writer {
 public:
  template <class T>
  requires std::is_arithmetic_v<T>
  void number(T n) { out_.append(reinterpret_cast<const char*>(&n), sizeof n); }
  void text(std::string_view text) {
    number(static_cast<std::uint64_t>(text.size()));
    out_ += text;
  }
  void texts(const std::vector<std::string>& texts) {
    number(static_cast<std::uint64_t>(texts.size()));
    for (const std::string& t : texts) text(t);
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// Once something did not fit, all that follows is zero and empty, and done() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <class T>
  T number() {
    T n{};
    if (const std::string_view raw = take(sizeof n); !raw.empty()) std::memcpy(&n, raw.data(), sizeof n);
    return n;
  }
  std::string text() { return std::string(take(number<std::uint64_t>())); }
  std::vector<std::string> texts() {
    std::vector<std::string> texts;
    for (auto left = number<std::uint64_t>(); left > 0 && ok_; --left) texts.push_back(text());
    return texts;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool done() const { return ok_ && bytes_.empty(); }

 private:
  std::string_view take(std::uint64_t size) {
    if (!ok_ || size > bytes_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }

  std::string_view bytes_;
  bool ok_ = true;
};

Problem garbage(std::string_view what) {
  return Problem::of("garbage",
                     "expected " + std::string(what) + " between daemon and spawner, found something else");
}

template <class T>
Result<T> checked(const Reader& reader, T value, std::string_view what) {
  if (!reader.done()) return garbage(what);
  return value;
}

enum class Kind : std::uint8_t {
  spawn = 1,
  kill = 2,
  spawned = 3,
  failed = 4,
  exited = 5,
  take_over = 6,
  taken_over = 7
};

void write(Writer& out, Kind kind, WorkerId worker) {
  out.number(static_cast<std::uint8_t>(kind));
  out.number(static_cast<std::uint32_t>(worker));
}

}  // namespace

std::string encode(const Order& order) {
  Writer out;
  if (const auto* spawn = std::get_if<SpawnOrder>(&order)) {
    write(out, Kind::spawn, spawn->worker);
  } else if (const auto* take = std::get_if<TakeOverOrder>(&order)) {
    write(out, Kind::take_over, {});
    out.text(take->state);
    out.number(static_cast<std::uint64_t>(take->users.size()));
    for (const uid_t user : take->users) out.number(user);
  } else {
    const auto& kill = std::get<KillOrder>(order);
    write(out, Kind::kill, kill.worker);
    out.number(kill.signal);
  }
  return out.take();
}

Result<Order> decode_order(std::string_view bytes) {
  Reader in(bytes);
  const auto kind = static_cast<Kind>(in.number<std::uint8_t>());
  const auto worker = static_cast<WorkerId>(in.number<std::uint32_t>());
  if (kind == Kind::spawn) return checked(in, Order(SpawnOrder{worker}), "an order");
  if (kind == Kind::take_over) {
    TakeOverOrder take{in.text(), {}};
    for (auto left = in.number<std::uint64_t>(); left > 0 && in.ok(); --left)
      take.users.push_back(in.number<uid_t>());
    return checked(in, Order(std::move(take)), "an order");
  }
  if (kind != Kind::kill) return garbage("an order");
  const KillOrder kill{worker, in.number<int>()};
  return checked(in, Order(kill), "an order");
}

Result<std::string> encode(const SpawnRequest& request) {
  Writer out;
  out.text(request.program);
  out.texts(request.arguments);
  out.texts(request.environment);
  out.text(request.directory);
  out.text(request.user);
  out.number(request.memory_limit);
  out.number(request.open_files);
  out.number(request.processes);
  out.number(request.core_size);
  out.number(request.nice);
  out.number(static_cast<std::uint8_t>(request.sandbox));
  std::string bytes = out.take();
  if (bytes.size() > kMaxRequest) {
    return Problem::of("too_large", request.program + ": arguments and environment have " +
                                        std::to_string(bytes.size()) + " bytes; at most " +
                                        std::to_string(kMaxRequest) + " are possible");
  }
  return bytes;
}

Result<SpawnRequest> decode_request(std::string_view bytes) {
  Reader in(bytes);
  SpawnRequest request;
  request.program = in.text();
  request.arguments = in.texts();
  request.environment = in.texts();
  request.directory = in.text();
  request.user = in.text();
  request.memory_limit = in.number<std::uint64_t>();
  request.open_files = in.number<std::uint64_t>();
  request.processes = in.number<std::uint64_t>();
  request.core_size = in.number<std::uint64_t>();
  request.nice = in.number<std::int32_t>();
  const auto sandbox = in.number<std::uint8_t>();
  // What is no level must not become a weak one.
  if (sandbox > static_cast<std::uint8_t>(Sandbox::strict)) return garbage("a sandbox level");
  request.sandbox = static_cast<Sandbox>(sandbox);
  return checked(in, std::move(request), "a request to start a worker");
}

std::string encode(const SpawnerReport& report) {
  Writer out;
  if (const auto* spawned = std::get_if<Spawned>(&report)) {
    write(out, Kind::spawned, spawned->worker);
    out.number(spawned->pid);
  } else if (const auto* failed = std::get_if<SpawnFailed>(&report)) {
    write(out, Kind::failed, failed->worker);
    out.text(std::string_view(failed->reason).substr(0, kMaxDatagram / 2));
  } else {
    const auto& exited = std::get<Exited>(report);
    write(out, Kind::exited, exited.worker);
    out.number(exited.pid);
    out.number(exited.signal);
    out.number(exited.exit_code);
    out.number(exited.peak_memory);
    out.number(exited.user.count());
    out.number(exited.system.count());
    out.number(static_cast<std::uint8_t>(exited.out_of_memory));
  }
  return out.take();
}

Result<SpawnerReport> decode_report(std::string_view bytes) {
  Reader in(bytes);
  const auto kind = static_cast<Kind>(in.number<std::uint8_t>());
  const auto worker = static_cast<WorkerId>(in.number<std::uint32_t>());
  switch (kind) {
    case Kind::spawned: {
      const Spawned spawned{worker, in.number<pid_t>()};
      return checked(in, SpawnerReport(spawned), "a report");
    }
    case Kind::failed: {
      SpawnFailed failed{worker, in.text()};
      return checked(in, SpawnerReport(std::move(failed)), "a report");
    }
    case Kind::exited: {
      Exited exited{worker, in.number<pid_t>(), 0, 0, 0};
      exited.signal = in.number<int>();
      exited.exit_code = in.number<int>();
      exited.peak_memory = in.number<std::uint64_t>();
      exited.user = Nanos(in.number<Nanos::rep>());
      exited.system = Nanos(in.number<Nanos::rep>());
      exited.out_of_memory = in.number<std::uint8_t>() != 0;
      return checked(in, SpawnerReport(exited), "a report");
    }
    default:
      return garbage("a report");
  }
}

std::string encode(const TakenOver& taken) {
  constexpr std::size_t kMostText = 256;
  constexpr std::size_t kMostTold = 20;
  Writer out;
  write(out, Kind::taken_over, {});
  out.number(static_cast<std::uint8_t>(taken.containment));
  out.text(std::string_view(taken.why).substr(0, kMostText));
  out.number(taken.ended);
  const std::size_t told = std::min(taken.leftovers.size(), kMostTold);
  out.number(static_cast<std::uint64_t>(told));
  for (std::size_t i = 0; i < told; ++i) {
    out.number(taken.leftovers[i].pid);
    out.text(std::string_view(taken.leftovers[i].command).substr(0, kMostText));
  }
  return out.take();
}

Result<TakenOver> decode_taken_over(std::string_view bytes) {
  Reader in(bytes);
  if (static_cast<Kind>(in.number<std::uint8_t>()) != Kind::taken_over) return garbage("a report");
  static_cast<void>(in.number<std::uint32_t>());
  TakenOver taken;
  taken.containment = static_cast<Containment>(in.number<std::uint8_t>());
  if (taken.containment > Containment::cgroup_and_rlimit) return garbage("a report");
  taken.why = in.text();
  taken.ended = in.number<std::uint32_t>();
  for (auto left = in.number<std::uint64_t>(); left > 0 && in.ok(); --left) {
    const auto pid = in.number<pid_t>();
    taken.leftovers.push_back({pid, in.text()});
  }
  return checked(in, std::move(taken), "a report");
}

Result<Fd> to_memfd(std::string_view bytes) {
  Fd fd(::memfd_create("promised-spawn", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return Problem::system("memfd_create");
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Problem::system("write to a memory file");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return Problem::system("seal a memory file");
  return fd;
}

Result<std::string> from_memfd(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return Problem::system("look at a request to start a worker");
  if (status.st_size < 0 || status.st_size > static_cast<off_t>(kMaxRequest)) {
    return Problem::of("too_large", "a request to start a worker has " + std::to_string(status.st_size) +
                                        " bytes; at most " + std::to_string(kMaxRequest) + " are possible");
  }
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t n = ::pread(fd, bytes.data() + have, bytes.size() - have, static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Problem::system("read a request to start a worker");
    if (n == 0) return garbage("a whole request to start a worker");
    have += static_cast<std::size_t>(n);
  }
  return bytes;
}

Result<bool> send(int socket, std::string_view bytes, std::span<const int> fds, int flags) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kSpawnFds)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(head), fds.data(), fds.size_bytes());
  }
  while (::sendmsg(socket, &message, flags | MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return false;
    return Problem::system("send between daemon and spawner");
  }
  return true;
}

Result<std::optional<Datagram>> receive(int socket) {
  std::array<char, kMaxDatagram> buffer;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kSpawnFds)> control;
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t n = 0;
  do {
    n = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    if (errno == EAGAIN) return std::optional<Datagram>();
    if (errno == ECONNRESET) return std::optional<Datagram>(Datagram{});  // gone, with something unread
    return Problem::system("receive between daemon and spawner");
  }
  Datagram datagram{std::string(buffer.data(), static_cast<std::size_t>(n)), {}};
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof fd);
      datagram.fds.emplace_back(fd);
    }
  }
  return std::optional<Datagram>(std::move(datagram));
}

}  // namespace promised::spawner_wire
