// SPDX-License-Identifier: Apache-2.0
// Jobs that follow others (SEMANTICS C1 to C3).
#include <doctest/doctest.h>

#include "common/branches.hpp"
#include "tests/unit/decide/parents.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("C1 which branch is taken after which end") {
  struct Row {
    State ended;
    bool success, failure, done;
  };
  for (const Row& row : {Row{State::succeeded, true, false, true}, Row{State::failed, false, true, true},
                         Row{State::expired, false, true, true}, Row{State::cancelled, false, false, true}}) {
    CAPTURE(to_string(row.ended));
    CHECK(is_taken(Follows::success, row.ended) == row.success);
    CHECK(is_taken(Follows::failure, row.ended) == row.failure);
    CHECK(is_taken(Follows::done, row.ended) == row.done);
  }
}

TEST_CASE("C1 a callback waits, then runs with the outcome before its own arguments") {
  Parents house;
  const JobId parent = house.submit(house.client);
  const JobId callback = house.follow(parent, Follows::success);
  CHECK(house.count<message::Accepted>(house.client) > 0);
  JobView view = house.show(house.client, callback);
  CHECK(view.state == State::waiting);
  CHECK(view.parent == parent);
  CHECK(view.follows == Follows::success);
  CHECK(view.waits_for == std::vector<JobId>{parent});
  CHECK(view.reason == "it begins when job " + parent.text() + " (f) has ended, if that is with success");
  CHECK(house.finish(house.worker(), text_value("made")) == parent);
  CHECK(house.state(callback) == State::running);
  const Outcome outcome = first_argument(house);
  CHECK(outcome.id == parent);
  CHECK(outcome.function == "f");
  CHECK(outcome.result<std::string>() == "made");
  CHECK(last_arguments(house).positional.at(1) == Value("own"));
  CHECK(house.finish(house.worker(), "told") == callback);
  CHECK(house.ended(house.client, callback)->state == State::succeeded);
  CHECK(house.ended(house.client, parent)->state == State::succeeded);
}

TEST_CASE(
    "C2 all that follow get the same outcome, those of the other branch are passed over with all behind "
    "them") {
  Parents house;
  const JobId parent = house.submit(house.client);
  const JobId success = house.follow(parent, Follows::success);
  const JobId behind = house.follow(success, Follows::done);
  const JobId failure = house.follow(parent, Follows::failure);
  const JobId done = house.follow(parent, Follows::done);
  house.fail(house.worker(), an_exception("no paper"));
  CHECK(house.ended(house.client, success)->state == State::cancelled);
  CHECK(house.ended(house.client, success)->reason ==
        "passed over: it follows with success, and job " + parent.text() + " (f) has ended as failed");
  CHECK(house.ended(house.client, behind)->reason ==
        "passed over: it follows with done, and job " + success.text() + " (g) was passed over too");
  CHECK(first_argument(house).failure.message == "no paper");
  // A failing callback changes neither its parent nor its siblings.
  house.fail(house.worker(), an_exception("the callback's own"));
  CHECK(first_argument(house).failure.message == "no paper");
  house.finish(house.worker());
  CHECK(house.ended(house.client, parent)->failure.message == "no paper");
  CHECK(house.ended(house.client, failure)->state == State::failed);
  CHECK(house.ended(house.client, done)->state == State::succeeded);
}

TEST_CASE("C1 a callback that is added after the end begins at once, as long as the job is known") {
  Parents house;
  const JobId parent = house.submit(house.client, "f", Options{}.remember("n", 1h));
  house.finish(house.worker(), text_value("made"));
  const JobId late = house.follow(parent, Follows::done);
  CHECK(house.state(late) == State::running);
  CHECK(first_argument(house).result<std::string>() == "made");
  CHECK(house.state(house.follow(parent, Follows::failure)) == State::cancelled);
  const JobId lost = house.follow(new_job_id(), Follows::done);
  CHECK(house.last<message::Refused>(house.client).code == "no_such_future");
  house.ask(house.client, message::Show{.key = {lost, {}}});
  CHECK(house.last<message::Refused>(house.client).code == "no_such_future");
}

