// SPDX-License-Identifier: Apache-2.0
#include "worker/channel.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace promised::detail {
namespace {

constexpr std::size_t kBuffer = std::size_t{256} << 10;
// Less room than this is not worth a read.
constexpr std::size_t kLeastRoom = std::size_t{64} << 10;

[[noreturn]] void broken(const char* doing) {
  throw std::system_error(errno, std::generic_category(), doing);
}

}  // namespace

Channel::Channel(int fd)
    : fd_(fd), read_fd_(fd), buffer_(std::make_unique_for_overwrite<char[]>(kBuffer)), capacity_(kBuffer) {}

void Channel::listen_to(int fd) {
  read_fd_ = fd;
  begin_ = end_ = 0;
}

void Channel::consume(std::size_t n) {
  begin_ += n;
  if (begin_ == end_) begin_ = end_ = 0;
}

void Channel::make_room(std::size_t wanted) {
  const std::size_t have = end_ - begin_;
  const std::size_t needed = std::max(wanted, std::min(have + kLeastRoom, kBuffer));
  const bool oversized = capacity_ > kBuffer && needed <= kBuffer;  // a large frame has gone through
  if (needed > capacity_ || oversized) {
    const std::size_t capacity = std::max(needed, kBuffer);
    auto larger = std::make_unique_for_overwrite<char[]>(capacity);
    std::memcpy(larger.get(), buffer_.get() + begin_, have);
    buffer_ = std::move(larger);
    capacity_ = capacity;
  } else if (capacity_ - begin_ < needed) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, have);
  } else {
    return;
  }
  begin_ = 0;
  end_ = have;
}

Channel::Read Channel::fill(std::size_t wanted) {
  return receive(wanted, 0);
}

Channel::Read Channel::fill_now(std::size_t wanted) {
  return receive(wanted, MSG_DONTWAIT);
}

Channel::Read Channel::receive(std::size_t wanted, int flags) {
  make_room(wanted);
  for (;;) {
    const ssize_t n = ::recv(read_fd_, buffer_.get() + end_, capacity_ - end_, flags);
    if (n > 0) {
      end_ += static_cast<std::size_t>(n);
      return Read::more;
    }
    if (n == 0 || errno == ECONNRESET) return Read::end;
    if (errno == EAGAIN && flags == MSG_DONTWAIT) return Read::nothing;
    if (errno != EINTR) broken("read from the daemon (fd 3)");
  }
}

bool Channel::send(std::string_view head, std::string_view payload) const {
  std::array<iovec, 2> parts{iovec{const_cast<char*>(head.data()), head.size()},
                             iovec{const_cast<char*>(payload.data()), payload.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  std::size_t left = head.size() + payload.size();
  while (left > 0) {
    const ssize_t n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE || errno == ECONNRESET) return false;
      broken("write to the daemon (fd 3)");
    }
    auto sent = static_cast<std::size_t>(n);
    left -= sent;
    for (iovec& part : parts) {
      const std::size_t of_this = std::min(sent, part.iov_len);
      part.iov_base = static_cast<char*>(part.iov_base) + of_this;
      part.iov_len -= of_this;
      sent -= of_this;
    }
  }
  return true;
}

}  // namespace promised::detail
