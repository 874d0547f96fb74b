// SPDX-License-Identifier: Apache-2.0
// Jobs that are made of others (SEMANTICS C4, C6): the rule of their course, and stories.
#include <doctest/doctest.h>

#include "daemon/decide/links.hpp"
#include "tests/unit/decide/trees.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

using Places = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("C4 the course of a composite: who goes next after which end") {
  Course serial(Composite::serial, MemberFailure::go_on, 3);
  CHECK(serial.begin().go == Places{0});
  CHECK(serial.ended(0, State::failed).go == Places{1});
  CHECK(serial.ended(2, State::cancelled).go.empty());  // before its turn
  const Course::Step last = serial.ended(1, State::succeeded);
  CHECK(last.go.empty());
  CHECK(last.over);
  CHECK_FALSE(serial.failed());

  Course parallel(Composite::parallel, MemberFailure::stop, 3);
  CHECK(parallel.begin().go == Places{0, 1, 2});
  const Course::Step stop = parallel.ended(1, State::expired);
  CHECK(stop.stop);
  CHECK_FALSE(stop.over);
  CHECK(parallel.failed() == 1);
  CHECK_FALSE(parallel.ended(0, State::failed).stop);
  CHECK(parallel.ended(2, State::succeeded).over);
  CHECK(parallel.failed() == 1);

  Course stopped(Composite::serial, MemberFailure::stop, 3);
  CHECK(stopped.begin().go == Places{0});
  CHECK(stopped.ended(0, State::failed).go.empty());

  Course found(Composite::parallel, MemberFailure::go_on, 3);
  found.found_ended(0, State::succeeded);
  found.found_gone(1);
  CHECK(found.begin().go == Places{2});
  CHECK(found.unended() == 2);
  CHECK(Course(Composite::serial, MemberFailure::stop, 0).begin().over);
}

TEST_CASE("C4 serial runs one after the other, and comes to the outcomes in order") {
  Trees house(2);
  Tree tree(Composite::serial);
  const auto a = tree.call(), b = tree.call();
  const std::uint64_t number = tree.submit(house, house.client);
  CHECK(house.last<message::Accepted>(house.client).numbers == std::vector{number});
  CHECK(house.state(tree.id()) == State::waiting);
  CHECK(house.show(house.client, tree.id()).reason == "it waits for 2 of its 2 members");
  CHECK(house.state(tree.id(b)) == State::waiting);
  CHECK(last_arguments(house).positional == Value::List{Value("1")});
  house.end(tree.id(a), "first");
  house.end(tree.id(b), "second");
  const auto list = told_list(house, house.client);
  REQUIRE(list.size() == 2);
  CHECK(list[0].id == tree.id(a));
  CHECK(list[0].result<std::string>() == "first");
  CHECK(list[1].result<std::string>() == "second");
  CHECK(house.ended(house.client, tree.id())->state == State::succeeded);
}

TEST_CASE("C4 parallel members run at the same time, and their order in the list is that of the call") {
  Trees house(2);
  Tree tree(Composite::parallel);
  const auto a = tree.call(), b = tree.call();
  tree.submit(house, house.client);
  house.end(tree.id(b), "b");
  CHECK(house.show(house.client, tree.id()).reason == "it waits for 1 of its 2 members");
  house.fail(house.at(tree.id(a)), an_exception());
  const auto list = told_list(house, house.client);
  CHECK(list[0].failure.message == "it went wrong");
  CHECK(list[1].result<std::string>() == "b");
}

TEST_CASE("C4 composites nest; `then` gets the list, and what it comes to is what the composite comes to") {
  Trees house(2);
  Tree tree(Composite::serial);
  const auto inner = tree.composite(Composite::parallel);
  const auto a = tree.call(inner), b = tree.call(inner);
  const auto c = tree.call();
  const auto then = tree.call(0, Follows::then);
  tree.submit(house, house.client);
  CHECK(house.show(house.client, tree.id(then)).reason ==
        "it begins when the members of job " + tree.id().text() + " (serial) have ended");
  CHECK(house.show(house.client, tree.id(c)).reason ==
        "its turn in job " + tree.id().text() + " (serial) has not come");
  house.end(tree.id(a), "a");
  house.end(tree.id(b), "b");
  CHECK(house.show(house.client, tree.id()).related.size() == 3);
  house.end(tree.id(c), "c");
  const auto list = from_value<std::vector<Outcome>>(last_arguments(house).positional.at(0));
  REQUIRE(list.size() == 2);
  CHECK(list[0].function == "parallel");
  CHECK(list[0].result<std::vector<Outcome>>()[1].result<std::string>() == "b");
  CHECK(last_arguments(house).positional.at(1) == Value(std::to_string(then)));
  CHECK(house.state(tree.id()) == State::waiting);
  house.end(tree.id(then), "all");
  CHECK(house.sent(house.client).back().payload == text_value("all"));
  CHECK(house.ended(house.client, tree.id())->state == State::succeeded);
}

