// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

std::string payload_of(House& house, SessionId session, const std::string& name) {
  house.ask(session, message::Watch{.key = {{}, name}});
  REQUIRE(std::holds_alternative<message::Ended>(house.sent(session).back().reply.body));
  return house.sent(session).back().payload;
}

State refusal_state(House& house, SessionId session, const std::string& name) {
  house.ask(session, message::Watch{.key = {{}, name}});
  const auto& refused = house.last<message::Refused>(session);
  CHECK(refused.code == "no_such_future");
  return refused.state;
}

}  // namespace

TEST_CASE(
    "R1 a remembered result is fetched by name, any number of times, also when the submitter has gone") {
  ReadyHouse house;
  const auto submitter = house.connect();
  house.submit(submitter, "f", Options{}.remember("report", 1min));
  house.disconnect(submitter);
  house.finish(house.workers()[0], "text");
  const auto reader = house.connect();
  CHECK(payload_of(house, reader, "report") == "text");
  CHECK(payload_of(house, reader, "report") == "text");
}

TEST_CASE("R1 a large remembered result comes back from the store") {
  ReadyHouse house;
  const auto client = house.connect();
  const std::string large(100'000, 'x');
  house.submit(client, "f", Options{}.remember("report", 1min));
  house.finish(house.workers()[0], large);
  const auto reader = house.connect();
  CHECK(payload_of(house, reader, "report") == large);
  CHECK(house.status(reader).limits[1].used == 0);
}

TEST_CASE("R6 lapsed, forgotten and unknown are different answers") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client, "f", Options{}.remember("short", 1s));
  house.submit(client, "f", Options{}.remember("gone", 1h));
  house.finish(house.workers()[0]);
  house.finish(house.workers()[0]);
  house.ask(client, message::Forget{{{}, "gone"}});
  CHECK(house.last<message::Known>(client).effect);
  house.wait(1s);
  CHECK(refusal_state(house, client, "short") == State::lapsed);
  CHECK(house.last<message::Refused>(client).message ==
        "the future remembered as \"short\" has lapsed: its lifespan is over");
  CHECK(refusal_state(house, client, "gone") == State::forgotten);
  CHECK(house.last<message::Refused>(client).message == "the future remembered as \"gone\" was forgotten");
  CHECK(refusal_state(house, client, "never") == State::unknown);
  CHECK(house.last<message::Refused>(client).message == "no future is remembered as \"never\"");
  house.wait(house.settings.limits.keep_tombstones);
  CHECK(refusal_state(house, client, "short") == State::unknown);
  CHECK(house.written<change::DeleteName>().size() == 2);
}

TEST_CASE("R9 T4 a lifespan follows the wall clock, also when that jumps") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client, "f", Options{}.remember("n", 1h));
  house.finish(house.workers()[0]);
  house.jump_wall_clock(59min);
  CHECK(payload_of(house, client, "n") == "result");
  house.jump_wall_clock(1min);
  CHECK(refusal_state(house, client, "n") == State::lapsed);
}

TEST_CASE("R3 a taken name raises, and names its holder") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId holder = house.submit(client, "f", Options{}.remember("n", 1min));
  const JobId second = house.submit(client, "f", Options{}.remember("n", 1min));
  const auto& refused = house.last<message::Refused>(client);
  CHECK(refused.code == "name_taken");
  CHECK(refused.holder == holder);
  CHECK(refused.state == State::running);
  CHECK(refused.message == "the name \"n\" is held by job " + holder.text() +
                               " (running); forget it first, or say replace, attach or keep");
  house.finish(house.workers()[0]);
  CHECK_FALSE(house.ended(client, second));
}

TEST_CASE("R3 replace takes the name from its holder, whose job goes on") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId first = house.submit(client, "f", Options{}.remember("n", 1min));
  house.submit(client, "f", Options{}.remember("n", 1min, Duplicate::replace));
  house.finish(house.workers()[0], "first");
  house.finish(house.workers()[0], "second");
  CHECK(house.ended(client, first));
  CHECK(payload_of(house, client, "n") == "second");
}