TEST_CASE("C1 a result that is in the store alone is read for a callback that comes late") {
  Parents house;
  const JobId parent = house.submit(house.client, "f", Options{}.remember("n", 1h));
  house.finish(house.worker(), text_value(std::string(5000, 'x')));
  house.follow(parent, Follows::done);
  CHECK(first_argument(house).result<std::string>() == std::string(5000, 'x'));
  house.finish(house.worker());
  house.load = [](const JobId&) { return std::nullopt; };
  house.follow(parent, Follows::done);
  CHECK(first_argument(house).failure.type == "promised::ResultLost");
}

TEST_CASE("C3 the job shows what follows it, and is done when its own work is") {
  Parents house;
  const JobId parent = house.submit(house.client, "f", Options{}.remember("n", 1h));
  const JobId a = house.follow(parent, Follows::success), b = house.follow(parent, Follows::failure);
  house.finish(house.worker());
  const JobView view = house.show(house.client, parent);
  CHECK(view.state == State::succeeded);
  const std::vector<RelatedView> wanted{{a, State::running, "g", Follows::success},
                                        {b, State::cancelled, "g", Follows::failure}};
  CHECK(view.related == wanted);
  house.ask(house.client, message::List{});
  for (const JobView& listed : house.last<message::Jobs>(house.client).jobs) CHECK(listed.related.empty());
}

TEST_CASE("C1 a waiting callback can be cancelled or withdrawn; no timer of a queue runs for it") {
  Parents house;
  const JobId parent = house.submit(house.client);
  const JobId a = house.follow(parent, Follows::done), b = house.follow(parent, Follows::done);
  const JobId c = house.follow(parent, Follows::done, Options{}.timeout(1s).deadline(2s));
  house.ask(house.client, message::Cancel{{a, {}}});
  CHECK(house.ended(house.client, a)->state == State::cancelled);
  house.ask(house.client, message::Withdraw{{b}});
  CHECK(house.last<message::Count>(house.client).count == 1);
  house.wait(10s);
  CHECK(house.state(c) == State::waiting);
  house.submit(house.client);
  house.finish(house.worker());
  CHECK(house.state(c) == State::pending);
  house.wait(1s);
  CHECK(house.ended(house.client, c)->state == State::expired);
}

TEST_CASE("C1 a callback is as durable as its parent, and written with its end") {
  Parents house;
  const JobId parent = house.submit(house.client, "f", Options{}.durability(Durability::memory));
  const JobId memory = house.follow(parent, Follows::done);
  CHECK(house.show(house.client, memory).durability == Durability::memory);
  CHECK(house.written<change::InsertJob>().empty());
  house.finish(house.worker());
  house.finish(house.worker());
  const JobId durable = house.submit(house.client);
  const JobId callback = house.follow(durable, Follows::done, Options{}.durability(Durability::memory));
  CHECK(house.written<change::InsertJob>().back().id == callback);
  CHECK(house.written<change::LinkJob>().back().link.parent == durable);
  house.changes.clear();
  house.finish(house.worker(), text_value("x"));
  REQUIRE(house.changes.size() == 2);
  CHECK(std::get<change::EndJob>(house.changes[0]).id == durable);
  CHECK(std::get<change::ReadyJob>(house.changes[1]).arguments.view() == house.dispatched_arguments.back());
}

