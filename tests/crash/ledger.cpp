// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/ledger.hpp"

#include <utility>

#include "tests/support/eventually.hpp"

namespace promised::test {

std::string outcome_of(const AnyFuture& future) {
  try {
    const Value value = future.value(kPatience);
    const auto* text = value.get_if<std::string>();
    return "value " + (text == nullptr ? "of another type" : *text);
  } catch (const JobFailed& e) {
    return "failed " + std::string(to_string(e.failure().cause)) + " " + e.failure().message;
  } catch (const CancelledError&) {
    return "cancelled";
  } catch (const Error& e) {
    return std::string("threw ") + e.what();
  }
}

bool is_accepted(const AnyFuture& future, std::chrono::milliseconds timeout) {
  try {
    future.accepted(timeout);
  } catch (const RefusedError& e) {
    if (e.code() != "disk_full") throw;
    return false;
  }
  return true;
}

void Ledger::accepted(LedgerEntry entry) {
  const std::lock_guard lock(mutex_);
  by_key_[entry.key] = entries_.size();
  entries_.push_back(std::move(entry));
  more_.notify_all();
}

void Ledger::name_is(const std::string& key, NameIs now) {
  const std::lock_guard lock(mutex_);
  entries_[by_key_.at(key)].name_is = now;
}

void Ledger::noted(const std::string& key) {
  const std::lock_guard lock(mutex_);
  entries_[by_key_.at(key)].noted = true;
}

NameIs Ledger::name_is(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  return entries_[by_key_.at(key)].name_is;
}

std::optional<LedgerEntry> Ledger::wait_for_entry(std::size_t number) const {
  std::unique_lock lock(mutex_);
  more_.wait(lock, [&] { return closed_ || number < entries_.size(); });
  if (number < entries_.size()) return entries_[number];
  return std::nullopt;
}

void Ledger::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  more_.notify_all();
}

void Ledger::complain(const std::string& what) {
  const std::lock_guard lock(mutex_);
  complaints_.push_back(what);
}

bool Ledger::wait_for(std::size_t count) const {
  std::unique_lock lock(mutex_);
  while (entries_.size() < count) {
    const std::size_t before = entries_.size();
    if (!more_.wait_for(lock, kPatience, [&] { return entries_.size() > before; })) return false;
  }
  return true;
}

std::size_t Ledger::count() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::vector<LedgerEntry> Ledger::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_;
}

std::vector<std::string> Ledger::complaints() const {
  const std::lock_guard lock(mutex_);
  return complaints_;
}

}  // namespace promised::test