TEST_CASE("C4 what `then` fails with is what the composite fails with") {
  Trees house;
  Tree tree(Composite::parallel);
  const auto then = tree.call(0, Follows::then);
  tree.submit(house, house.client);
  CHECK(from_value<std::vector<Outcome>>(last_arguments(house).positional.at(0)).empty());
  house.fail(house.at(tree.id(then)), an_exception("no list"));
  CHECK(house.ended(house.client, tree.id())->failure.message == "no list");
}

TEST_CASE("C4 an empty composite comes to an empty list") {
  for (const Composite kind : {Composite::serial, Composite::parallel}) {
    Trees house;
    Tree tree(kind);
    tree.submit(house, house.client);
    CHECK(told_list(house, house.client).empty());
  }
}

TEST_CASE("C6 members carry their own options, and the composite its deadline") {
  Trees house;
  Tree tree(Composite::parallel, MemberFailure::go_on, Options{}.deadline(5s));
  const auto a = tree.call(), b = tree.call(0, Follows::member, Options{}.priority(9).queue("q").timeout(1s));
  tree.submit(house, house.client);
  CHECK(house.show(house.client, tree.id(b)).priority == 9);
  CHECK(house.show(house.client, tree.id(b)).queue == "q");
  const bool b_runs = house.state(tree.id(b)) == State::running;
  const auto running = b_runs ? b : a, waiting = b_runs ? a : b;
  house.begin(house.at(tree.id(running)));
  house.wait(5s);
  const auto ended = house.ended(house.client, tree.id());
  REQUIRE(ended);
  CHECK(ended->failure.limit == "deadline");
  CHECK(is_ended(house.state(tree.id(waiting))));
  house.end(tree.id(running), "too late");
  CHECK(house.state(tree.id(running)) == State::cancelled);
}

TEST_CASE("C4 outcomes are kept until the composite has ended, large ones in the store alone") {
  Trees house;
  house.settings.limits.keep_unfetched = 1s;
  Tree tree(Composite::serial);
  const auto a = tree.call(), b = tree.call();
  tree.submit(house, house.client);
  house.end(tree.id(a), std::string(5000, 'x'));
  house.begin(house.at(tree.id(b)));
  house.wait(1min);
  CHECK(house.state(tree.id(a)) == State::succeeded);
  house.end(tree.id(b), "b");
  CHECK(told_list(house, house.client)[0].result<std::string>() == std::string(5000, 'x'));
  house.wait(2s);
  house.ask(house.client, message::Watch{.key = {tree.id(a), {}}});
  CHECK(house.last<message::Refused>(house.client).code == "no_such_future");
}

TEST_CASE("E2 what members come to together is at most max_result") {
  Trees house;
  house.settings.limits.max_result = 10;
  Tree tree(Composite::serial);
  const auto a = tree.call();
  tree.submit(house, house.client);
  house.end(tree.id(a), "0123456789");
  CHECK(house.ended(house.client, tree.id())->failure.message ==
        "its members have come to 12 bytes; max_result allows 10");
}

