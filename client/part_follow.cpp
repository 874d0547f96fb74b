// SPDX-License-Identifier: Apache-2.0
#include "client/part_follow.hpp"

#include <numeric>
#include <utility>
#include <variant>

#include "client/session.hpp"
#include "common/wire/client_codec.hpp"

namespace promised::detail {
namespace {

/// The daemon is told of so many bytes at a time; less than it sends unasked.
constexpr std::size_t kTellAfter = std::size_t{128} << 10;

class OneWay final : public Exchange {
 public:
  [[nodiscard]] Next answer(message::Reply&, Payload&&) override { return Next::over; }
  [[nodiscard]] Renewal renew() override { return Renewal::drop; }
  void poke() override {}
  void give_up(const std::string&, const std::string&) override {}
};

}  // namespace

Ref<Exchange> make_advance(std::uint64_t follow, std::uint64_t parts_from, bool stop) {
  message::Request request;
  request.body = message::Advance{follow, parts_from, stop};
  Ref<OneWay> one_way = make_ref<OneWay>();
  wire::encode(request, one_way->header);
  return Ref<Exchange>(std::move(one_way));
}

PartFollow::PartFollow(Ref<FutureState> state, Position position)
    : state_(std::move(state)), taken_(position), have_(position.from) {
  number = state_->session().next_number();
  encode_request();
}

void PartFollow::encode_request() {
  message::Request request;
  request.number = number;
  request.body = message::Follow{state_->key(), false, true, taken_.from, taken_.run};
  header.clear();
  wire::encode(request, header);
}

Exchange::Next PartFollow::answer(message::Reply& reply, Payload&& parts) {
  if (over) return Next::over;
  const std::lock_guard lock(mutex_);
  if (auto* refusal = std::get_if<message::Refused>(&reply.body)) {
    refusal_ = std::move(*refusal);
  } else if (auto* news = std::get_if<message::News>(&reply.body)) {
    add(*news, std::move(parts));
  } else {
    fail("the daemon gave an answer that does not fit the question; is it of another version?");
  }
  over = last_ || restarted_ || refusal_;
  word_.poke();
  return over ? Next::over : Next::more_answers;
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

void PartFollow::fail(const std::string& message) {
  refusal_ = message::Refused{"garbage", message, {}, State::unknown};
}

Exchange::Renewal PartFollow::renew() {
  if (is_forlorn()) return Renewal::drop;
  const std::lock_guard lock(mutex_);
  batches_.clear();
  have_ = taken_.from;
  untold_ = 0;
  encode_request();
  return Renewal::send;
}

void PartFollow::give_up(const std::string& code, const std::string& message) {
  if (over) return;
  const std::lock_guard lock(mutex_);
  refusal_ = message::Refused{code, message, {}, State::unknown};
  over = true;
  word_.poke();
}

PartFollow::Taken PartFollow::take() {
  const std::lock_guard lock(mutex_);
  Taken taken;
  if (restarted_) {
    taken.kind = Taken::Kind::restarted;
  } else if (!batches_.empty()) {
    Batch& batch = batches_.front();
    const std::uint32_t size = batch.sizes[batch.index++];
    taken.kind = Taken::Kind::part;
    taken.part = batch.bytes.view().substr(batch.offset, size);
    batch.offset += size;
    ++taken_.from;
    untold_ += size + message::kEntryCost;
    if (batch.index == batch.sizes.size()) {
      batches_.pop_front();
      taken.tell = untold_ >= kTellAfter || (last_ && batches_.empty());
      if (taken.tell) untold_ = 0;
    }
  } else if (refusal_) {
    taken.kind = Taken::Kind::refused;
    taken.refusal = *refusal_;
  } else if (last_) {
    taken.kind = Taken::Kind::all;
    taken.tell = std::exchange(untold_, 0) > 0;
  }
  return taken;
}

PartFollow::Position PartFollow::position() const {
  const std::lock_guard lock(mutex_);
  return taken_;
}

}  // namespace promised::detail
