// SPDX-License-Identifier: Apache-2.0
// Jobs that are made of others: when a member fails, or one is cancelled (SEMANTICS C5, C6).
#include <doctest/doctest.h>

#include <csignal>

#include "tests/unit/decide/trees.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("C5 stop: what has not begun is cancelled, what runs goes on, and the composite has failed") {
  Trees house(2);
  Tree tree(Composite::parallel, MemberFailure::stop);
  const auto a = tree.call(), b = tree.call(), c = tree.call(), then = tree.call(0, Follows::then);
  tree.submit(house, house.client);
  house.begin(house.at(tree.id(b)));
  house.fail(house.at(tree.id(a)), an_exception("no"));
  CHECK(house.state(tree.id(c)) == State::cancelled);
  CHECK(house.show(house.client, tree.id(c)).reason ==
        "another member of job " + tree.id().text() + " did not succeed, and it stops then");
  CHECK(house.state(tree.id(b)) == State::running);
  CHECK_FALSE(house.ended(house.client, tree.id()));
  house.end(tree.id(b), "b");
  const auto ended = house.ended(house.client, tree.id());
  REQUIRE(ended);
  CHECK(ended->failure.cause == Cause::member_failed);
  CHECK(ended->failure.message == "member 1 of 3 (job " + tree.id(a).text() + ", f) has ended as failed: no");
  CHECK(house.state(tree.id(then)) == State::cancelled);
}

TEST_CASE("C5 a serial that stops runs nothing more") {
  Trees house;
  Tree tree(Composite::serial, MemberFailure::stop);
  const auto a = tree.call(), b = tree.call();
  tree.submit(house, house.client);
  const WorkerId worker = house.at(tree.id(a));
  house.begin(worker);
  house.gone(worker, SIGSEGV);
  CHECK(house.state(tree.id(b)) == State::cancelled);
  CHECK(house.ended(house.client, tree.id())->failure.cause == Cause::member_failed);
}

TEST_CASE("C6 cancelling a composite cancels its members, and it ends when they have stopped") {
  Trees house(2);
  Tree tree(Composite::serial);
  const auto inner = tree.composite(Composite::parallel);
  const auto a = tree.call(inner), b = tree.call(inner), c = tree.call(inner), d = tree.call(),
             then = tree.call(0, Follows::then);
  tree.submit(house, house.client);
  house.begin(house.at(tree.id(a)));
  house.begin(house.at(tree.id(b)));
  house.ask(house.client, message::Cancel{{tree.id(), {}}, false, "not needed"});
  CHECK(house.last<message::Known>(house.client).effect);
  CHECK(house.state(tree.id(c)) == State::cancelled);
  CHECK(house.state(tree.id(d)) == State::cancelled);
  CHECK(house.state(tree.id()) == State::waiting);
  house.end(tree.id(a), "too late");
  house.end(tree.id(b), "too late");
  const auto ended = house.ended(house.client, tree.id());
  REQUIRE(ended);
  CHECK(ended->state == State::cancelled);
  CHECK(ended->reason.find("not needed") != std::string::npos);
  for (const auto place : {inner, a, b, then}) CHECK(house.state(tree.id(place)) == State::cancelled);
}

TEST_CASE("C6 cancelling while `then` runs ends both") {
  Trees house;
  Tree tree(Composite::serial);
  const auto then = tree.call(0, Follows::then);
  tree.submit(house, house.client);
  house.begin(house.at(tree.id(then)));
  house.ask(house.client, message::Cancel{{tree.id(), {}}});
  CHECK(house.state(tree.id()) == State::waiting);
  house.end(tree.id(then), "too late");
  CHECK(house.ended(house.client, tree.id())->state == State::cancelled);
}

TEST_CASE("C6 a composite that is cancelled ends as that, also if its members stop after its deadline") {
  Trees house;
  Tree tree(Composite::serial, MemberFailure::go_on, Options{}.deadline(5s));
  const auto a = tree.call();
  tree.submit(house, house.client);
  house.begin(house.at(tree.id(a)));
  house.ask(house.client, message::Cancel{{tree.id(), {}}, false, "not needed"});
  CHECK(house.state(tree.id()) == State::waiting);
  house.wait(5s);
  const auto ended = house.ended(house.client, tree.id());
  REQUIRE(ended);
  CHECK(ended->state == State::cancelled);
  CHECK(ended->reason.find("not needed") != std::string::npos);
  house.end(tree.id(a), "too late");
  CHECK(house.state(tree.id(a)) == State::cancelled);
}

TEST_CASE("C5 C7 a member that has returned a future has begun, and goes on when another fails") {
  Trees house(2);
  Tree tree(Composite::parallel, MemberFailure::stop);
  const auto a = tree.call(), b = tree.call();
  tree.submit(house, house.client);
  const JobId child = house.submit(house.client);
  const WorkerId worker = house.at(tree.id(a));
  const message::Run run = house.begin(worker);
  house.hand(worker).channel.pop_front();
  house.handle(event::AttemptEnded{worker, run.sequence, {}, 1ms, {}, {}, child});
  house.fail(house.at(tree.id(b)), an_exception());
  CHECK(house.state(tree.id(a)) == State::waiting);
  house.end(child, "made");
  CHECK(house.state(tree.id(a)) == State::succeeded);
  CHECK(house.ended(house.client, tree.id())->failure.cause == Cause::member_failed);
}

TEST_CASE("C5 stop goes down into composites that have begun: what has not begun there is cancelled too") {
  Trees house(2);
  Tree tree(Composite::parallel, MemberFailure::stop);
  const auto fails = tree.call();
  const auto inner = tree.composite(Composite::serial);
  const auto runs = tree.call(inner), deep = tree.composite(Composite::parallel, inner);
  const auto of_deep = tree.call(deep), later = tree.call(inner);
  tree.submit(house, house.client);
  house.begin(house.at(tree.id(runs)));
  house.fail(house.at(tree.id(fails)), an_exception("no"));
  const std::string why = "another member of job " + tree.id().text() + " did not succeed, and it stops then";
  CHECK(house.show(house.client, tree.id(later)).reason == why);
  for (const auto place : {deep, of_deep, later}) CHECK(house.state(tree.id(place)) == State::cancelled);
  CHECK(house.state(tree.id(runs)) == State::running);
  CHECK(house.state(tree.id(inner)) == State::waiting);
  CHECK_FALSE(house.ended(house.client, tree.id()));
  house.end(tree.id(runs), "done");
  // Its own course goes on after failures: it comes to a list.
  CHECK(house.state(tree.id(inner)) == State::succeeded);
  const auto ended = house.ended(house.client, tree.id());
  REQUIRE(ended);
  CHECK(ended->failure.cause == Cause::member_failed);
  CHECK(ended->failure.message ==
        "member 1 of 2 (job " + tree.id(fails).text() + ", f) has ended as failed: no");
}

TEST_CASE("C5 the `then` of a composite that is stopped from outside does not begin, and it ends as that") {
  Trees house(2);
  Tree tree(Composite::parallel, MemberFailure::stop);
  const auto fails = tree.call();
  const auto inner = tree.composite(Composite::serial);
  const auto runs = tree.call(inner), then = tree.call(inner, Follows::then);
  tree.submit(house, house.client);
  house.begin(house.at(tree.id(runs)));
  house.fail(house.at(tree.id(fails)), an_exception("no"));
  CHECK(house.state(tree.id(then)) == State::cancelled);
  house.end(tree.id(runs), "done");
  CHECK(house.state(tree.id(inner)) == State::cancelled);
  CHECK(house.ended(house.client, tree.id())->failure.cause == Cause::member_failed);
}