TEST_CASE("C1 a chain of any length is passed on without standing on itself") {
  Parents house;
  JobId last = house.submit(house.client);
  const JobId first = last;
  for (int i = 0; i < 50'000; ++i) last = house.follow(last, Follows::success);
  house.fail(house.worker(), an_exception());
  CHECK(house.ended(house.client, last)->state == State::cancelled);
  CHECK(house.ended(house.client, first)->state == State::failed);
}

TEST_CASE("S2 a callback or a composite with the id of a job that waits on disk is refused") {
  auto settings = one_pool();
  settings.limits.max_in_memory = 1;
  ReadyHouse house(settings);
  house.load_backlog = [](const effect::LoadBacklog&) { return std::vector<RecoveredJob>(); };
  const SessionId client = house.connect();
  for (int i = 0; i < 40; ++i) house.submit(client);
  const change::InsertJob on_disk = house.written<change::InsertJob>().back();
  REQUIRE(on_disk.backlog);
  const JobId parent = house.written<change::InsertJob>().front().id;
  house.changes.clear();
  house.ask(client, message::AddCallback{{parent, {}}, Follows::done, on_disk.id, "g", {}}, text_value("x"));
  CHECK(house.last<message::Refused>(client).message.find("is taken") != std::string::npos);
  for (const std::size_t node : {0, 1}) {
    Tree tree(Composite::serial);
    tree.call();
    tree.nodes()[node].id = on_disk.id;
    tree.submit(house, client);
    CHECK(house.last<message::Refused>(client).message.find("is taken") != std::string::npos);
  }
  CHECK(house.written<change::InsertJob>().empty());
}

TEST_CASE("E2 max_callbacks names itself; unknown functions and the jobs of others are refused") {
  Parents house;
  house.settings.limits.max_callbacks = 1;
  const JobId parent = house.submit(house.client);
  house.follow(parent, Follows::done);
  house.follow(parent, Follows::done);
  CHECK(house.last<message::Refused>(house.client).message.find("max_callbacks (1) is reached") == 0);
  house.settings.limits.max_callbacks = 9;
  add_callback(house, house.client, parent, Follows::done, {}, "h");
  CHECK(house.last<message::Refused>(house.client).code == "no_function");
  const SessionId other = house.connect(1001);
  add_callback(house, other, parent, Follows::done);
  CHECK(house.last<message::Refused>(other).code == "no_such_future");
}

TEST_CASE("S2 a callback that is added again is the same job, also when its parent is gone") {
  Parents house;
  const JobId parent = house.submit(house.client);
  message::AddCallback add{{parent, {}}, Follows::done, new_job_id(), "g", {}};
  house.ask(house.client, add);
  house.ask(house.client, add);
  house.finish(house.worker());
  house.ask(house.client, std::monostate{}, {}, 1);
  house.ask(house.client, add);
  CHECK(house.state(add.id) == State::running);
  CHECK(house.count<message::Refused>(house.client) == 0);
}

TEST_CASE("C8 a job that waits for its own callback closes a circle") {
  Parents house;
  const JobId parent = house.submit(house.client);
  house.begin(house.worker());
  const JobId callback = house.follow(parent, Follows::done);
  house.handle(
      event::AttemptWaits{house.worker(), house.hand(house.worker()).channel.front().sequence, {callback}});
  CHECK(house.hand(house.worker()).resumed.back().code == "deadlock");
}

TEST_CASE("C1 what came before the pools had told their functions follows too") {
  House house(one_by_one());
  const SessionId client = house.connect();
  const JobId parent = house.submit(client);
  const JobId callback = add_callback(house, client, parent, Follows::done);
  const JobId second = add_callback(house, client, callback, Follows::done);
  house.ready(house.workers().front());
  CHECK(house.finish(house.workers().front()) == parent);
  CHECK(house.finish(house.workers().front()) == callback);
  CHECK(house.finish(house.workers().front()) == second);
}

TEST_CASE("C1 Q2 what follows a job of a queue that is cleared has its turn at once, in the same batch") {
  ReadyHouse house;
  const auto admin = house.connect(0), client = house.connect();
  house.ask(admin, message::SteerQueue{"mail", {.paused = true}, false});
  const JobId job = house.submit(client, "f", Options{}.queue("mail"));
  const JobId callback = add_callback(house, client, job, Follows::done);
  house.ask(admin, message::SteerQueue{"mail", {}, true});
  CHECK(house.ended(client, job)->state == State::cancelled);
  CHECK(house.written<change::ReadyJob>().size() == 1);
  REQUIRE(house.hand(house.workers()[0]).channel.size() == 1);
  CHECK(house.begin(house.workers()[0]).id == callback);
}
