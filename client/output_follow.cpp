// SPDX-License-Identifier: Apache-2.0
#include "client/output_follow.hpp"

#include <algorithm>
#include <utility>

namespace promised::detail {

OutputFollow::OutputFollow(Ref<FutureState> state, Position position, Until until)
    : StreamFollow(std::move(state), position), until_(until), run_(position.run), have_(position.from) {
  begin();
}

void OutputFollow::ask(message::Follow& follow, Position at) const {
  follow.output = true;
  follow.output_from = at.from;
  follow.run = at.run;
}

void OutputFollow::say_used(message::Advance& advance, std::uint64_t until) const {
  advance.output_from = until;
}

void OutputFollow::add(message::News& news, Payload&&) {
  if (news.run != run_) {
    chunks_.clear();
    run_ = news.run;
    have_ = run_ == taken_.run ? taken_.from : 0;
    so_far_.reset();
  }
  if (!so_far_) so_far_ = news.output_total;
  const std::uint64_t lost = news.output_first - std::min(have_, news.output_first);
  const std::uint64_t known = std::min(have_ - std::min(have_, news.output_first), news.output.size());
  if (lost > 0 || known < news.output.size()) {
    have_ = news.output_first + news.output.size();
    chunks_.push_back({known == 0 ? std::move(news.output) : news.output.substr(known), lost});
  }
  last_ = news.last || (until_ == Until::now && have_ >= *so_far_);
}

void OutputFollow::forget_arrived() {
  chunks_.clear();
  run_ = taken_.run;
  have_ = taken_.from;
  so_far_.reset();
}

std::optional<std::size_t> OutputFollow::take_next(Taken& taken) {
  if (chunks_.empty()) return std::nullopt;
  Chunk& chunk = chunks_.front();
  if (run_ != taken_.run) {
    taken.anew = taken_.from > 0;
    taken_ = {run_, 0};
  }
  taken_.from += chunk.lost + chunk.bytes.size();
  taken.bytes = std::move(chunk.bytes);
  taken.lost = chunk.lost;
  chunks_.pop_front();
  taken.tell = true;
  return taken.bytes.size() + message::kEntryCost;
}

}  // namespace promised::detail