TEST_CASE("R3 who attaches is told so when the holder is on disk, and not before") {
  ReadyHouse house;
  const auto client = house.connect();
  house.hold_commits();
  const JobId holder = house.submit(client, "f", Options{}.remember("n", 1min));
  const auto second = house.connect();
  house.submit(second, "f", Options{}.remember("n", 1min, Duplicate::attach));
  const auto third = house.connect();
  house.ask(third, message::Watch{.key = {holder, {}}});
  CHECK(house.count<message::Known>(second) == 0);
  CHECK(house.count<message::Known>(third) == 0);
  house.commit();
  CHECK(house.count<message::Known>(second) == 1);
  CHECK(house.last<message::Known>(second).id == holder);
  CHECK(house.count<message::Known>(third) == 1);
}

TEST_CASE("R3 attach gives the holder's outcome, and the new call does not run") {
  ReadyHouse house;
  const auto first = house.connect();
  const auto second = house.connect();
  const JobId holder = house.submit(first, "f", Options{}.remember("n", 1min));
  house.submit(second, "f", Options{}.remember("n", 1min, Duplicate::attach));
  CHECK(house.last<message::Known>(second).id == holder);
  const WorkerId worker = house.workers()[0];
  house.finish(worker);
  CHECK(house.hand(worker).channel.empty());
  CHECK(house.ended(second, holder)->state == State::succeeded);
}

TEST_CASE("R3 keep runs the new job without the name") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client, "f", Options{}.remember("n", 1min));
  const JobId second = house.submit(client, "f", Options{}.remember("n", 1min, Duplicate::keep));
  house.finish(house.workers()[0], "first");
  house.finish(house.workers()[0], "second");
  CHECK(house.ended(client, second));
  CHECK(payload_of(house, client, "n") == "first");
}

TEST_CASE("R2 a name can be given later, also when the outcome has arrived and is not here any more") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client);
  house.finish(house.workers()[0], "value");
  house.ask(client, std::monostate{}, {}, 1);
  CHECK(house.written<change::DeleteJob>().size() == 1);
  house.ask(client, message::Remember{id, "late", 1min, Duplicate::raise, {}});
  CHECK(house.last<message::Refused>(client).code == "no_such_future");
  house.ask(client,
            message::Remember{id, "late", 1min, Duplicate::raise, message::KnownOutcome{.function = "f"}},
            "value");
  CHECK(house.last<message::Known>(client).effect);
  CHECK(payload_of(house, client, "late") == "value");
}

TEST_CASE("R2 an outcome that is brought back must be one") {
  ReadyHouse house;
  const auto client = house.connect();
  house.ask(client, message::Remember{new_job_id(), "n", 1min, Duplicate::raise,
                                      message::KnownOutcome{.function = "f", .state = State::running}});
  CHECK(house.last<message::Refused>(client).message ==
        "an outcome to remember has an id, a function and an ended state");
}

TEST_CASE("R2 a name can be renewed where max_remembered is reached") {
  auto settings = one_pool();
  settings.limits.max_remembered = 1;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.remember("only"));
  house.ask(client, message::Remember{id, "only", Millis(5s), Duplicate::raise, {}});
  CHECK(house.last<message::Known>(client).effect);
  const JobId other = house.submit(client);
  house.ask(client, message::Remember{other, "second", {}, Duplicate::raise, {}});
  CHECK(
      house.last<message::Refused>(client).message ==
      "max_remembered (1) is reached: so many names are kept, with those that lapsed or were forgotten; give "
      "shorter lifespans, or raise it in section [limits]");
}

TEST_CASE("R2 saying remember again renews the lifespan") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.remember("n", 1s));
  house.finish(house.workers()[0]);
  house.ask(client, message::Remember{id, "n", 1h, Duplicate::raise, {}});
  house.wait(30min);
  CHECK(payload_of(house, client, "n") == "result");
}

