// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "common/ids.hpp"
#include "tests/flow/stored_house.hpp"
#include "tests/unit/decide/kin.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

message::Watch by_name(const std::string& name) {
  return {.key = {{}, name}};
}

}  // namespace

TEST_CASE("R9 a job that was accepted runs after a restart, with its arguments, options and name") {
  StoredHouse house;
  const auto client = house->connect();
  const JobId id =
      house->submit(client, "f", Options{}.remember("n", 1h).priority(7).queue("q").run_timeout(9s), "hello");
  house.commit();
  CHECK(house->count<message::Accepted>(client) == 1);
  house.restart_after();
  const WorkerId worker = house.worker();
  const auto reader = house->connect();
  const JobView view = house->show(reader, id);
  CHECK(view.name == "n");
  CHECK(view.priority == 7);
  CHECK(view.queue == "q");
  CHECK(view.run_timeout == 9s);
  CHECK(house->dispatched_arguments.back() == "hello");
  CHECK(house->finish(worker, "world") == id);
  house.commit();
  house->ask(reader, by_name("n"));
  house.commit();
  CHECK(house->sent(reader).back().payload == "world");
}

TEST_CASE("Q1 the order of submission survives a restart, also of jobs that came at the same moment") {
  StoredHouse house;
  const auto client = house->connect();
  std::vector<JobId> jobs;
  for (int i = 0; i < 50; ++i) jobs.push_back(house->submit(client));
  house->wait(50ms);
  house.commit();
  house.restart_after();
  for (const JobId& id : jobs) CHECK(house->finish(house.worker()) == id);
}

TEST_CASE(
    "T2 A6 the order in which jobs come to their turn survives a restart, whatever they have waited for") {
  for (const bool entered_before : {true, false}) {
    CAPTURE(entered_before);
    StoredHouse house;
    const auto client = house->connect();
    house->ask(house->connect(0), message::SteerQueue{"q", {.paused = true}, false});
    const Options in_queue = Options{}.queue("q");
    const auto submit = [&](Options options) { return house->submit(client, "f", std::move(options)); };
    const JobId late = submit(Options(in_queue).delay(7s));
    const JobId early = submit(Options(in_queue).begin_after(house->now.wall + 3s));
    const JobId at_once = submit(in_queue);
    house->wait(5s);
    const JobId between = submit(in_queue);
    house->wait(entered_before ? 5s : 50ms);
    house.commit();
    house.restart_after(entered_before ? 1s : 10s);
    house->ask(house->connect(0), message::SteerQueue{"q", {.paused = false}, false});
    for (const JobId& next : {at_once, early, between, late}) CHECK(house->finish(house.worker()) == next);
  }
}

TEST_CASE("M4 a job that was told to run again stands at the end of its queue after a restart too") {
  StoredHouse house;
  const auto client = house->connect();
  const JobId failed = house->submit(client, "f", Options{}.remember("n", 1h));
  house->fail(house.worker(), an_exception());
  const WorkerId worker = house.worker();
  const JobId runs = house->submit(client);
  const JobId waits = house->submit(client);
  house->begin(worker);
  house->wait(1s);
  house.commit();
  house->ask(client, message::RetryJob{{failed, {}}});
  house.commit();
  CHECK(house->last<message::Known>(client).effect);
  const JobId last = house->submit(client);
  house->wait(50ms);
  house.commit();
  house.restart_after();
  for (const JobId& next : {runs, waits, failed, last}) CHECK(house->finish(house.worker()) == next);
}

TEST_CASE("what was not committed was not acknowledged, and is not there after a restart") {
  StoredHouse house;
  const auto client = house->connect();
  const JobId id = house->submit(client, "f", Options{}.remember("n", 1h));
  CHECK(house->count<message::Accepted>(client) == 0);
  house.restart_after();
  const auto reader = house->connect();
  house->ask(reader, message::Watch{.key = {id, {}}});
  CHECK(house->last<message::Refused>(reader).state == State::unknown);
}

TEST_CASE("R9 a remembered outcome, its lifespan and its tombstone survive restarts") {
  StoredHouse house;
  const auto client = house->connect();
  const std::string large(5000, 'x');
  house->submit(client, "f", Options{}.remember("n", 1h));
  house->finish(house.worker(), large);
  house.commit();
  house.restart_after(59min);
  auto reader = house->connect();
  house->ask(reader, by_name("n"));
  house.commit();
  CHECK(house->sent(reader).back().payload == large);
  house->wait(2min);
  house.commit();
  house.restart_after(1min);
  reader = house->connect();
  house->ask(reader, by_name("n"));
  CHECK(house->last<message::Refused>(reader).state == State::lapsed);
  house->wait(25h);
  house.commit();
  house.restart_after();
  reader = house->connect();
  house->ask(reader, by_name("n"));
  CHECK(house->last<message::Refused>(reader).state == State::unknown);
}

