// SPDX-License-Identifier: Apache-2.0
#include "daemon/pool/inbox.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace promised {
namespace {

// A frame from here on gets memory of its own while it arrives.
constexpr std::size_t kLarge = std::size_t{64} << 10;
static_assert(kLarge < Inbox::kShared / 2, "a partial frame must leave room in the shared buffer");

}  // namespace

Inbox::Received Inbox::receive(int socket, std::span<char> shared) {
  std::span<char> room;
  if (large_) {
    room = {large_->bytes.get() + large_->have, large_->size - large_->have};
  } else {
    std::memcpy(shared.data(), partial_.data(), partial_.size());
    room = shared.subspan(partial_.size());
  }
  ssize_t n = 0;
  do {
    n = ::recv(socket, room.data(), room.size(), MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return {0, n < 0 && errno == EAGAIN ? Received::End::empty : Received::End::closed};
  const auto size = static_cast<std::size_t>(n);
  if (large_) {
    large_->have += size;
  } else {
    arrived_ = {shared.data(), partial_.size() + size};
    partial_.clear();
  }
  return {size, size < room.size() ? Received::End::empty : Received::End::more};
}

void Inbox::keep(std::string_view rest) {
  const std::size_t size = wire::frame_size(rest);
  if (size < kLarge) {
    partial_ = rest;
    return;
  }
  large_.emplace(Large{std::make_unique_for_overwrite<char[]>(size), size, rest.size()});
  std::memcpy(large_->bytes.get(), rest.data(), rest.size());
}

Payload Inbox::own_payload(std::string_view payload) {
  char* whole = large_->bytes.release();
  large_.reset();
  return {payload.data(), payload.size(), [](void* bytes) { delete[] static_cast<char*>(bytes); }, whole};
}

}  // namespace promised