TEST_CASE("R2 a name given between the outcome and its acknowledgement lapses like any other") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client);
  house.finish(house.workers()[0]);
  house.ask(client, message::Remember{id, "n", 10s, Duplicate::raise, {}});
  house.ask(client, std::monostate{}, {}, 1);
  CHECK(payload_of(house, client, "n") == "result");
  house.wait(10s);
  CHECK(refusal_state(house, client, "n") == State::lapsed);
}

TEST_CASE(
    "R10 an administrator who names another's job does not touch what the owner or the administrator holds") {
  ReadyHouse house;
  const auto alice = house.connect(1001);
  const auto root = house.connect(0);
  const JobId held = house.submit(alice, "f", Options{}.remember("report", 1min));
  const JobId other = house.submit(alice);
  house.submit(root, "f", Options{}.remember("report", 1min));
  house.ask(root, message::Remember{other, "report", 1min, Duplicate::raise, {}});
  CHECK(house.last<message::Refused>(root).holder == held);
  house.ask(root, message::Remember{other, "report", 1min, Duplicate::replace, {}});
  for (int i = 0; i < 3; ++i) house.finish(house.workers()[0], std::to_string(i));
  CHECK(payload_of(house, alice, "report") == "1");
  CHECK(payload_of(house, root, "report") == "2");
  house.wait(1h);
  CHECK(refusal_state(house, alice, "report") == State::lapsed);
  CHECK(refusal_state(house, root, "report") == State::lapsed);
}

TEST_CASE("R3 a durable holder that a memory job replaced does not come back with the next start") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client, "f", Options{}.remember("n", 1min));
  house.submit(client, "f", Options{}.remember("n", 1min, Duplicate::replace).durability(Durability::memory));
  REQUIRE(house.written<change::DropName>().size() == 1);
  CHECK(house.written<change::DropName>()[0].name == "n");
}

TEST_CASE("R2 a failure that is brought back has no value, and can be taken") {
  ReadyHouse house;
  const auto client = house.connect();
  house.ask(client,
            message::Remember{new_job_id(), "n", 1min, Duplicate::raise,
                              message::KnownOutcome{.function = "f", .state = State::failed}},
            std::string(5000, 'x'));
  house.ask(client, message::Watch{.key = {{}, "n"}, .take = true});
  CHECK(house.last<message::Ended>(client).state == State::failed);
  CHECK(house.sent(client).back().payload.empty());
}

TEST_CASE("R4 forget does not cancel: who holds the future still gets its outcome") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.remember("n", 1min));
  house.ask(client, message::Forget{{{}, "n"}});
  CHECK(house.last<message::Known>(client).effect);
  house.finish(house.workers()[0]);
  CHECK(house.ended(client, id)->state == State::succeeded);
  house.ask(client, message::Forget{{id, {}}});
  CHECK_FALSE(house.last<message::Known>(client).effect);
}

TEST_CASE("R4 who asks again whether a name is forgotten is told so when that is on disk, and not before") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client, "f", Options{}.remember("n", 1min));
  house.hold_commits();
  house.ask(client, message::Forget{{{}, "n"}});
  house.ask(client, message::Forget{{{}, "n"}});
  house.ask(client, message::Watch{.key = {{}, "n"}});
  CHECK(house.count<message::Known>(client) == 0);
  CHECK(house.count<message::Refused>(client) == 0);
  house.commit();
  CHECK(house.last<message::Known>(client).effect);
  CHECK(house.count<message::Refused>(client) == 2);
  CHECK(house.last<message::Refused>(client).state == State::forgotten);
  // From now on it is told at once.
  house.ask(client, message::Forget{{{}, "n"}});
  CHECK(house.count<message::Refused>(client) == 3);
}

TEST_CASE("R4 a memory job's name is forgotten at once, whatever the disk does") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client, "f", Options{}.remember("n", 1min).durability(Durability::memory));
  house.hold_commits();
  house.submit(client, "f", Options{});
  house.ask(client, message::Forget{{{}, "n"}});
  CHECK(house.last<message::Known>(client).effect);
  house.ask(client, message::Forget{{{}, "n"}});
  CHECK(house.last<message::Refused>(client).state == State::forgotten);
}

