// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/quotas.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace promised {
namespace {

// A set's text has a line for each quota, sorted by id: a named one's id, which is "=NAME"; or "MOST*" and
// a keyed one's id, which is "OWNER:KEY". There is no line break in names and keys.

std::string id_of(const QuotaUse& use, std::uint32_t owner) {
  return use.most == 0 ? "=" + use.name : std::to_string(owner) + ":" + use.name;
}

/// The id in this line of a text, and the number before it; 0: none, it is a named one.
std::pair<std::string_view, std::uint32_t> parse(std::string_view line) {
  std::uint32_t most = 0;
  if (!line.starts_with('=')) {
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), most);
    line.remove_prefix(static_cast<std::size_t>(end - line.data()) + 1);
  }
  return {line, most};
}

}  // namespace

std::string quota_text(const std::vector<QuotaUse>& uses, std::uint32_t owner) {
  if (uses.empty()) return {};
  std::vector<std::pair<std::string, std::uint32_t>> sorted;
  for (const QuotaUse& use : uses) sorted.emplace_back(id_of(use, owner), use.most);
  // Of one that is named twice the smaller number counts.
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end(),
                           [](const auto& a, const auto& b) { return a.first == b.first; }),
               sorted.end());
  std::string text;
  for (const auto& [id, most] : sorted) {
    if (!text.empty()) text += '\n';
    if (most != 0) text += std::to_string(most) + "*";
    text += id;
  }
  return text;
}

std::uint64_t CapSet::room() const {
  std::uint64_t room = UINT64_MAX;
  for (const Cap* cap : caps) {
    const std::uint64_t used = cap->quota->running + cap->quota->claimed;
    room = std::min(room, cap->size() - std::min(cap->size(), used));
  }
  return room;
}

bool CapSet::free_for_claim() const {
  return std::all_of(caps.begin(), caps.end(),
                     [](const Cap* cap) { return cap->quota->running < cap->size(); });
}

CapSet* Quotas::find(std::string_view text) const {
  const auto it = sets_.find(text);
  return it == sets_.end() ? nullptr : it->second.get();
}

CapSet& Quotas::intern(const std::string& text) {
  if (CapSet* known = find(text); known != nullptr) return *known;
  auto made = std::make_unique<CapSet>();
  made->text = text;
  for (std::string_view rest = made->text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const auto [id, most] = parse(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    Cap& part = cap(quota(std::string(id)), most);
    ++part.sets;
    made->caps.push_back(&part);
    made->uses.push_back({part.quota->name, most});
  }
  CapSet& set = *made;
  sets_.emplace(set.text, std::move(made));
  return set;
}

void Quotas::drop(CapSet& set) {
  for (Cap* part : set.caps) {
    if (--part->sets > 0) continue;
    Quota& of = *part->quota;
    of.caps.erase(part->most);
    drop_unused(of);
  }
  sets_.erase(set.text);
}

Quota& Quotas::configure(const std::string& name, std::uint64_t size) {
  Quota& named = quota("=" + name);
  named.size = size;
  configured_[name] = &named;
  return named;
}

Quota* Quotas::remove(const std::string& name) {
  const auto it = configured_.find(name);
  if (it == configured_.end()) return nullptr;
  Quota* named = it->second;
  configured_.erase(it);
  named->size = Quota::kUnbound;
  if (!named->caps.empty()) return named;
  drop_unused(*named);
  return nullptr;
}

std::uint64_t Quotas::holders(const std::string& name) const {
  const auto it = quotas_.find("=" + name);
  return it == quotas_.end() ? 0 : it->second->running;
}

void Quotas::drop_unused(Quota& quota) {
  if (!quota.caps.empty() || quota.size != Quota::kUnbound) return;
  const auto it = quotas_.find(quota.id);
  const auto gone = std::move(it->second);  // its id is the key
  quotas_.erase(it);
}

Quota& Quotas::quota(const std::string& id) {
  if (const auto it = quotas_.find(id); it != quotas_.end()) return *it->second;
  auto made = std::make_unique<Quota>();
  made->id = id;
  made->keyed = !id.starts_with('=');
  made->name = id.substr(made->keyed ? id.find(':') + 1 : 1);
  Quota& quota = *made;
  quotas_.emplace(quota.id, std::move(made));
  return quota;
}

Cap& Quotas::cap(Quota& quota, std::uint32_t most) {
  auto& cap = quota.caps[most];
  if (!cap) cap = std::make_unique<Cap>(Cap{&quota, most, 0, {}});
  return *cap;
}

}  // namespace promised
