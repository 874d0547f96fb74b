// SPDX-License-Identifier: Apache-2.0
#include "client/keys.hpp"

#include <algorithm>
#include <iterator>

namespace promised::detail {

bool Keys::has_promises(Who who) const {
  return std::any_of(promises_.begin(), promises_.end(), [who](const auto& entry) {
    return std::any_of(entry.second.begin(), entry.second.end(),
                       [who](const Standing& s) { return s.who == who; });
  });
}

void Keys::promise(Who who, Promise promise) {
  std::vector<Standing>& standings = promises_[promise.key];
  std::erase_if(standings, [who](const Standing& s) { return s.who == who; });
  standings.push_back({std::move(promise), who, next_order_++});
}

std::vector<Promise> Keys::take(Who who) {
  std::vector<Standing> taken;
  for (auto it = promises_.begin(); it != promises_.end();) {
    std::vector<Standing>& standings = it->second;
    const auto own =
        std::find_if(standings.begin(), standings.end(), [who](const Standing& s) { return s.who == who; });
    if (own != standings.end()) {
      taken.push_back(std::move(*own));
      standings.erase(own);
    }
    it = standings.empty() ? promises_.erase(it) : std::next(it);
  }
  std::sort(taken.begin(), taken.end(),
            [](const Standing& a, const Standing& b) { return a.order < b.order; });
  std::vector<Promise> out;
  out.reserve(taken.size());
  for (Standing& standing : taken) {
    if (const auto it = cleared_.find(standing.promise.key); it != cleared_.end()) {
      standing.promise.former = it->second;
    }
    out.push_back(std::move(standing.promise));
  }
  return out;
}

void Keys::resolve(std::string key, AnyFuture future) {
  cleared_.erase(key);
  promises_.erase(key);
  futures_.insert_or_assign(std::move(key), std::move(future));
}

bool Keys::cancel(std::string_view key) {
  const auto it = promises_.find(key);
  if (it == promises_.end()) return false;
  promises_.erase(it);
  return true;
}

bool Keys::clear(std::string_view key) {
  const auto it = futures_.find(key);
  if (it == futures_.end()) return false;
  cleared_.insert_or_assign(it->first, it->second.id());
  futures_.erase(it);
  return true;
}

}  // namespace promised::detail
