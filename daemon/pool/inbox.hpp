// SPDX-License-Identifier: Apache-2.0
// What comes from one worker, put together to frames. Bytes are read into a buffer that all inboxes share; an
// inbox itself holds only a frame that has not arrived in full, and a large one in memory of its own that
// becomes the payload's, so that a result of any size is copied at most once.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "common/messages.hpp"
#include "common/payload.hpp"
#include "common/result.hpp"
#include "common/wire/worker_codec.hpp"

namespace promised {

class Inbox {
 public:
  /// What a buffer that is shared should have.
  static constexpr std::size_t kShared = std::size_t{256} << 10;

  /// A payload that is announced larger than `max_payload` is a Problem, before memory is taken for it.
  explicit Inbox(std::size_t max_payload) : max_payload_(max_payload) {}

  struct Received {
    enum class End { more, empty, closed };
    std::size_t size = 0;
    End end = End::more;  ///< `empty`: nothing is there now; `closed`: nor will ever be
  };
  /// Reads once from `socket`; parse() must follow before `shared` is used for anything else.
  [[nodiscard]] Received receive(int socket, std::span<char> shared);

  /// Calls `take(message::FromWorker, Payload)` for every frame that is whole; it returns Result<void>. The
  /// first Problem, its own or that the bytes are no frame, ends it: nothing after that can be read.
  template <class Take>
  [[nodiscard]] Result<void> parse(Take&& take);
  /// Whether the rest of a frame that has begun is still to come.
  [[nodiscard]] bool awaits_more() const { return large_ || !partial_.empty(); }

 private:
  struct Large {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
    std::size_t have = 0;
  };

  void keep(std::string_view rest);
  [[nodiscard]] Payload own_payload(std::string_view payload);

  std::size_t max_payload_;
  std::string partial_;
  std::optional<Large> large_;
  std::string_view arrived_;  ///< in the shared buffer, between receive() and parse()
};

template <class Take>
Result<void> Inbox::parse(Take&& take) {
  if (large_) {
    if (large_->have < large_->size) return {};
    PROMISED_ASSIGN(auto frame, wire::decode_from_worker({large_->bytes.get(), large_->size}, max_payload_));
    // It is whole: keep() has read its size.
    Payload payload = own_payload(frame->payload);
    return take(std::move(frame->message), std::move(payload));
  }
  std::string_view rest = std::exchange(arrived_, {});
  for (;;) {
    PROMISED_ASSIGN(auto frame, wire::decode_from_worker(rest, max_payload_));
    if (!frame) break;
    PROMISED_TRY(take(std::move(frame->message), Payload(frame->payload)));
    rest.remove_prefix(frame->size);
  }
  keep(rest);
  return {};
}

}  // namespace promised
