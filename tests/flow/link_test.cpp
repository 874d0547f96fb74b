// SPDX-License-Identifier: Apache-2.0
// Jobs that hang together, over restarts of the daemon (SEMANTICS C): between any two steps, what is left
// goes on.
#include <doctest/doctest.h>

#include "tests/flow/stored_house.hpp"
#include "tests/unit/decide/kin.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

Settings one_by_one() {
  Settings settings = one_pool();
  settings.pools[0].prefetch = 1;
  return settings;
}

/// A house that is left by a kill and entered again.
struct Story {
  StoredHouse house{one_by_one()};
  SessionId client = house->connect();

  void restart() {
    house.commit();
    house.restart_after(1s);
    client = house->connect();
    house.commit();
  }
  JobId finish(const std::string& text) { return house->finish(house.worker(), text_value(text)); }
  State state(const JobId& id) { return test::state(*house, client, id); }
  std::optional<message::Ended> outcome(const JobId& id) {
    house->ask(client, message::Watch{.key = {id, {}}});
    house.commit();
    return house->ended(client, id);
  }
};

}  // namespace

TEST_CASE("C1 callbacks are there after a restart, and run when their parent ends then") {
  Story story;
  const JobId parent = story.house->submit(story.client);
  const JobId success = add_callback(*story.house, story.client, parent, Follows::success);
  const JobId failure = add_callback(*story.house, story.client, parent, Follows::failure);
  const JobId second = add_callback(*story.house, story.client, success, Follows::done);
  story.house->wait(1s);
  story.restart();
  CHECK(story.state(success) == State::waiting);
  CHECK(story.house->show(story.client, parent).related.size() == 2);
  CHECK(story.finish("made") == parent);
  CHECK(first_argument(*story.house).result<std::string>() == "made");
  CHECK(last_arguments(*story.house).positional.at(1) == Value("own"));
  CHECK(story.state(failure) == State::cancelled);
  story.restart();  // in the middle of the callback
  CHECK(first_argument(*story.house).result<std::string>() == "made");
  CHECK(last_arguments(*story.house).positional.at(1) == Value("own"));
  CHECK(story.finish("told") == success);
  CHECK(first_argument(*story.house).result<std::string>() == "told");
  CHECK(story.finish("") == second);
}

TEST_CASE("C1 the end of a parent and its callback's turn are on disk together, or neither is") {
  Story story;
  const JobId parent = story.house->submit(story.client);
  const JobId callback = add_callback(*story.house, story.client, parent, Follows::done);
  story.house->wait(1s);
  story.house.commit();
  CHECK(story.finish("lost with the daemon") == parent);
  story.house.restart_after(1s);
  story.client = story.house->connect();
  CHECK(story.state(callback) == State::waiting);
  CHECK(story.finish(std::string(3000, 'x')) == parent);
  story.restart();
  CHECK(first_argument(*story.house).result<std::string>() == std::string(3000, 'x'));
  CHECK(story.finish("") == callback);
}

TEST_CASE("T3 C4 the deadline of a composite within another counts from its turn, over a restart too") {
  Story story;
  Tree tree(Composite::serial);
  const auto first = tree.call();
  const auto inner = tree.composite(Composite::serial);
  tree.nodes()[inner].options.deadline(60s);
  const auto member = tree.call(inner);
  tree.submit(*story.house, story.client);
  story.house->wait(50s);
  story.restart();
  CHECK(story.finish("a") == tree.id(first));
  story.house->wait(20s);
  story.restart();
  story.house->wait(20s);
  CHECK(story.state(tree.id(inner)) == State::waiting);
  CHECK(story.finish("b") == tree.id(member));
  CHECK(story.outcome(tree.id())->state == State::succeeded);
}

TEST_CASE("C2 a branch that was not taken stays so over a restart") {
  Story story;
  const JobId parent = story.house->submit(story.client, "f", Options{}.remember("n", 1h));
  const JobId failure =
      add_callback(*story.house, story.client, parent, Follows::failure, Options{}.remember("failure", 1h));
  CHECK(story.finish("") == parent);
  story.restart();
  CHECK(story.state(failure) == State::cancelled);
  const JobId behind = add_callback(*story.house, story.client, failure, Follows::done);
  CHECK(story.state(behind) == State::cancelled);
}

TEST_CASE("C1 a callback of a job that waits on disk") {
  Settings settings = one_by_one();
  settings.limits.max_in_memory = 1;
  StoredHouse house(settings);
  auto client = house->connect();
  for (int i = 0; i < 30; ++i) house->submit(client);
  const JobId parent = house->submit(client);
  const JobId callback = add_callback(*house, client, parent, Follows::done);
  house->wait(1s);  // all of them are written by then
  house.commit();
  house.restart_after();
  client = house->connect();
  CHECK(state(*house, client, callback) == State::waiting);
  int runs = 0;
  for (; house->show(client, callback).state == State::waiting && runs < 100; ++runs) {
    house->finish(house.worker(), text_value("x"));
    house.commit();
  }
  CHECK(runs == 31);
  CHECK(first_argument(*house).id == parent);
}