TEST_CASE("R1 a lifespan without an end is refused unless allow_forever is set, and lasts then") {
  const Options forever = Options{}.remember("n", kForever);
  {
    ReadyHouse house;
    const auto client = house.connect();
    house.submit(client, "f", forever);
    CHECK(house.last<message::Refused>(client).code == "limit");
    CHECK(
        house.last<message::Refused>(client).message ==
        "a lifespan without an end is not allowed here: allow_forever in section [limits] is no; give one of "
        "at most max_lifespan (2592000000 ms)");
    CHECK(house.written<change::InsertJob>().empty());
  }
  Settings settings = one_pool();
  settings.limits.allow_forever = true;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", forever);
  house.finish(house.workers()[0]);
  house.wait(24h * 36500);
  CHECK(payload_of(house, client, "n") == "result");
  CHECK(house.show(client, id).lifespan == kForever);
  CHECK(house.show(client, id).kept_until == WallClock());
  CHECK(house.written<change::SetName>().at(0).lifespan == kForever);
  house.ask(client, message::Forget{{{}, "n"}});
  house.wait(house.settings.limits.keep_unfetched);
  CHECK(house.written<change::DeleteJob>().size() == 1);
}

TEST_CASE("R1 a name without an end comes back with the next start, whatever allow_forever says then") {
  House house(one_pool(), [](House& h) {
    RecoveredJob job;
    job.id = new_job_id();
    job.owner = 1000;
    job.function = "f";
    job.state = State::cancelled;
    job.submitted = job.ended = h.now.wall;
    h.scheduler.restore(job, h.now, h.plan);
    h.scheduler.restore(RecoveredName{1000, "n", State::cancelled, job.id, kForever, {}}, h.now, h.plan);
  });
  house.wait(24h * 365);
  const auto client = house.connect();
  house.ask(client, message::Watch{.key = {{}, "n"}});
  CHECK(house.last<message::Ended>(client).state == State::cancelled);
}

TEST_CASE("R1 a lifespan of zero keeps the name until its outcome is delivered") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client, "f", Options{}.remember("n", 0ms));
  house.finish(house.workers()[0]);
  CHECK(payload_of(house, house.connect(), "n") == "result");
  house.ask(client, std::monostate{}, {}, 1);
  CHECK(refusal_state(house, client, "n") == State::lapsed);
}

TEST_CASE(
    "R8 an unnamed result goes when its submitter has it, or after keep_unfetched when the submitter is "
    "gone") {
  ReadyHouse house;
  const auto client = house.connect();
  house.submit(client);
  house.finish(house.workers()[0]);
  CHECK(house.status(client).jobs_by_state[static_cast<std::size_t>(State::succeeded)] == 1);
  house.ask(client, std::monostate{}, {}, 1);
  CHECK(house.status(client).jobs_by_state[static_cast<std::size_t>(State::succeeded)] == 0);
  CHECK(house.written<change::DeleteJob>().size() == 1);

  const JobId id = house.submit(client);
  house.disconnect(client);
  house.finish(house.workers()[0]);
  const auto other = house.connect();
  house.wait(house.settings.limits.keep_unfetched - 1s);
  house.ask(other, message::Watch{.key = {id, {}}});
  CHECK(house.ended(other, id));
  house.wait(2s);
  house.ask(other, message::Watch{.key = {id, {}}});
  CHECK(house.last<message::Refused>(other).message == "there is no job " + id.text());
}

TEST_CASE("R10 names belong to their owner") {
  ReadyHouse house;
  const auto alice = house.connect(1001);
  const auto bob = house.connect(1002);
  house.submit(alice, "f", Options{}.remember("report", 1min));
  house.submit(bob, "f", Options{}.remember("report", 1min));
  house.finish(house.workers()[0], "alice's");
  house.finish(house.workers()[0], "bob's");
  CHECK(payload_of(house, alice, "report") == "alice's");
  CHECK(payload_of(house, bob, "report") == "bob's");
}