TEST_CASE("R9 a lifespan that ends while the daemon is down has lapsed when it is back") {
  StoredHouse house;
  const auto client = house->connect();
  house->submit(client, "f", Options{}.remember("n", 1min));
  house->finish(house.worker());
  house.commit();
  house.restart_after(2min);
  const auto reader = house->connect();
  house->ask(reader, by_name("n"));
  CHECK(house->last<message::Refused>(reader).state == State::lapsed);
}

TEST_CASE("a failure comes back after a restart as it was") {
  StoredHouse house;
  const auto client = house->connect();
  const JobId id = house->submit(client, "f", Options{}.remember("n", 1h));
  Failure failure;
  failure.cause = Cause::exception;
  failure.type = "app::NoCustomer";
  failure.message = "no customer 7";
  failure.output = std::string("looking\0for 7", 13);
  house->fail(house.worker(), failure);
  house.commit();
  const Failure told = house->ended(client, id)->failure;
  house.restart_after();
  const auto reader = house->connect();
  house->ask(reader, by_name("n"));
  house.commit();
  CHECK(house->ended(reader, id)->failure == told);
  CHECK(told.output == failure.output);
}

TEST_CASE("A4 nine interruptions run again, the tenth fails, counted over restarts") {
  StoredHouse house;
  auto client = house->connect();
  const JobId id = house->submit(client);
  for (std::uint32_t cut = 1; cut <= 10; ++cut) {
    const WorkerId worker = house.worker();
    house->begin(worker);
    house->wait(kStall);  // its start is written
    house.commit();
    house.restart_after();
    house.commit();
    client = house->connect();
    const JobView view = house->show(client, id);
    CHECK(view.interruptions == cut);
    CHECK(view.state == (cut < 10 ? State::running : State::failed));
  }
  CHECK(house->show(client, id).failure.cause == Cause::interrupted);
}

TEST_CASE("A4 an at-most-once job that had begun fails as interrupted, one that had not runs") {
  StoredHouse house;
  auto client = house->connect();
  const JobId begun = house->submit(client, "f", Options{}.at_most_once());
  const JobId waits = house->submit(client, "f", Options{}.at_most_once());
  house->wait(50ms);
  house.commit();
  house->begin(house.worker());
  house.restart_after();
  client = house->connect();
  CHECK(house->show(client, begun).failure.cause == Cause::interrupted);
  const WorkerId worker = house.worker();
  house.commit();
  CHECK(house->finish(worker) == waits);
}

TEST_CASE("A4 an at-most-once job whose start was written but that never began runs after a restart") {
  StoredHouse house;
  auto client = house->connect();
  const JobId id = house->submit(client, "f", Options{}.at_most_once());
  house->scheduler.drain(house->now, house->plan);
  house->turn();
  house.commit();
  house.restart_after();
  house.commit();
  CHECK(house->finish(house.worker()) == id);
}

TEST_CASE("S2 an outcome in the store that is asked for again is kept until it has arrived, and no longer") {
  StoredHouse house;
  auto client = house->connect();
  const JobId id = house->submit(client);
  house->finish(house.worker(), "value");
  house.commit();
  house.restart_after();
  const JobId same_client = new_job_id();
  client = house->connect(1000, same_client);
  house->ask(client, message::Submit{id, "f", {}});
  CHECK(house->sent(client).back().payload == "value");
  // It was lost on its way: the client comes back, and asks again.
  client = house->connect(1000, same_client);
  house->ask(client, message::Submit{id, "f", {}});
  REQUIRE(house->sent(client).back().payload == "value");
  CHECK(house->written<change::DeleteJob>().empty());
  house->ask(client, std::monostate{}, {}, house->sent(client).back().reply.delivery);
  CHECK(house->written<change::DeleteJob>().size() == 1);
}

TEST_CASE(
    "X1 a running job whose cancelling was told is cancelled, also if the daemon dies before it has "
    "stopped") {
  StoredHouse house;
  auto client = house->connect();
  const JobId id = house->submit(client);
  house->begin(house.worker());
  house->ask(client, message::Cancel{.key = {id, {}}});
  CHECK(house->count<message::Known>(client) == 0);
  house.commit();
  CHECK(house->last<message::Known>(client).effect);
  house.restart_after();
  client = house->connect();
  CHECK(house->show(client, id).state == State::cancelled);
  CHECK(house->show(client, id).reason == "cancelled by user 1000 (test, pid 4711)");
}

