// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/ledger.hpp"

#include <algorithm>
#include <fstream>
#include <utility>

#include "daemon/store/store.hpp"
#include "tests/support/eventually.hpp"

namespace promised::test {
namespace {

/// What a store has, by name and by id.
struct Stored {
  std::map<JobId, State> jobs;
  std::map<std::string, RecoveredName> names;
};

Result<Stored> read_store(const std::filesystem::path& state_dir) {
  PROMISED_ASSIGN(const auto store, Store::open(state_dir));
  Stored stored;
  PROMISED_TRY(store->replay([&](const RecoveredJob& job) { stored.jobs[job.id] = job.state; },
                             [&](const RecoveredName& name) { stored.names[name.name] = name; }));
  return stored;
}

/// Enough to see what is going on; each may take the tests' whole patience to find.
constexpr std::size_t kMostComplaints = 5;

/// What is wrong with one entry; empty if nothing is.
std::string audit(const Stored& stored, const LedgerEntry& entry) {
  const bool there = stored.jobs.contains(entry.future.id());
  if (entry.name.empty()) {
    // Its outcome was on its way here when the daemon was killed.
    if (there || eventually([&] { return entry.future.done(); })) return {};
    return entry.key + ": accepted, but neither in the store nor told";
  }
  if (!there) return entry.key + ": accepted and named, but not in the store";
  const auto name = stored.names.find(entry.name);
  if (name == stored.names.end()) return entry.key + ": its name is gone";
  if (name->second.id != entry.future.id()) return entry.key + ": its name stands for another job";
  return {};
}

}  // namespace

std::string outcome_of(const AnyFuture& future) {
  try {
    const Value value = future.value(kPatience);
    const auto* text = value.get_if<std::string>();
    return "value " + (text == nullptr ? "of another type" : *text);
  } catch (const JobFailed& e) {
    return "failed " + std::string(to_string(e.failure().cause)) + " " + e.failure().message;
  } catch (const Error& e) {
    return std::string("threw ") + e.what();
  }
}

void Ledger::accepted(LedgerEntry entry) {
  const std::lock_guard lock(mutex_);
  entries_.push_back(std::move(entry));
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

std::vector<std::string> audit_store(const std::filesystem::path& state_dir,
                                     const std::vector<LedgerEntry>& entries) {
  const auto stored = read_store(state_dir);
  if (!stored) return {stored.problem().message};
  std::vector<std::string> wrong;
  for (const LedgerEntry& entry : entries) {
    if (std::string what = audit(*stored, entry); !what.empty()) wrong.push_back(std::move(what));
    if (wrong.size() >= kMostComplaints) return wrong;
  }
  for (const auto& [name, target] : stored->names) {
    const bool tombstone = target.state == State::lapsed || target.state == State::forgotten;
    if (!tombstone && !stored->jobs.contains(target.id))
      wrong.push_back("the name " + name + " stands for nothing");
  }
  return wrong;
}

std::vector<std::string> audit_names(const std::string& endpoint, const std::vector<LedgerEntry>& entries) {
  ClientOptions options;
  options.endpoint = endpoint;
  options.connect_timeout = kPatience;
  Client client(options);
  std::vector<std::pair<const LedgerEntry*, AnyFuture>> asked;
  for (const LedgerEntry& entry : entries) {
    if (!entry.name.empty()) asked.emplace_back(&entry, client.future(entry.name));
  }
  std::vector<std::string> wrong;
  for (const auto& [entry, future] : asked) {
    if (wrong.size() >= kMostComplaints) break;
    const std::string fetched = outcome_of(future);
    if (future.id() != entry->future.id()) wrong.push_back(entry->key + ": its name gives another job");
    const std::string told = outcome_of(entry->future);
    if (fetched != told) {
      wrong.push_back(entry->key + ": by name \"" + fetched + "\", but the submitter was told \"" + told +
                      "\"");
    }
  }
  return wrong;
}

std::map<std::string, int> runs_of(const std::filesystem::path& file) {
  std::map<std::string, int> runs;
  std::ifstream lines(file);
  for (std::string key; std::getline(lines, key);) ++runs[key];
  return runs;
}

}  // namespace promised::test
