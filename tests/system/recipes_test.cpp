// SPDX-License-Identifier: Apache-2.0
// The recipes at the end of docs/scheduling.md, as they stand there.
#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "tests/system/night.hpp"
#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

class Kitchen {
 public:
  explicit Kitchen(int workers, DaemonConfig config = {})
      : log_(directory_ / "log"),
        daemon(config.pool("recipes", RECIPE_WORKER,
                           {{"size", std::to_string(workers)}, {"environment.RECIPE_LOG", log_.string()}})),
        client(connect(daemon)) {}

  /// What the functions have written, in the order of their beginning.
  [[nodiscard]] std::vector<std::string> log() const {
    std::istringstream text(read_file(log_));
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }
  [[nodiscard]] std::string path(const char* name) const { return directory_ / name; }

 private:
  TempDirectory directory_;
  std::filesystem::path log_;

 public:
  TestDaemon daemon;
  Client client;
};

}  // namespace

TEST_CASE("Q5 recipe: one at a time per customer, in order, and different customers at the same time") {
  Kitchen kitchen(4);
  const std::string gate = kitchen.path("gate");
  std::vector<AnyFuture> sent;
  for (const std::string invoice : {"1", "2", "3"}) {
    for (const std::string id : {"a", "b"}) {
      sent.push_back(
          kitchen.client.submit(Options{}.exclusive("customer-" + id), "invoice.send", id + invoice, gate));
      sent.back().accepted(kPatience);
    }
  }
  REQUIRE(eventually([&] { return kitchen.log().size() == 2; }));
  CHECK(sent[0].running());
  CHECK(sent[1].running());
  write_file(gate, "");
  for (const AnyFuture& future : sent) CHECK_FALSE(future.failure(kPatience));
  std::vector<std::string> log = kitchen.log();
  const auto others = std::stable_partition(log.begin(), log.end(),
                                            [](const std::string& line) { return line.starts_with("a"); });
  CHECK(std::vector<std::string>(log.begin(), others) ==
        std::vector<std::string>{"a1 begins", "a1 sent", "a2 begins", "a2 sent", "a3 begins", "a3 sent"});
  CHECK(std::vector<std::string>(others, log.end()) ==
        std::vector<std::string>{"b1 begins", "b1 sent", "b2 begins", "b2 sent", "b3 begins", "b3 sent"});
}

TEST_CASE("Q2 recipe: ten a second") {
  Kitchen kitchen(4, DaemonConfig().set("queue.geocoder", "rate", "10/s burst 1"));
  std::vector<Future<std::string>> places;
  for (const std::string address : {"A", "B", "C", "D"}) {
    const std::string name = "address " + address;
    places.push_back(kitchen.client.submit<std::string>(Options{}.queue("geocoder").remember(name, 60s),
                                                        "address.locate", address));
    places.back().accepted(kPatience);
  }
  CHECK(places[3].result(kPatience) == "the place of D");
  const WallClock begin = kitchen.client.show(places[0].id()).submitted;
  for (int i = 0; i < 4; ++i) {
    CAPTURE(i);
    const JobView view = kitchen.client.show(places[static_cast<std::size_t>(i)].id());
    CHECK(view.started - begin >= i * 100ms - 2ms);
  }
}

TEST_CASE(
    "Q8 T2 recipe: nightly, where each night's run submits the next one, once however often it is tried") {
  Kitchen kitchen(2);
  // Far enough from the next midnight for any test.
  const std::string night = day_after(day_of(std::chrono::system_clock::now()));
  const std::string next = day_after(night);
  const auto tonight = kitchen.client.submit(Options{}.unique().retries(3).backoff(Backoff::fixed(1ms)),
                                             "report.nightly", night);
  CHECK_FALSE(tonight.failure(kPatience));
  CHECK(kitchen.log() == std::vector<std::string>{"report of " + night, "report of " + night});
  JobFilter filter;
  filter.function = "report.nightly";
  filter.states = {State::scheduled, State::pending, State::running};
  const std::vector<JobView> rest = kitchen.client.jobs(filter).jobs;
  REQUIRE(rest.size() == 1);
  CHECK(rest[0].state == State::scheduled);
  CHECK(rest[0].due == midnight_of(next));
  CHECK(rest[0].begin_by == 4h);
  CHECK(rest[0].retries == 3);
  // cron may submit it too.
  const auto again = kitchen.client.submit(
      Options{}.begin_after(midnight_of(next)).begin_by(4h).unique().retries(3), "report.nightly", next);
  again.accepted(kPatience);
  CHECK(again.id() == rest[0].id);
}

TEST_CASE("C4 recipe: fan out and collect") {
  Kitchen kitchen(2);
  Client& client = kitchen.client;
  const std::vector<std::string> pages = {"one", "and two", "", "three"};
  std::vector<promised::Call> parts;
  for (const std::string& page : pages) parts.push_back(promised::call("page.count", page));
  auto total = client.submit<int>(promised::parallel(std::move(parts)).then(promised::call("page.add_up")));
  CHECK(total.result(kPatience) == 15);
}

TEST_CASE("C4 C5 C1 recipe: a chain with error handling") {
  Kitchen kitchen(2);
  Client& client = kitchen.client;
  const auto ordered = [&](int id) {
    auto order = client.submit(promised::serial(promised::call("stock.reserve", id),
                                                promised::call(Options{}.retries(5), "card.charge", id),
                                                promised::call("parcel.send", id))
                                   .on_member_failure(promised::MemberFailure::stop));
    const auto undone = order.on_failure(promised::call("order.undo", id));
    const auto thanked = order.on_success(promised::call("mail.send", "thanks"));
    CHECK(undone.wait(kPatience));
    CHECK(thanked.wait(kPatience));
    return order;
  };
  CHECK_FALSE(ordered(7).failure(kPatience));
  CHECK(kitchen.log() ==
        std::vector<std::string>{"reserve 7", "charge 7", "parcel 7", "mail thanks: succeeded"});
  const auto failure = ordered(-8).failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::member_failed);
  CHECK(failure->message.starts_with("member 2 of 3 (job "));
  CHECK(failure->message.ends_with(", card.charge) has ended as failed: no such card"));
  const std::vector<std::string> log = kitchen.log();
  CHECK(std::vector<std::string>(log.begin() + 4, log.end()) ==
        std::vector<std::string>{"reserve -8", "charge -8", "undo -8: " + failure->message});
}