TEST_CASE("limits that were changed after the submission hold after a restart") {
  StoredHouse house;
  auto client = house->connect();
  house->submit(client);
  const JobId id = house->submit(client);
  house->ask(client, message::Adjust{id, 10s, 4s});
  house.commit();
  house.restart_after();
  client = house->connect();
  CHECK(house->show(client, id).timeout == 10s);
  CHECK(house->show(client, id).run_timeout == 4s);
  house->wait(9s + 1ms);
  CHECK(house->show(client, id).state == State::expired);
}

TEST_CASE("R3 a name that was replaced points to its new holder after a restart") {
  StoredHouse house;
  auto client = house->connect();
  house->submit(client, "f", Options{}.remember("n", 1h));
  const JobId second = house->submit(client, "f", Options{}.remember("n", 1h, Duplicate::replace));
  house.commit();
  house.restart_after();
  client = house->connect();
  house->ask(client, message::Show{.key = {{}, "n"}});
  CHECK(house->last<message::Jobs>(client).jobs.at(0).id == second);
}

TEST_CASE("a durable unnamed job that ended and arrived within one batch is never written") {
  StoredHouse house;
  const auto client = house->connect();
  house->submit(client);
  house->finish(house.worker());
  house->ask(client, std::monostate{}, {}, 1);
  CHECK(house.commit() == 0);
  house->wait(50ms);
  house->submit(client);
  CHECK(house.commit() == 1);
}

TEST_CASE(
    "R8 who asks first after a restart may be anybody: the outcome is kept for others for keep_unfetched") {
  StoredHouse house;
  const JobId id = house->submit(house->connect());
  house->wait(50ms);
  house.commit();
  house.restart_after();
  const auto first = house->connect();
  house->ask(first, message::Watch{.key = {id, {}}});
  house->finish(house.worker(), "value");
  house.commit();
  CHECK(house->sent(first).back().payload == "value");
  house->ask(first, std::monostate{}, {}, house->sent(first).back().reply.delivery);
  house.commit();
  const auto second = house->connect();
  house->ask(second, message::Watch{.key = {id, {}}});
  CHECK(house->sent(second).back().payload == "value");
  house->wait(house.settings().limits.keep_unfetched);
  house->ask(second, message::Watch{.key = {id, {}}});
  CHECK(house->last<message::Refused>(second).code == "no_such_future");
}

TEST_CASE("R8 the submitter that comes back after a restart has its outcome, and then that is forgotten") {
  StoredHouse house;
  const JobId submitter = new_job_id();
  auto client = house->connect(1000, submitter);
  const JobId ended = house->submit(client);
  house->finish(house.worker(), "ended before");
  const JobId waits = house->submit(client);
  house->wait(50ms);
  house.commit();
  house.restart_after();
  // Somebody else asks first, which changes nothing.
  const auto other = house->connect();
  for (const JobId& id : {ended, waits}) house->ask(other, message::Watch{.key = {id, {}}});
  house->ask(other, std::monostate{}, {}, house->sent(other).back().reply.delivery);
  client = house->connect(1000, submitter);
  for (const JobId& id : {ended, waits}) house->ask(client, message::Watch{.key = {id, {}}});
  CHECK(house->last<message::Ended>(client).id == ended);
  house->finish(house.worker(), "ended after");
  house.commit();
  CHECK(house->sent(client).back().payload == "ended after");
  house->ask(client, std::monostate{}, {}, house->sent(client).back().reply.delivery);
  CHECK(house->written<change::DeleteJob>().size() == 2);
}

TEST_CASE("S6 M4 a tied job that was told to run again belongs to nobody, also after a restart") {
  StoredHouse house;
  auto client = house->connect();
  const JobId id = house->submit(client, "f", Options{}.abandon(Abandon::cancel, 10ms));
  house->fail(house.worker(), an_exception());
  house->ask(client, message::RetryJob{{id, {}}});
  house.commit();
  REQUIRE(house->last<message::Known>(client).effect);
  house.restart_after();
  house->wait(1s);
  CHECK(house->show(house->connect(), id).state != State::cancelled);
  CHECK(house->finish(house.worker()) == id);
}

TEST_CASE("R8 an outcome that nobody has fetched is kept for keep_unfetched from the restart on") {
  StoredHouse house;
  auto client = house->connect();
  const JobId id = house->submit(client);
  house->finish(house.worker(), "value");
  house.commit();
  house.restart_after(11min);
  house->wait(9min);
  client = house->connect();
  house->ask(client, message::Watch{.key = {id, {}}, .peek = true});
  house.commit();
  CHECK(house->sent(client).back().payload == "value");
  house->wait(1min);
  house->ask(client, message::Watch{.key = {id, {}}});
  CHECK(house->last<message::Refused>(client).code == "no_such_future");
}
