// SPDX-License-Identifier: Apache-2.0
// The request for what a job prints (SEMANTICS P4), and what of it has arrived and is not read yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "client/stream_follow.hpp"

namespace promised::detail {

class OutputFollow final : public StreamFollow {
 public:
  /// How long it goes on.
  enum class Until : std::uint8_t {
    now,  ///< until there is what had been printed when the daemon was asked
    end   ///< of the job
  };

  OutputFollow(Ref<FutureState> state, Position position, Until until);

 private:
  ~OutputFollow() override = default;
  struct Chunk {
    std::string bytes;
    std::uint64_t lost;  ///< bytes before these
  };

  void ask(message::Follow& follow, Position at) const override;
  void say_used(message::Advance& advance, std::uint64_t until) const override;
  void add(message::News& news, Payload&& content) override;
  void forget_arrived() override;
  [[nodiscard]] std::optional<std::size_t> take_next(Taken& taken) override;
  [[nodiscard]] bool has_arrived() const override { return !chunks_.empty(); }

  const Until until_;
  std::uint64_t run_;                    ///< of what has arrived
  std::uint64_t have_;                   ///< the byte of it that comes next
  std::optional<std::uint64_t> so_far_;  ///< how many bytes there were when the daemon was asked
  std::deque<Chunk> chunks_;
};

}  // namespace promised::detail