TEST_CASE("C4 a tree is accepted whole or not at all, and says what is wrong with it") {
  const auto refused = [](const std::function<void(Tree&)>& change) {
    Trees house;
    house.settings.limits.max_members = 3;
    Tree tree(Composite::serial);
    tree.call();
    tree.composite(Composite::parallel);
    change(tree);
    const std::uint64_t jobs = house.status(house.client).jobs_by_state[4];
    tree.submit(house, house.client);
    CHECK(house.status(house.client).jobs_by_state[4] == jobs);
    CHECK(house.written<change::InsertJob>().empty());
    return house.last<message::Refused>(house.client).message;
  };
  CHECK(refused([](Tree& t) { t.nodes()[0].composite = Composite::none; }) ==
        "a tree begins with a composite that follows nothing");
  CHECK(refused([](Tree& t) { t.nodes()[1].parent = 1; }) ==
        "node 1: expected the place of a composite before it as its parent, found 1");
  CHECK(refused([](Tree& t) { t.nodes()[2].parent = 1; }) ==
        "node 2: expected the place of a composite before it as its parent, found 1");
  CHECK(refused([](Tree& t) { t.nodes()[1].follows = Follows::done; }) ==
        "node 1: expected 4 (member) or 5 (then), found 3");
  CHECK(refused([](Tree& t) { t.nodes()[2].follows = Follows::then; }) ==
        "node 2: only a call can be a `then`");
  CHECK(refused([](Tree& t) { t.nodes()[2].function = "f"; }) ==
        "node 2: a composite has neither a function nor arguments");
  CHECK(refused([](Tree& t) { t.nodes()[2].id = t.nodes()[1].id; }) ==
        "node 2: its id is another node's too");
  CHECK(refused([](Tree& t) { ++t.nodes()[1].arguments_size; }) == "node 1: there are not as many arguments");
  CHECK(refused([](Tree& t) { --t.nodes()[1].arguments_size; }) ==
        "there are more arguments than the nodes have");
  CHECK(refused([](Tree& t) { t.nodes()[1].options.remember("n"); }) ==
        "node 1: only the composite as a whole has a name, or is cancelled when its submitter goes");
  CHECK(refused([](Tree& t) { t.nodes()[2].options.retries(1); }) ==
        "node 2: a composite has no moment to begin, retries, quotas or timeout of its own; give them to its "
        "members");
  CHECK(refused([](Tree& t) { t.nodes()[1].options.unique(); }) ==
        "node 1: what belongs to a composite joins no other job (unique)");
  CHECK(refused([](Tree& t) {
          t.call(0, Follows::then);
          t.call(0, Follows::then);
        }) == "node 4: its parent has a `then` already");
  CHECK(refused([](Tree& t) { t.call(), t.call(); }) == "the composite has 4 members; max_members allows 3");
  CHECK(refused([](Tree& t) { t.nodes()[1].function = "absent"; }).find("absent") != std::string::npos);
  CHECK(refused([](Tree& t) {
          for (std::uint32_t at = 2, i = 0; i < 16; ++i) at = t.composite(Composite::serial, at);
        }) == "composites nest at most 16 deep");
}

TEST_CASE("E2 what failures of members tell counts against max_result too") {
  Trees house;
  house.settings.limits.max_result = 2000;
  Tree tree(Composite::serial);
  for (int i = 0; i < 3; ++i) tree.call();
  tree.submit(house, house.client);
  for (std::uint32_t place = 1; place <= 3; ++place)
    house.fail(house.at(tree.id(place)), an_exception(std::string(1000, 'x')));
  CHECK(house.ended(house.client, tree.id())->failure.cause == Cause::result_too_large);
}

TEST_CASE("E2 a composite whose members make more queues than max_queues allows is refused") {
  auto settings = one_pool();
  settings.limits.max_queues = 3;
  ReadyHouse house(settings);
  const auto client = house.connect();
  house.submit(client, "f", Options{}.queue("a"));
  const auto submit = [&](int queues) {
    Tree tree(Composite::serial, MemberFailure::go_on, Options{}.queue("a"));
    for (int i = 0; i < 2 * queues; ++i)
      tree.call(0, Follows::member, Options{}.queue("q" + std::to_string(i % queues)));
    tree.submit(house, client);
  };
  submit(3);
  CHECK(house.last<message::Refused>(client).code == "limit");
  CHECK(house.last<message::Refused>(client).message ==
        "max_queues (3) would be passed: 1 have jobs, and this would give jobs to 3 more; use one of them, "
        "wait "
        "until one is empty, or raise it in section [limits]");
  submit(2);
  CHECK(house.count<message::Refused>(client) == 1);
  submit(2);
  CHECK(house.count<message::Refused>(client) == 1);  // they are there
}
