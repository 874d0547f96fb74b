// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/audit.hpp"

#include <doctest/doctest.h>

#include <exception>
#include <fstream>
#include <utility>

#include "daemon/store/store.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/temp_directory.hpp"

namespace promised::test {
namespace {

/// Enough to see what is going on; each may take the tests' whole patience to find.
constexpr std::size_t kMostComplaints = 5;

/// What a store has, by name and by id.
struct Stored {
  std::map<JobId, State> jobs;
  std::map<std::string, RecoveredName> names;
  /// Of jobs that have succeeded: what cannot be read of their results, and which of their files are gone.
  Wrong unreadable, lost;
};

/// Of a copy: to open a store is to mend it.
Result<Stored> read_store(const std::filesystem::path& state_dir) {
  const TempDirectory copy;
  for (const char* name : {"promised.db", "promised.db-wal", "results"}) {
    if (std::filesystem::exists(state_dir / name))
      std::filesystem::copy(state_dir / name, copy / name, std::filesystem::copy_options::recursive);
  }
  PROMISED_ASSIGN(const auto store, Store::open(copy.path()));
  Stored stored;
  PROMISED_TRY(store->replay_backlog([](const RecoveredBacklog&) {},
                                     [&](const JobId& id) { stored.jobs[id] = State::pending; },
                                     [](const RecoveredJob&) {}));
  std::map<JobId, std::uint64_t> results;
  PROMISED_TRY(store->replay(
      [&](const RecoveredJob& job) {
        stored.jobs[job.id] = job.state;
        if (job.state == State::succeeded) results[job.id] = job.result_size;
      },
      [&](const RecoveredName& name) { stored.names[name.name] = name; }));
  for (const auto& [id, size] : results) {
    auto loaded = store->load_result(id);
    if (!loaded && loaded.problem().code == "lost") {
      stored.lost.push_back(loaded.problem().message);
      continue;
    }
    PROMISED_ASSIGN(const auto result, std::move(loaded));
    if (!result || result->size() != size)
      stored.unreadable.push_back("the result of " + id.text() + " is not whole");
  }
  return stored;
}

Wrong audit_names_of(const Stored& stored) {
  Wrong wrong = stored.unreadable;
  for (const auto& [name, target] : stored.names) {
    const bool tombstone = target.state == State::lapsed || target.state == State::forgotten;
    if (!tombstone && !stored.jobs.contains(target.id))
      wrong.push_back("the name " + name + " stands for nothing");
  }
  return wrong;
}

/// What is wrong with one entry; empty if nothing is.
std::string audit(const Stored& stored, const LedgerEntry& entry) {
  const auto job = stored.jobs.find(entry.future.id());
  const bool there = job != stored.jobs.end();
  const auto name = stored.names.find(entry.name);
  if (entry.name_is == NameIs::forgotten) {
    if (name == stored.names.end()) return entry.key + ": its name was forgotten, and left no tombstone";
    if (name->second.state != State::forgotten) return entry.key + ": its name was forgotten, and is there";
    return {};
  }
  if (entry.name.empty()) {
    // Its outcome was on its way here when the daemon was killed.
    if (there || eventually([&] { return entry.future.done(); })) return {};
    return entry.key + ": accepted, but neither in the store nor told";
  }
  if (entry.name_is == NameIs::going) return {};
  if (!there) return entry.key + ": accepted and named, but not in the store";
  if (name == stored.names.end()) return entry.key + ": its name is gone";
  if (name->second.id != entry.future.id()) return entry.key + ": its name stands for another job";
  return {};
}

/// What is wrong with what a job has told beside its result, `which` run it was that ended: the notes that
/// were acknowledged, and all the parts.
std::string audit_notes_and_parts(const LedgerEntry& entry, const AnyFuture& future,
                                  const std::string& which) {
  const auto noted = [&](const char* key) { return future.note<std::string>(key).value_or("none"); };
  if (const std::string note = noted("worker"); note != which)
    return entry.key + ": run \"" + which + "\" ended, but its note is \"" + note + '"';
  if (entry.noted && noted("client") != entry.key) return entry.key + ": its submitter's note is gone";
  int parts = 0;
  for (const std::string& part : future.parts<std::string>(kPatience)) {
    if (part != which + " part " + std::to_string(parts++))
      return entry.key + ": run \"" + which + "\" ended, and has the part \"" + part + '"';
  }
  return parts == 3 ? "" : entry.key + ": " + std::to_string(parts) + " of its parts are there, not 3";
}

/// What is wrong with what a name gives; empty if nothing is.
std::string audit_fetched(const LedgerEntry& entry, const AnyFuture& fetched, const Ledger& ledger) {
  if (entry.name_is == NameIs::forgotten) {
    try {
      fetched.accepted(kPatience);
    } catch (const NoSuchFuture& e) {
      return e.state() == State::forgotten ? "" : entry.key + ": forgotten, but now " + e.what();
    }
    return entry.key + ": its name was forgotten, and is there again";
  }
  const std::string outcome = outcome_of(fetched);
  const std::string told = outcome_of(entry.future);
  if (outcome == told && fetched.id() == entry.future.id()) return audit_told(entry, fetched);
  if (ledger.name_is(entry.key) != NameIs::kept) return {};  // it was forgotten meanwhile
  return entry.key + ": by name \"" + outcome.substr(0, 200) + "\", but the submitter was told \"" +
         told.substr(0, 200) + "\"";
}

/// What the outcome of an entry has to end with: of one that follows another, with that one's.
std::string end_of(const LedgerEntry& entry) {
  if (!entry.follows) return entry.ends_with;
  const std::string before = outcome_of(*entry.follows);
  if (before.starts_with("value ")) return " after succeeded " + before.substr(before.find(' ') + 1);
  return before == "cancelled" ? " after cancelled" : " after failed";
}

}  // namespace

std::string audit_told(const LedgerEntry& entry, const AnyFuture& future) {
  const std::string outcome = outcome_of(future);
  if (!entry.talks || !outcome.starts_with("value ")) return {};
  const std::size_t from = outcome.find(' ') + 1;
  try {
    return audit_notes_and_parts(entry, future, outcome.substr(from, outcome.rfind(' ') - from));
  } catch (const std::exception& e) {
    return entry.key + ": what it has told: " + e.what();
  }
}

void expect_nothing_wrong(const Wrong& wrong) {
  for (const std::string& what : wrong) FAIL_CHECK(what);
  REQUIRE(wrong.empty());
}

Wrong audit_store(const std::filesystem::path& state_dir, const Ledger& ledger,
                  const std::vector<LedgerEntry>& entries) {
  // What a reader of these entries was told before the crash is in the store; what was told after is too.
  std::vector<std::pair<const LedgerEntry*, bool>> told;
  for (const LedgerEntry& entry : entries) told.emplace_back(&entry, entry.future.done());
  const auto stored = read_store(state_dir);
  if (!stored) return {stored.problem().message};
  Wrong wrong = audit_names_of(*stored);
  wrong.insert(wrong.end(), stored->lost.begin(), stored->lost.end());
  for (const auto& [entry, done] : told) {
    if (wrong.size() >= kMostComplaints) return wrong;
    if (std::string what = audit(*stored, *entry); !what.empty()) {
      wrong.push_back(std::move(what));
    } else if (done && !entry->name.empty() && ledger.name_is(entry->key) == NameIs::kept &&
               stored->jobs.at(entry->future.id()) == State::pending) {
      wrong.push_back(entry->key + ": its outcome was told, but is not in the store");
    }
  }
  return wrong;
}

Wrong audit_older_store(const std::filesystem::path& state_dir) {
  // The files of results that were to be kept no more have been removed since.
  const auto stored = read_store(state_dir);
  return stored ? audit_names_of(*stored) : Wrong{stored.problem().message};
}

Wrong audit_names(const std::string& endpoint, const Ledger& ledger,
                  const std::vector<LedgerEntry>& entries) {
  ClientOptions options;
  options.endpoint = endpoint;
  options.connect_timeout = kPatience;
  Client client(options);
  std::vector<std::pair<const LedgerEntry*, AnyFuture>> asked;
  for (const LedgerEntry& entry : entries) {
    if (!entry.name.empty() && entry.name_is != NameIs::going)
      asked.emplace_back(&entry, client.future(entry.name));
  }
  Wrong wrong;
  for (const auto& [entry, future] : asked) {
    if (wrong.size() >= kMostComplaints) break;
    if (std::string what = audit_fetched(*entry, future, ledger); !what.empty())
      wrong.push_back(std::move(what));
  }
  return wrong;
}

Runs::Runs(const std::filesystem::path& file) {
  std::ifstream lines(file);
  int line = 0;
  for (std::string key; std::getline(lines, key); ++line) {
    Of& of = runs_[key];
    if (of.count++ == 0) of.first = line;
  }
}

int Runs::of(const std::string& key) const {
  const auto found = runs_.find(key);
  return found == runs_.end() ? 0 : found->second.count;
}

int Runs::first(const std::string& key) const {
  const auto found = runs_.find(key);
  return found == runs_.end() ? -1 : found->second.first;
}

Wrong RunsAudit::check(const std::vector<LedgerEntry>& entries) {
  std::vector<bool> done;
  for (const LedgerEntry& entry : entries) done.push_back(entry.future.done());
  const Runs runs(file_);
  Wrong wrong;
  for (std::size_t i = 0; i < entries.size() && wrong.size() < kMostComplaints; ++i) {
    const LedgerEntry& entry = entries[i];
    const int count = runs.of(entry.key);
    if (entry.at_most_once && count > 1)
      wrong.push_back(entry.key + ": at most once, but it has begun " + std::to_string(count) + " times");
    if (!done[i]) continue;
    const auto [told, is_new] = told_.emplace(entry.key, count);
    if (is_new || told->second == count) continue;
    ++again_after_told_;
    told->second = count;
    if (!entry.name.empty() && entry.name_is == NameIs::kept)
      wrong.push_back(entry.key + ": its outcome was told, and it has run again");
  }
  check_order(entries, runs, wrong);
  return wrong;
}

void RunsAudit::check_order(const std::vector<LedgerEntry>& entries, const Runs& runs, Wrong& wrong) {
  overtaken_ = 0;
  const LedgerEntry* last = nullptr;    // the last to begin of all before this wave
  const LedgerEntry* newest = nullptr;  // the last to begin of all
  for (const LedgerEntry& entry : entries) {
    const int first = runs.first(entry.key);
    if (entry.wave == 0 || first < 0) continue;
    if (newest != nullptr && newest->wave < entry.wave) last = newest;
    if (last != nullptr && runs.first(last->key) > first && wrong.size() < kMostComplaints)
      wrong.push_back(entry.key + " has begun before " + last->key +
                      ", which was accepted before it was submitted, and has run " +
                      std::to_string(runs.of(last->key)) + " times" +
                      (last->at_most_once ? ", at most once" : "") +
                      (last->name.empty() ? ", unnamed" : ", named"));
    if (newest == nullptr || runs.first(newest->key) < first) {
      newest = &entry;
    } else {
      ++overtaken_;
    }
  }
}

Wrong RunsAudit::check_ended(const std::vector<LedgerEntry>& entries) {
  for (const LedgerEntry& entry : entries) entry.future.wait(kPatience);
  Wrong wrong = check(entries);
  const Runs runs(file_);
  for (const LedgerEntry& entry : entries) {
    if (wrong.size() >= kMostComplaints) break;
    const int times = runs.of(entry.key);
    if (times > 1) ++again_;
    const std::string outcome = outcome_of(entry.future);
    const bool own = times >= 1 && outcome.find(' ' + entry.key + ' ') != std::string::npos;
    const bool interrupted = entry.at_most_once && outcome.starts_with("failed interrupted");
    if (outcome == "cancelled" || interrupted) continue;
    if (!own || !outcome.ends_with(end_of(entry))) {
      wrong.push_back(entry.key + ": has run " + std::to_string(times) + " times, and ended as " +
                      outcome.substr(0, 200));
    }
  }
  return wrong;
}

}  // namespace promised::test
