// SPDX-License-Identifier: Apache-2.0
#include "client/part_follow.hpp"

#include <numeric>
#include <utility>

namespace promised::detail {

PartFollow::PartFollow(Ref<FutureState> state, Position position)
    : StreamFollow(std::move(state), position), have_(position.from) {
  begin();
}

void PartFollow::ask(message::Follow& follow, Position at) const {
  follow.parts = true;
  follow.parts_from = at.from;
  follow.run = at.run;
}

void PartFollow::say_used(message::Advance& advance, std::uint64_t until) const {
  advance.parts_from = until;
}

void PartFollow::add(message::News& news, Payload&& parts) {
  if (news.run != taken_.run) {
    restarted_ = taken_.from > 0;
    if (restarted_) return;
    batches_.clear();
    taken_.run = news.run;
    have_ = 0;
  }
  const auto size = std::accumulate(news.sizes.begin(), news.sizes.end(), std::uint64_t{0});
  if (size != parts.size() || news.first > have_) {
    fail("the daemon sent parts that do not fit what it said of them; is it of another version?");
    return;
  }
  last_ = news.last;
  const std::uint64_t end = news.first + news.sizes.size();
  if (end <= have_) return;
  Batch batch{std::move(parts), std::move(news.sizes), static_cast<std::size_t>(have_ - news.first), 0};
  for (std::size_t i = 0; i < batch.index; ++i) batch.offset += batch.sizes[i];
  batches_.push_back(std::move(batch));
  have_ = end;
}

void PartFollow::forget_arrived() {
  batches_.clear();
  have_ = taken_.from;
}

std::optional<std::size_t> PartFollow::take_next(Taken& taken) {
  if (batches_.empty()) return std::nullopt;
  Batch& batch = batches_.front();
  const std::uint32_t size = batch.sizes[batch.index++];
  taken.bytes = batch.bytes.view().substr(batch.offset, size);
  batch.offset += size;
  ++taken_.from;
  taken.tell = batch.index == batch.sizes.size();
  if (taken.tell) batches_.pop_front();
  return size + message::kEntryCost;
}

}  // namespace promised::detail
