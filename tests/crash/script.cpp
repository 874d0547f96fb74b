// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/script.hpp"

#include <exception>
#include <stdexcept>
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

Script::Submitted Script::submit(const std::string& key, Options options, int ms, std::size_t padding,
                                 const char* function) {
  LedgerEntry entry{.key = key,
                    .name = options.name(),
                    .at_most_once = std::as_const(options).at_most_once(),
                    .future = {}};
  Submitted submitted{std::move(entry), std::move(options), ms, padding, function};
  send(submitted);
  return submitted;
}

void Script::send(Submitted& s) {
  s.entry.future =
      client_.submit(s.options, s.function, s.entry.key, runs_, s.ms, std::string(s.padding, 'p'));
}

void Script::accept(Submitted& submitted) {
  while (!is_accepted(submitted.entry.future, kPatience)) {
    wait_for_space();
    send(submitted);
  }
}

void Script::keep(Submitted& submitted) {
  accept(submitted);
  ledger_.accepted(submitted.entry);
}

void Script::wait_for_space() {
  const bool there = eventually([&] { return client_.status(kPatience).full_since == WallClock(); });
  if (!there) throw std::runtime_error("the disk stays full");
}

void Script::run() {
  for (int i = 0; i < 3; ++i) {
    Submitted named =
        submit("named-" + std::to_string(i), Options().remember("n" + std::to_string(i), 10min), 0, 10);
    keep(named);
    named.entry.future.wait(kPatience);
  }
  Submitted once = submit("once", Options().at_most_once(), 0, 10);
  keep(once);
  once.entry.future.wait(kPatience);
  std::vector<Submitted> burst;
  for (int i = 0; i < 20; ++i) burst.push_back(submit("quick-" + std::to_string(i), {}, 0, 100));
  for (Submitted& quick : burst) keep(quick);
  remember_and_forget();
  talk();
  take();
  lapse_at_once();
  name_one_of_the_backlog();
  cancel_behind_another();
  fill_the_log();
}

void Script::insist(const std::function<void()>& ask) {
  while (true) {
    try {
      ask();
      return;
    } catch (const RefusedError& e) {
      if (e.code() != "disk_full") throw;
      wait_for_space();
    }
  }
}

void Script::remember_and_forget() {
  Submitted forgotten = submit("forgotten", Options().remember("f", 10min), 0, 3000);
  keep(forgotten);
  ledger_.name_is("forgotten", NameIs::going);
  try {
    client_.forget("f", kPatience);
  } catch (const NoSuchFuture&) {
    // The answer to the first asking was lost in a crash.
  }
  ledger_.name_is("forgotten", NameIs::forgotten);
  Submitted late = submit("late", {}, 5, 10);
  accept(late);
  // With its outcome, if that has arrived and is gone there.
  insist([&] { Future<>(late.entry.future).remember("late", 10min); });
  late.entry.name = "late";
  ledger_.accepted(late.entry);
}

/// Notes of both sides, progress and parts.
void Script::talk() {
  Submitted talking = submit("talk", Options().remember("t", 10min), 20, 10, "talk");
  talking.entry.talks = true;
  keep(talking);
  insist([&] {
    if (talking.entry.future.note("client", talking.entry.key)) ledger_.noted(talking.entry.key);
  });
  talking.entry.future.wait(kPatience);
}

/// Of two who take, over all crashes, one gets it.
void Script::take() {
  Submitted taken = submit("taken", Options().remember("k", 10min), 0, 10);
  keep(taken);
  taken.entry.future.wait(kPatience);
  Client other(options_for_load(client_.endpoint(), ledger_));
  ledger_.name_is("taken", NameIs::going);
  int got = 0;
  for (Client* taker : {&other, &client_}) {
    try {
      static_cast<void>(taker->future("k").take_value(kPatience));
      ++got;
    } catch (const NoSuchFuture&) {
      // The other has it.
    }
  }
  if (got != 1) ledger_.complain("an outcome was taken " + std::to_string(got) + " times");
  ledger_.name_is("taken", NameIs::forgotten);
}

/// Its name goes with its delivery, and leaves the tombstone of its id.
void Script::lapse_at_once() {
  Submitted brief = submit("brief", Options().remember("brief", 0ms), 0, 10);
  accept(brief);
  brief.entry.name.clear();
  ledger_.accepted(brief.entry);
  brief.entry.future.wait(kPatience);
}

/// One that waits on disk alone becomes one that the next start has to know.
void Script::name_one_of_the_backlog() {
  std::vector<Submitted> many;
  many.push_back(submit("before-many", Options().queue(kOrderedQueue), 50, 0));
  for (int i = 0; i < 60; ++i)
    many.push_back(submit("many-" + std::to_string(i), Options().queue(kOrderedQueue), 0, 0));
  for (Submitted& one : many) accept(one);
  LedgerEntry& last = many.back().entry;
  insist([&] { Future<>(last.future).remember("known", 10min); });
  // What ended unnamed before a kill may have run again: then the name stands for that run.
  if (!last.future.done()) last.name = "known";
  for (const Submitted& one : many) ledger_.accepted(one.entry);
  last.future.wait(kPatience);
}

void Script::cancel_behind_another() {
  Submitted first = submit("first", Options().queue(kOrderedQueue), 20, 0);
  Submitted behind = submit("behind", Options().queue(kOrderedQueue).remember("b", 10min), 0, 0);
  keep(first);
  keep(behind);
  Future<>(behind.entry.future).timeout(1h).run_timeout(1h);
  const JobView adjusted = client_.show(behind.entry.future.id(), kPatience);
  if (!is_ended(adjusted.state) && (adjusted.timeout != 1h || adjusted.run_timeout != 1h))
    ledger_.complain("new limits were acknowledged, and are not there");
  client_.cancel(behind.entry.future.id(), kPatience);
  behind.entry.future.wait(kPatience);
}

/// Enough for the log to be copied into the database as soon as there is nothing else to do.
void Script::fill_the_log() {
  Submitted large = submit("large", Options().remember("l", 10min), 0, 2'200'000);
  keep(large);
  large.entry.future.wait(kPatience);
  Submitted last = submit("last", Options().remember("z", 10min), 0, 10);
  keep(last);
  last.entry.future.wait(kPatience);
}

}  // namespace promised::test
