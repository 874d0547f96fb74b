// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/storm.hpp"

#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "daemon/store/store.hpp"

namespace promised::test {
namespace {

constexpr int kSubmitters = 4;
constexpr int kWaiters = 2;
/// So many jobs more than were waited for: the kill comes while there is work, and so do the audits.
constexpr std::size_t kGoesOn = 300;

/// A few of the entries, so that a round stays short; the last audit has all.
std::vector<LedgerEntry> some_of(const std::vector<LedgerEntry>& entries, std::mt19937_64& random) {
  std::vector<LedgerEntry> some;
  std::sample(entries.begin(), entries.end(), std::back_inserter(some), 200, random);
  return some;
}

}  // namespace

std::uint64_t choose_seed() {
  const char* given = std::getenv("PROMISED_CRASH_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  MESSAGE("PROMISED_CRASH_SEED=" << seed);
  return seed;
}

std::size_t choose_count(const char* variable, std::size_t usual) {
  const char* given = std::getenv(variable);
  if (given != nullptr) return std::strtoull(given, nullptr, 10);
#ifdef PROMISED_SANITIZED
  return usual / 3;
#else
  return usual;
#endif
}

Storm::Storm(std::uint64_t seed)
    : random_(seed),
      daemon_(config_for_load(), TestDaemon::NotStarted{}),
      faults_(daemon_),
      runs_(daemon_.directory() / "runs"),
      runs_audit_(runs_),
      load_(ledger_, daemon_.endpoint(), runs_, kSubmitters, kWaiters, seed) {}

Exit Storm::live(const FaultPlan& plan, PowerCut cut, const std::function<Exit()>& until_the_end) {
  CAPTURE(to_string(plan));
  CAPTURE(static_cast<int>(cut));
  ++lives_;
  std::optional<Exit> exit = daemon_.try_start(faults_.environment(plan));
  was_ready_ = !exit.has_value();
  if (was_ready_) exit = until_the_end();
  strikes_.add(faults_.struck());
  if (cut != PowerCut::none) ++cuts_;
  faults_.cut_power(cut, random_);
  const std::vector<LedgerEntry> entries = ledger_.entries();
  expect_nothing_wrong(audit_store(daemon_.state_dir(), ledger_, entries));
  expect_nothing_wrong(runs_audit_.check(entries));
  expect_nothing_wrong(ledger_.complaints());
  return *exit;
}

Exit Storm::kill_after_some_jobs() {
  const std::size_t kill_at = ledger_.count() + 1 + random_() % 1000;
  load_.go_on_until(kill_at + kGoesOn);
  REQUIRE(ledger_.wait_for(kill_at));
  daemon_.kill9();
  return Exit{0, SIGKILL};
}

/// Others of the load may wait for acceptance meanwhile.
void Storm::expect_refusal() {
  Client client(options_for_load(daemon_.endpoint(), ledger_));
  const auto refused = client.submit("run", "refused", runs_.string(), 0, "");
  CHECK_FALSE(is_accepted(refused, kPatience));
}

Exit Storm::live_and_die(const FaultPlan& plan, PowerCut cut) {
  return live(plan, cut, [&] {
    if (plan.act.empty()) {
      expect_nothing_wrong(audit_names(daemon_.endpoint(), ledger_, some_of(ledger_.entries(), random_)));
      return kill_after_some_jobs();
    }
    load_.go_on_until(Load::kWithoutEnd);
    return await_end();
  });
}

/// How long it takes until the plan strikes depends on the disk: as long as the daemon gets further, it will.
Exit Storm::await_end() {
  std::uint32_t before = 0;
  const auto got_further = [&] {
    return faults_.operations() != std::exchange(before, faults_.operations());
  };
  while (!faults_.struck() && !daemon_.wait(kPatience) && got_further()) {
  }
  const auto exit = daemon_.await_end();
  REQUIRE(exit.has_value());
  return *exit;
}

Exit Storm::fill_up_and_die(const FaultPlan& plan, PowerCut cut) {
  const std::size_t log_before = daemon_.log().size();
  const auto says = [&](const char* what) {
    return daemon_.log().find(what, log_before) != std::string::npos;
  };
  return live(plan, cut, [&] {
    load_.go_on_until(Load::kWithoutEnd);
    std::uint32_t before = 0;
    while (!eventually([&] { return says("; until then durable jobs are refused") || !daemon_.running(); }))
      REQUIRE(faults_.operations() != std::exchange(before, faults_.operations()));
    if (daemon_.running()) {
      ++full_;
      if (plan.stays) expect_refusal();
      if (random_() % 4 == 0) {
        daemon_.kill9();  // while it is full
        return Exit{0, SIGKILL};
      }
      faults_.set_disk(Disk::whole);
      REQUIRE(eventually([&] { return says("there is space again") || !daemon_.running(); }));
    }
    return daemon_.running() ? kill_after_some_jobs() : await_end();
  });
}

void Storm::fold_log() {
  const auto store = Store::open(daemon_.state_dir());
  REQUIRE(store.ok());
  faults_.take_as_synced();
}

Wrong Storm::audit(const std::filesystem::path& state_dir) const {
  return audit_store(state_dir, ledger_, ledger_.entries());
}

Wrong Storm::audit_told(const std::string& endpoint) const {
  std::vector<LedgerEntry> told = ledger_.entries();
  std::erase_if(told, [](const LedgerEntry& entry) { return !entry.future.done(); });
  return audit_names(endpoint, ledger_, told);
}

void Storm::settle() {
  daemon_.start();
  expect_nothing_wrong(audit_names(daemon_.endpoint(), ledger_, some_of(ledger_.entries(), random_)));
  load_.stop();
  const std::vector<LedgerEntry> entries = ledger_.entries();
  expect_nothing_wrong(audit_names(daemon_.endpoint(), ledger_, entries));
  expect_nothing_wrong(runs_audit_.check_ended(entries));
  expect_nothing_wrong(ledger_.complaints());
  CHECK(daemon_.stop() == Exit{});
  expect_nothing_wrong(audit_store(daemon_.state_dir(), ledger_, entries));
  const auto count = [&](auto is) { return std::count_if(entries.begin(), entries.end(), is); };
  MESSAGE("lives: " << lives_ << ", power cuts: " << cuts_ << ", operations struck: " << strikes_.count()
                    << " (" << strikes_.text() << "), full disks survived: " << full_
                    << ", submissions refused meanwhile: " << load_.refused());
  MESSAGE("jobs accepted: " << entries.size() << ", named: " << count([](auto& e) { return !e.name.empty(); })
                            << ", forgotten: " << count([](auto& e) { return e.name_is != NameIs::kept; })
                            << ", cancelled: " << count([](auto& e) { return e.future.cancelled(); })
                            << ", at most once: " << count([](auto& e) { return e.at_most_once; })
                            << ", in order: " << count([](auto& e) { return e.wave != 0; })
                            << ", outcomes told to waiters: " << load_.outcomes_waited_for());
  MESSAGE("jobs that began again: " << runs_audit_.again()
                                    << ", of them unnamed ones after their outcome was told: "
                                    << runs_audit_.again_after_told()
                                    << "; overtaken within their wave: " << runs_audit_.overtaken());
}

}  // namespace promised::test
