// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/subscriptions.hpp"

#include <utility>

#include "common/glob.hpp"

namespace promised {
namespace {

/// What an event takes in memory, about.
std::uint64_t bytes_of(const JobEvent& event) {
  return sizeof(JobEvent) + event.function.size() + event.queue.size() + event.name.size() +
         event.progress_message.size() + event.failure.message.size() + event.failure.type.size() +
         event.failure.limit.size() + event.reason.size();
}

}  // namespace

void Subscriptions::add(const Key& key, message::Subscribe filter, Scope scope) {
  Subscription& made = all_[key];
  made.filter = std::move(filter);
  made.scope = scope;
  accounts_.add(scope.subscriber, Quantity::subscriptions);
  count_wanted();
}

void Subscriptions::remove(const Key& key) {
  const auto found = all_.find(key);
  if (found == all_.end()) return;
  drop(found->second);
  all_.erase(found);
  count_wanted();
}

void Subscriptions::leave(SessionId session) {
  auto it = all_.lower_bound({session, 0});
  if (it == all_.end() || it->first.first != session) return;
  while (it != all_.end() && it->first.first == session) {
    drop(it->second);
    it = all_.erase(it);
  }
  count_wanted();
}

void Subscriptions::rescope(SessionId session, bool sees_all) {
  for (auto it = all_.lower_bound({session, 0}); it != all_.end() && it->first.first == session; ++it) {
    Scope& scope = it->second.scope;
    scope.owner = sees_all ? it->second.filter.owner : std::optional(scope.subscriber);
  }
}

bool Subscriptions::publish(const JobEvent& event) {
  bool wanted = false;
  for (auto& [key, subscription] : all_) {
    if (!fits(subscription, event)) continue;
    keep(key, subscription, event);
    wanted = true;
  }
  return wanted;
}

bool Subscriptions::fits(const Subscription& subscription, const JobEvent& event) {
  const message::Subscribe& filter = subscription.filter;
  if (filter.kinds != 0 && (filter.kinds & bit(event.kind)) == 0) return false;
  if (subscription.scope.owner && *subscription.scope.owner != event.owner) return false;
  // One that asked for another user's jobs before its own user lost the right to see them gets none.
  if (filter.owner && *filter.owner != event.owner) return false;
  if (!filter.queue.empty() && filter.queue != event.queue) return false;
  if (!filter.name_prefix.empty() && !event.name.starts_with(filter.name_prefix)) return false;
  return filter.function.empty() || glob_matches(filter.function, event.function);
}

void Subscriptions::keep(const Key& key, Subscription& subscription, const JobEvent& event) {
  const std::uint64_t bytes = bytes_of(event);
  // What there is room for will be sent when the turn is over, whatever its user has in memory: who keeps up
  // misses nothing. Only what goes beyond the window can be lost, so a reader that has stopped is told of a
  // loss once, and not again before it has used something.
  const std::uint64_t room = kEventWindow - subscription.under_way.size();
  const bool goes_now = fits_window(subscription.under_way.size() + subscription.waiting.size(),
                                    subscription.bytes_under_way + subscription.bytes_waiting);
  const bool full = !goes_now && (subscription.waiting.size() >= limits_.max_events + room ||
                                  accounts_.check(subscription.scope.subscriber, Quantity::bytes, bytes));
  if (full) {
    ++subscription.lost;
  } else {
    accounts_.add(subscription.scope.subscriber, Quantity::bytes, bytes);
    subscription.bytes_waiting += bytes;
    subscription.waiting.push_back({event, std::exchange(subscription.lost, 0), bytes});
  }
  make_due(key, subscription);
}

void Subscriptions::used(const Key& key, std::uint64_t before) {
  const auto found = all_.find(key);
  if (found == all_.end()) return;
  Subscription& subscription = found->second;
  auto& under_way = subscription.under_way;
  while (!under_way.empty() && under_way.front().first < before) {
    subscription.bytes_under_way -= under_way.front().second;
    under_way.pop_front();
  }
  make_due(key, subscription);
}

bool Subscriptions::has_room(const Subscription& subscription) {
  return fits_window(subscription.under_way.size(), subscription.bytes_under_way);
}

/// Whether one more may be on its way beside so many.
bool Subscriptions::fits_window(std::uint64_t count, std::uint64_t bytes) {
  return count == 0 || (count < kEventWindow && bytes < kEventWindowBytes);
}

void Subscriptions::make_due(const Key& key, Subscription& subscription) {
  const bool something = !subscription.waiting.empty() || subscription.lost > 0;
  if (!something || !has_room(subscription) || std::exchange(subscription.is_due, true)) return;
  due_.push_back(key);
}

std::vector<Subscriptions::Outgoing> Subscriptions::take() {
  std::vector<Outgoing> out;
  for (const Key& key : std::exchange(due_, {})) {
    const auto found = all_.find(key);
    if (found == all_.end()) continue;
    Subscription& subscription = found->second;
    subscription.is_due = false;
    while ((!subscription.waiting.empty() || subscription.lost > 0) && has_room(subscription)) {
      out.push_back({key, next_batch(subscription)});
    }
  }
  return out;
}

/// As many as there is room for, up to where some were lost.
message::Events Subscriptions::next_batch(Subscription& subscription) {
  message::Events batch;
  batch.first = subscription.next;
  if (subscription.waiting.empty()) {
    batch.lost = std::exchange(subscription.lost, 0);
    return batch;
  }
  batch.lost = std::exchange(subscription.waiting.front().lost, 0);
  while (!subscription.waiting.empty() && subscription.waiting.front().lost == 0 && has_room(subscription)) {
    Waiting& next = subscription.waiting.front();
    subscription.under_way.emplace_back(subscription.next++, next.bytes);
    subscription.bytes_under_way += next.bytes;
    subscription.bytes_waiting -= next.bytes;
    accounts_.subtract(subscription.scope.subscriber, Quantity::bytes, next.bytes);
    batch.events.push_back(std::move(next.event));
    subscription.waiting.pop_front();
  }
  return batch;
}

/// What waited does not count any more.
void Subscriptions::drop(Subscription& subscription) {
  accounts_.subtract(subscription.scope.subscriber, Quantity::bytes, subscription.bytes_waiting);
  accounts_.subtract(subscription.scope.subscriber, Quantity::subscriptions);
}

void Subscriptions::count_wanted() {
  wanted_ = 0;
  for (const auto& [key, subscription] : all_) {
    wanted_ |= subscription.filter.kinds == 0 ? ~0U : subscription.filter.kinds;
  }
}

}  // namespace promised
