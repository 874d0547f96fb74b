// SPDX-License-Identifier: Apache-2.0
// The request for a job's parts, and those of them that have arrived and are not read yet. Parts come in
// under the session's pump lock; one application thread takes them out. After a reconnect it goes on behind
// the last part that was taken; what had arrived beyond is fetched again.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "client/exchange.hpp"
#include "client/future_state.hpp"
#include "client/wait_word.hpp"

namespace promised::detail {

class PartFollow final : public Exchange {
 public:
  /// Where a reader is: the parts before `from` were read, and are of `run` if there are any.
  struct Position {
    std::uint64_t run = 0;
    std::uint64_t from = 0;
  };

  PartFollow(Ref<FutureState> state, Position position);

  [[nodiscard]] Next answer(message::Reply& reply, Payload&& parts) override;
  [[nodiscard]] Renewal renew() override;
  void poke() override { word_.poke(); }
  void give_up(const std::string& code, const std::string& message) override;

  // For the application's thread.

  struct Taken {
    enum class Kind : std::uint8_t { part, nothing_yet, all, restarted, refused };
    Kind kind = Kind::nothing_yet;
    std::string part;
    message::Refused refusal;
    /// The daemon is to be told that so much has been used: so that more comes, or that it was all.
    bool tell = false;
  };
  [[nodiscard]] Taken take();
  [[nodiscard]] Position position() const;
  [[nodiscard]] WaitWord& word() { return word_; }

 private:
  ~PartFollow() override = default;
  struct Batch {
    Payload bytes;
    std::vector<std::uint32_t> sizes;
    std::size_t index = 0;  ///< of the next part in it
    std::size_t offset = 0;
  };

  void encode_request();
  void add(message::News& news, Payload&& parts);
  void fail(const std::string& message);

  const Ref<FutureState> state_;
  WaitWord word_;
  mutable std::mutex mutex_;
  // The rest: under mutex_.
  Position taken_;
  std::uint64_t have_;  ///< the part that comes next
  std::deque<Batch> batches_;
  std::size_t untold_ = 0;  ///< bytes used since the daemon was told
  bool last_ = false;
  bool restarted_ = false;
  std::optional<message::Refused> refusal_;
};

/// A request that has no answer; lost with the connection.
[[nodiscard]] Ref<Exchange> make_advance(std::uint64_t follow, std::uint64_t parts_from, bool stop);

}  // namespace promised::detail