TEST_CASE("C4 a composite goes on after a restart between any two of its steps") {
  Tree tree(Composite::serial);
  const auto a = tree.call(), b = tree.call();
  const auto inner = tree.composite(Composite::parallel);
  const auto c = tree.call(inner), d = tree.call(inner);
  const auto then = tree.call(0, Follows::then);
  for (int cut = 0; cut <= 5; ++cut) {
    CAPTURE(cut);
    Story story;
    tree.submit(*story.house, story.client);
    const auto order = {a, b, c, d, then};
    int step = 0;
    for (const auto place : order) {
      if (step++ == cut) story.restart();
      if (place == then) {
        const auto list = from_value<std::vector<Outcome>>(last_arguments(*story.house).positional.at(0));
        REQUIRE(list.size() == 3);
        CHECK(list[0].result<std::string>() == std::string(2000, 'a'));
        CHECK(list[1].result<std::string>() == "2");
        CHECK(list[2].result<std::vector<Outcome>>().size() == 2);
      }
      CHECK(story.finish(place == a ? std::string(2000, 'a') : std::to_string(place)) == tree.id(place));
      story.house.commit();  // a result that is read comes after its own commit
    }
    if (cut == 5) story.restart();
    const auto ended = story.outcome(tree.id());
    REQUIRE(ended);
    CHECK(ended->state == State::succeeded);
    CHECK(story.house->sent(story.client).back().payload == text_value(std::to_string(then)));
  }
}

TEST_CASE("C4 results that are on disk alone after a restart are gathered into the list") {
  Story story;
  Tree tree(Composite::parallel);
  const auto a = tree.call(), b = tree.call();
  tree.submit(*story.house, story.client);
  CHECK(story.finish(std::string(3000, 'a')) == tree.id(a));
  story.restart();
  CHECK(story.finish("b") == tree.id(b));
  story.house.commit();
  const auto ended = story.outcome(tree.id());
  REQUIRE(ended);
  const auto list = told_list(*story.house, story.client);
  REQUIRE(list.size() == 2);
  CHECK(list[0].result<std::string>() == std::string(3000, 'a'));
  CHECK(list[1].result<std::string>() == "b");
}

TEST_CASE("C4 a member that ends because of the restart counts for its composite, once") {
  Story story;
  Tree tree(Composite::serial, MemberFailure::go_on, Options{}.remember("n", 1h));
  const auto a = tree.call(0, Follows::member, Options{}.at_most_once()), then = tree.call(0, Follows::then);
  tree.submit(*story.house, story.client);
  story.house.commit();
  story.house->begin(story.house.worker());
  story.restart();
  CHECK(story.house->show(story.client, tree.id(a)).failure.cause == Cause::interrupted);
  const auto list = from_value<std::vector<Outcome>>(last_arguments(*story.house).positional.at(0));
  REQUIRE(list.size() == 1);
  CHECK(list[0].failure.cause == Cause::interrupted);
  CHECK(story.finish("told") == tree.id(then));
  CHECK(story.house->hand(story.house.worker()).channel.empty());
  CHECK(story.state(tree.id()) == State::succeeded);
}

TEST_CASE("C6 a composite that was cancelled is cancelled after a restart, with what ran of it") {
  Story story;
  Tree tree(Composite::serial, MemberFailure::go_on, Options{}.remember("n", 1h));
  const auto a = tree.call(), b = tree.call();
  tree.submit(*story.house, story.client);
  story.house->begin(story.house.worker());
  story.house->ask(story.client, message::Cancel{{tree.id(), {}}, false, "why not"});
  story.restart();
  CHECK(story.state(tree.id()) == State::cancelled);
  CHECK(story.state(tree.id(a)) == State::cancelled);
  CHECK(story.state(tree.id(b)) == State::cancelled);
  CHECK(story.house->show(story.client, tree.id()).reason.find("why not") != std::string::npos);
}

TEST_CASE("C7 a job that has returned a future comes to the same after a restart") {
  Story story;
  const JobId job = story.house->submit(story.client, "f", Options{}.remember("n", 1h));
  const JobId child = story.house->submit(story.client);
  const WorkerId worker = story.house.worker();
  const message::Run run = story.house->begin(worker);
  story.house->hand(worker).channel.pop_front();
  story.house->handle(event::AttemptEnded{worker, run.sequence, {}, 1ms, {}, {}, child});
  story.restart();
  CHECK(story.state(job) == State::waiting);
  CHECK(story.house->show(story.client, job).attempts == 1);
  CHECK(story.finish("made") == child);
  const auto ended = story.outcome(job);
  REQUIRE(ended);
  CHECK(ended->state == State::succeeded);
  CHECK(story.house->sent(story.client).back().payload == text_value("made"));
}

TEST_CASE("C3 nothing is left in the store of jobs that hung together and are gone") {
  Story story;
  const JobId parent = story.house->submit(story.client);
  add_callback(*story.house, story.client, parent, Follows::done);
  Tree tree(Composite::parallel);
  tree.call(), tree.call();
  tree.submit(*story.house, story.client);
  story.house.commit();
  while (!story.house->hand(story.house.worker()).channel.empty()) story.finish("x");
  story.house.commit();
  story.house->disconnect(story.client);
  story.house->wait(1h);
  story.house.commit();
  story.house.restart_after(1s);
  story.client = story.house->connect();
  CHECK(story.house->status(story.client).limits.at(0).used == 0);
  CHECK(story.house.links_on_disk() == 0);
}
