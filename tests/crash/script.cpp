// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/script.hpp"

#include <exception>
#include <utility>
#include <vector>

#include "tests/crash/load.hpp"
#include "tests/support/eventually.hpp"

namespace promised::test {

Script::Script(Ledger& ledger, const std::string& endpoint, std::filesystem::path runs)
    : ledger_(ledger), runs_(runs.string()), client_(options_for_load(endpoint, ledger)), thread_([this] {
        try {
          run();
        } catch (const std::exception& e) {
          ledger_.complain(std::string("the script: ") + e.what());
        }
        over_ = true;
      }) {}

Script::~Script() {
  thread_.join();
}

LedgerEntry Script::submit(const std::string& key, Options options, int ms, std::size_t padding) {
  LedgerEntry entry{.key = key,
                    .name = options.name(),
                    .at_most_once = std::as_const(options).at_most_once(),
                    .future = {}};
  entry.future = client_.submit(options, "run", key, runs_, ms, std::string(padding, 'p'));
  return entry;
}

void Script::keep(const LedgerEntry& entry) {
  entry.future.accepted(kPatience);
  ledger_.accepted(entry);
}

void Script::run() {
  for (int i = 0; i < 3; ++i) {
    const LedgerEntry entry =
        submit("named-" + std::to_string(i), Options().remember("n" + std::to_string(i), 10min), 0, 10);
    keep(entry);
    entry.future.wait(kPatience);
  }
  const LedgerEntry once = submit("once", Options().at_most_once(), 0, 10);
  keep(once);
  once.future.wait(kPatience);
  std::vector<LedgerEntry> burst;
  for (int i = 0; i < 20; ++i) burst.push_back(submit("quick-" + std::to_string(i), {}, 0, 100));
  for (const LedgerEntry& entry : burst) keep(entry);
  remember_and_forget();
  cancel_behind_another();
  fill_the_log();
}

void Script::remember_and_forget() {
  keep(submit("forgotten", Options().remember("f", 10min), 0, 3000));
  ledger_.name_is("forgotten", NameIs::going);
  try {
    client_.forget("f", kPatience);
  } catch (const NoSuchFuture&) {
    // The answer to the first asking was lost in a crash.
  }
  ledger_.name_is("forgotten", NameIs::forgotten);
  LedgerEntry late = submit("late", {}, 5, 10);
  late.future.accepted(kPatience);
  Future<>(late.future).remember("late", 10min);  // with its outcome, if that has arrived and is gone there
  late.name = "late";
  ledger_.accepted(late);
}

void Script::cancel_behind_another() {
  const LedgerEntry first = submit("first", Options().queue(kOrderedQueue), 20, 0);
  const LedgerEntry behind = submit("behind", Options().queue(kOrderedQueue).remember("b", 10min), 0, 0);
  keep(first);
  keep(behind);
  client_.cancel(behind.future.id(), kPatience);
  behind.future.wait(kPatience);
}

/// Enough for the log to be copied into the database as soon as there is nothing else to do.
void Script::fill_the_log() {
  const LedgerEntry large = submit("large", Options().remember("l", 10min), 0, 2'200'000);
  keep(large);
  large.future.wait(kPatience);
  const LedgerEntry last = submit("last", Options().remember("z", 10min), 0, 10);
  keep(last);
  last.future.wait(kPatience);
}

}  // namespace promised::test
