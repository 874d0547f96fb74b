// SPDX-License-Identifier: Apache-2.0
// The worker's end of its channel to the daemon: bytes in through one large buffer (one read serves many
// frames), bytes out at once. Knows nothing of what they mean.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace promised::detail {

/// The descriptors that the daemon starts a worker with.
inline constexpr int kChannelFd = 3;
inline constexpr int kPageFd = 4;

class Channel {
 public:
  explicit Channel(int fd);
  /// From now on reads from `fd`, whatever was read before from elsewhere. Still writes to the first.
  void listen_to(int fd);

  [[nodiscard]] int read_fd() const { return read_fd_; }

  enum class Read { more, nothing, end };
  /// The bytes that are there and not consumed.
  [[nodiscard]] std::string_view bytes() const { return {buffer_.get() + begin_, end_ - begin_}; }
  /// Done with the first `n` of bytes(); what was seen of them becomes invalid with the next fill().
  void consume(std::size_t n);
  /// Waits for more bytes, with room for `wanted` in all. `end`: the daemon is gone. Throws
  /// std::system_error.
  [[nodiscard]] Read fill(std::size_t wanted);
  /// The same without waiting: `nothing` when nothing is there.
  [[nodiscard]] Read fill_now(std::size_t wanted);

  /// Sends both, one behind the other, and returns when the kernel has them. False: the daemon is gone.
  /// Throws std::system_error.
  [[nodiscard]] bool send(std::string_view head, std::string_view payload) const;

 private:
  [[nodiscard]] Read receive(std::size_t wanted, int flags);
  void make_room(std::size_t wanted);

  int fd_;
  int read_fd_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace promised::detail
