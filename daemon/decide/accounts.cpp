// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/accounts.hpp"

#include <algorithm>
#include <string>

namespace promised {
namespace {

/// How a quantity is limited, and how its refusal reads.
struct Rule {
  const char* name;
  std::uint64_t Limits::*most;
  const char* own_name;
  std::uint64_t Limits::*own_most;
  const char* what;
  const char* remedy;
};

constexpr std::array<Rule, 6> kRules{{
    {"max_jobs", &Limits::max_jobs, "max_jobs_per_owner", &Limits::max_jobs_per_owner,
     "jobs are waiting, running or kept", "wait until some have ended"},
    {"max_bytes", &Limits::max_bytes, "max_bytes_per_owner", &Limits::max_bytes_per_owner,
     "bytes of arguments and results are in memory", "wait until some jobs have ended"},
    {"max_remembered", &Limits::max_remembered, "max_remembered_per_owner", &Limits::max_remembered_per_owner,
     "names are kept, with those that lapsed or were forgotten", "give shorter lifespans"},
    {"max_clients", &Limits::max_clients, "max_clients_per_owner", &Limits::max_clients_per_owner,
     "clients are connected", "close some"},
    {"max_watches", &Limits::max_watches, "max_watches_per_owner", &Limits::max_watches_per_owner,
     "requests wait for the end of a job", "wait for fewer at a time"},
    {"max_subscriptions", &Limits::max_subscriptions, "max_subscriptions_per_owner",
     &Limits::max_subscriptions_per_owner, "subscriptions to events are open", "close some"},
}};

message::Refused reached(const char* name, std::uint64_t most, const char* whose, const Rule& rule) {
  return {.code = "limit",
          .message = std::string(name) + " (" + std::to_string(most) + ") is reached: so many " + whose +
                     rule.what + "; " + rule.remedy + ", or raise it in section [limits]"};
}

}  // namespace

void Accounts::add(std::uint32_t owner, Quantity quantity, std::uint64_t amount) {
  const auto index = static_cast<std::size_t>(quantity);
  all_.used[index] += amount;
  owners_[owner].used[index] += amount;
}

void Accounts::subtract(std::uint32_t owner, Quantity quantity, std::uint64_t amount) {
  const auto index = static_cast<std::size_t>(quantity);
  const auto account = owners_.find(owner);
  if (account == owners_.end() || amount == 0) return;
  all_.used[index] -= amount;
  account->second.used[index] -= amount;
  const auto& used = account->second.used;
  if (std::all_of(used.begin(), used.end(), [](std::uint64_t n) { return n == 0; })) owners_.erase(account);
}

void Accounts::job_made(std::uint32_t owner, State state, std::uint64_t count) {
  add(owner, Quantity::jobs, count);
  all_.by_state[static_cast<std::size_t>(state)] += count;
  owners_[owner].by_state[static_cast<std::size_t>(state)] += count;
}

void Accounts::job_moved(std::uint32_t owner, State from, State to) {
  const auto move = [&](Account& account) {
    --account.by_state[static_cast<std::size_t>(from)];
    ++account.by_state[static_cast<std::size_t>(to)];
  };
  move(all_);
  move(owners_[owner]);
}

void Accounts::job_gone(std::uint32_t owner, State state) {
  --all_.by_state[static_cast<std::size_t>(state)];
  --owners_[owner].by_state[static_cast<std::size_t>(state)];
  subtract(owner, Quantity::jobs);
}

std::optional<message::Refused> Accounts::check(std::uint32_t owner, Quantity quantity,
                                                std::uint64_t amount) const {
  const Rule& rule = kRules[static_cast<std::size_t>(quantity)];
  if (const std::uint64_t most = limits_.*rule.own_most; of(owner).of(quantity) + amount > most)
    return reached(rule.own_name, most, "of your ", rule);
  if (const std::uint64_t most = limits_.*rule.most; all_.of(quantity) + amount > most)
    return reached(rule.name, most, "", rule);
  return std::nullopt;
}

Account Accounts::of(std::uint32_t owner) const {
  const auto account = owners_.find(owner);
  return account == owners_.end() ? Account{} : account->second;
}

std::vector<LimitView> Accounts::view() const {
  std::vector<LimitView> views;
  for (std::size_t i = 0; i < kRules.size(); ++i)
    views.push_back({kRules[i].name, all_.used[i], limits_.*kRules[i].most});
  return views;
}

std::vector<LimitView> Accounts::view(std::uint32_t owner) const {
  const Account account = of(owner);
  std::vector<LimitView> views;
  for (std::size_t i = 0; i < kRules.size(); ++i)
    views.push_back({kRules[i].own_name, account.used[i], limits_.*kRules[i].own_most});
  return views;
}

}  // namespace promised
