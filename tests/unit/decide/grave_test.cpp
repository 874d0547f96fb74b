// SPDX-License-Identifier: Apache-2.0
// SEMANTICS R6 and S2: what is left of ids.
#include <doctest/doctest.h>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

const message::Refused& refusal_of(House& house, SessionId session, const JobId& id) {
  house.ask(session, message::Watch{.key = {id, {}}});
  return house.last<message::Refused>(session);
}

const message::Refused& refusal_of_submission(House& house, SessionId session, const JobId& id) {
  house.ask(session, message::Submit{id, "f", Options{}.at_most_once()});
  return house.last<message::Refused>(session);
}

/// A durable at-most-once job whose submitter has gone without hearing of it.
JobId unheard(House& house) {
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.at_most_once());
  house.disconnect(client);
  house.finish(house.workers()[0]);
  house.wait(house.settings.limits.keep_unfetched);
  return id;
}

TEST_CASE("R6 after a named job's lifespan the answer for its id is lapsed, until the tombstone goes") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId id = house.submit(client, "f", Options{}.remember("n", 1s));
  house.finish(house.workers()[0]);
  house.wait(1s);
  CHECK(refusal_of(house, client, id).state == State::lapsed);
  CHECK(house.last<message::Refused>(client).message == "job " + id.text() + " has lapsed");
  CHECK(refusal_of(house, house.connect(1001), id).state == State::unknown);
  CHECK(house.written<change::BuryId>().size() == 1);
  house.wait(house.settings.limits.keep_tombstones);
  CHECK(refusal_of(house, client, id).state == State::unknown);
  CHECK(house.written<change::DeleteGrave>().size() == 1);
}

TEST_CASE("R6 an ordinary job leaves no tombstone, nor does an at-most-once job that has arrived") {
  ReadyHouse house;
  const auto client = house.connect();
  const JobId ordinary = house.submit(client);
  house.finish(house.workers()[0]);
  house.submit(client, "f", Options{}.at_most_once());
  house.finish(house.workers()[0]);
  house.ask(client, std::monostate{}, {}, 2);
  CHECK(house.status(client).jobs_by_state[static_cast<std::size_t>(State::succeeded)] == 0);
  const auto gone = house.connect();
  house.submit(gone);
  house.disconnect(gone);
  house.finish(house.workers()[0]);
  house.wait(house.settings.limits.keep_unfetched);
  CHECK(house.written<change::BuryId>().empty());
  CHECK(refusal_of(house, client, ordinary).state == State::unknown);
}

TEST_CASE("S2 an at-most-once job whose submitter was away for too long does not run a second time") {
  ReadyHouse house;
  const JobId id = unheard(house);
  const auto back = house.connect();
  CHECK(refusal_of_submission(house, back, id).code == "no_such_future");
  CHECK(house.last<message::Refused>(back).state == State::lapsed);
  CHECK(house.hand(house.workers()[0]).channel.empty());
  CHECK(refusal_of_submission(house, house.connect(1001), id).code == "bad_request");
}

TEST_CASE("S2 after a restart it does not run a second time either") {
  ReadyHouse before;
  unheard(before);
  const auto buried = before.written<change::BuryId>();
  REQUIRE(buried.size() == 1);
  CHECK(buried[0].guard);
  House house(one_pool(), [&](House& h) {
    h.scheduler.restore(RecoveredGrave{buried[0].id, buried[0].owner, buried[0].guard, h.now.wall + 1h});
  });
  house.ready(house.workers()[0]);
  const auto back = house.connect();
  CHECK(refusal_of_submission(house, back, buried[0].id).state == State::lapsed);
  house.wait(1h);
  CHECK(house.written<change::DeleteGrave>().size() == 1);
}

TEST_CASE("R6 above max_tombstones the oldest goes, but none that keeps a job from running twice") {
  Settings settings = one_pool();
  settings.limits.max_tombstones = 2;
  ReadyHouse house(settings);
  const JobId guarded = unheard(house);
  const auto client = house.connect();
  std::vector<JobId> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(house.submit(client, "f", Options{}.remember("n" + std::to_string(i), 1s)));
    house.finish(house.workers()[0]);
    house.wait(1s);
  }
  CHECK(refusal_of(house, client, ids[0]).state == State::unknown);
  CHECK(refusal_of(house, client, ids[1]).state == State::lapsed);
  CHECK(refusal_of(house, client, ids[2]).state == State::lapsed);
  CHECK(refusal_of(house, client, guarded).state == State::lapsed);
}

TEST_CASE("E2 a tombstone that keeps a job from running twice counts as a job of its owner") {
  Settings settings = one_pool();
  settings.limits.max_jobs_per_owner = 1;
  ReadyHouse house(settings);
  unheard(house);
  const auto client = house.connect();
  house.submit(client);
  CHECK(house.last<message::Refused>(client).message.starts_with("max_jobs_per_owner (1) is reached"));
  house.wait(house.settings.limits.keep_tombstones);
  const JobId id = house.submit(client);
  house.finish(house.workers()[0]);
  CHECK(house.ended(client, id));
}

}  // namespace
