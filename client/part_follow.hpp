// SPDX-License-Identifier: Apache-2.0
// The request for a job's parts (SEMANTICS P3), and those of them that have arrived and are not read yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "client/stream_follow.hpp"

namespace promised::detail {

class PartFollow final : public StreamFollow {
 public:
  PartFollow(Ref<FutureState> state, Position position);

 private:
  ~PartFollow() override = default;
  struct Batch {
    Payload bytes;
    std::vector<std::uint32_t> sizes;
    std::size_t index = 0;  ///< of the next part in it
    std::size_t offset = 0;
  };

  void ask(message::Follow& follow, Position at) const override;
  void say_used(message::Advance& advance, std::uint64_t until) const override;
  void add(message::News& news, Payload&& parts) override;
  void forget_arrived() override;
  [[nodiscard]] std::optional<std::size_t> take_next(Taken& taken) override;
  [[nodiscard]] bool has_arrived() const override { return !batches_.empty(); }

  std::uint64_t have_;  ///< the part that comes next
  std::deque<Batch> batches_;
};

}  // namespace promised::detail
