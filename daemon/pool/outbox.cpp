// SPDX-License-Identifier: Apache-2.0
#include "daemon/pool/outbox.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "common/wire/worker_codec.hpp"

namespace promised {
namespace {

// Up to here a copy is cheaper than an iovec of its own.
constexpr std::size_t kCopied = std::size_t{4} << 10;
// A buffer that has grown beyond this is not kept.
constexpr std::size_t kMostSpare = std::size_t{256} << 10;
constexpr std::size_t kMostParts = 64;

}  // namespace

void Outbox::add(const message::ToWorker& message, const Payload& payload) {
  if (pieces_.empty() || !pieces_.back().payload.empty()) {
    pieces_.push_back({std::exchange(spare_, {}), {}});
  }
  Piece& piece = pieces_.back();
  wire::encode_frame(message, payload.size(), piece.bytes);
  if (payload.size() <= kCopied) {
    piece.bytes += payload.view();
  } else {
    piece.payload = payload;
  }
}

void Outbox::clear() {
  if (!pieces_.empty() && pieces_.front().bytes.capacity() <= kMostSpare)
    spare_ = std::move(pieces_.front().bytes);
  spare_.clear();
  pieces_.clear();
  first_ = offset_ = 0;
}

Outbox::Sent Outbox::send(int socket) {
  while (!pieces_.empty()) {
    std::array<iovec, kMostParts> parts;
    std::size_t count = 0;
    std::size_t skip = offset_;
    const auto part = [&](std::string_view bytes) {
      const std::size_t skipped = std::min(skip, bytes.size());
      skip -= skipped;
      bytes.remove_prefix(skipped);
      if (!bytes.empty()) parts[count++] = {const_cast<char*>(bytes.data()), bytes.size()};
    };
    for (std::size_t i = first_; i < pieces_.size() && count + 2 <= parts.size(); ++i) {
      part(pieces_[i].bytes);
      part(pieces_[i].payload.view());
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    const ssize_t n = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      drop(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      return Sent::some;
    } else if (errno != EINTR) {
      clear();
      return Sent::gone;
    }
  }
  return Sent::all;
}

void Outbox::drop(std::size_t sent) {
  offset_ += sent;
  while (first_ < pieces_.size() && offset_ >= pieces_[first_].size()) {
    offset_ -= pieces_[first_].size();
    pieces_[first_].payload = Payload();
    ++first_;
  }
  if (first_ == pieces_.size()) clear();
}

}  // namespace promised
