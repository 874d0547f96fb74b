// SPDX-License-Identifier: Apache-2.0
// SEMANTICS R10: names that users share, R5: what each user finds by name.
#include <doctest/doctest.h>

#include "common/ids.hpp"
#include "tests/unit/decide/house.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

constexpr uid_t kWriter = 1000, kReader = 1001, kStranger = 1002, kRoot = 0;
const std::string kName = "shared/reports/march";

Settings shared_settings() {
  Settings settings = one_pool();
  settings.access.shared = {{"shared/reports/", NameUse::write, {kWriter}, {}, false},
                            {"shared/reports/", NameUse::read, {}, {kReader}, false}};
  return settings;
}

struct SharedHouse : ReadyHouse {
  SharedHouse() : ReadyHouse(shared_settings()) {
    id = submit(writer, "f", Options{}.remember(kName, 1h));
    finish(workers()[0], "march");
  }
  std::string code(SessionId session) { return last<message::Refused>(session).code; }

  SessionId writer = connect(kWriter);
  JobId id;
};

TEST_CASE("R10 the gate lets nobody use a shared name until a rule says so, but administrators") {
  const Access nothing;
  const Gate closed(nothing, 999);
  CHECK_FALSE(closed.may_use({kWriter, kWriter, 1}, Standing::user, kName, NameUse::read));
  CHECK(closed.may_use({kRoot, 0, 1}, Standing::admin, kName, NameUse::write));
  CHECK(closed.may_use({kWriter, kWriter, 1}, Standing::user, "own", NameUse::write));
  CHECK_FALSE(closed.may_use({kWriter, kWriter, 1}, Standing::nobody, "own", NameUse::read));
  const Settings settings = shared_settings();
  const Gate gate(settings.access, 999);
  CHECK(gate.may_use({kWriter, kWriter, 1}, Standing::user, kName, NameUse::write));
  CHECK(gate.may_use({kWriter, kWriter, 1}, Standing::user, kName, NameUse::read));
  CHECK(gate.may_use({7, kReader, 1}, Standing::user, kName, NameUse::read));
  CHECK_FALSE(gate.may_use({7, kReader, 1}, Standing::user, kName, NameUse::write));
  CHECK_FALSE(gate.may_use({kWriter, kWriter, 1}, Standing::user, "shared/other", NameUse::read));
}

TEST_CASE("R10 a shared name is one name for all users: who may read it gets the outcome, by its id too") {
  SharedHouse house;
  const auto reader = house.connect(kReader);
  house.ask(reader, message::Watch{.key = {{}, kName}});
  CHECK(house.sent(reader).back().payload == "march");
  house.ask(reader, message::Watch{.key = {house.id, {}}});
  CHECK(house.sent(reader).back().payload == "march");
  house.ask(reader, message::Show{{{}, kName}, {}, false});
  CHECK(house.last<message::Jobs>(reader).jobs.at(0).owner == kWriter);
}

TEST_CASE("R10 who may only read a shared name can neither take, forget, replace nor cancel") {
  SharedHouse house;
  const auto reader = house.connect(kReader);
  const auto refused = [&](auto body) {
    house.ask(reader, std::move(body));
    const auto& refusal = house.last<message::Refused>(reader);
    CHECK(refusal.code == "not_permitted");
    CHECK(refusal.message ==
          "user 1001 may not write the shared name \"" + kName +
              "\"; the administrator grants it with a line `shared = PREFIX:write:USER` in "
              "section [access]");
    house.sent(reader).clear();
  };
  refused(message::Watch{.key = {{}, kName}, .take = true});
  refused(message::Forget{{{}, kName}});
  refused(message::Cancel{{{}, kName}});
  refused(message::Submit{new_job_id(), "f", Options{}.remember(kName, 1h, Duplicate::replace)});
  const JobId own = house.submit(reader);
  refused(message::Remember{own, kName, 1h, Duplicate::replace, {}});
  house.ask(reader, message::Cancel{{house.id, {}}});
  CHECK(house.code(reader) == "not_permitted");
}

TEST_CASE("R10 who may not read a shared name is told so, whether there is one or not") {
  SharedHouse house;
  const auto stranger = house.connect(kStranger);
  for (const std::string& name : {kName, std::string("shared/reports/none")}) {
    house.ask(stranger, message::Watch{.key = {{}, name}});
    CHECK(house.last<message::Refused>(stranger).message ==
          "user 1002 may not read the shared name \"" + name +
              "\"; the administrator grants it with a line `shared = PREFIX:read:USER` in section [access]");
  }
  house.ask(stranger, message::Watch{.key = {house.id, {}}});
  CHECK(house.code(stranger) == "no_such_future");
}

TEST_CASE("R10 who may write a shared name may replace, take and forget it, and not cancel another's job") {
  Settings settings = shared_settings();
  settings.access.shared.push_back({"shared/reports/", NameUse::write, {kStranger}, {}, false});
  ReadyHouse house(settings);
  const auto first = house.connect(kWriter);
  const auto second = house.connect(kStranger);
  const JobId id = house.submit(first, "f", Options{}.remember(kName, 1h));
  house.ask(second, message::Cancel{{{}, kName}});
  CHECK(house.last<message::Refused>(second).message ==
        "the future \"" + kName +
            "\" is a job of user 1000: only that user and administrators may cancel or change it");
  house.submit(second, "f", Options{}.remember(kName, 1h));
  CHECK(house.last<message::Refused>(second).holder == id);
  const JobId newer = house.submit(second, "f", Options{}.remember(kName, 1h, Duplicate::replace));
  house.finish(house.workers()[0], "first");
  house.finish(house.workers()[0], "second");
  house.ask(first, message::Watch{.key = {{}, kName}, .take = true});
  CHECK(house.sent(first).back().payload == "second");
  CHECK(house.ended(first, newer));
  house.ask(second, message::Watch{.key = {{}, kName}});
  CHECK(house.last<message::Refused>(second).state == State::forgotten);
}

TEST_CASE("R10 a shared name comes back after a restart, and an administrator sees it") {
  House house(shared_settings(), [](House& h) {
    RecoveredJob job;
    job.id = new_job_id();
    job.owner = kWriter;
    job.function = "f";
    job.state = State::cancelled;
    job.submitted = job.ended = h.now.wall;
    h.scheduler.restore(job, h.now, h.plan);
    h.scheduler.restore(RecoveredName{kSharedOwner, kName, State::cancelled, job.id, 1h, {}}, h.now, h.plan);
  });
  for (const uid_t uid : {kReader, kRoot}) {
    const auto session = house.connect(uid);
    house.ask(session, message::Watch{.key = {{}, kName}});
    CHECK(house.last<message::Ended>(session).state == State::cancelled);
  }
}

TEST_CASE("R5 a user finds the own names and readable shared ones, and how many they are") {
  SharedHouse house;
  const auto reader = house.connect(kReader);
  house.submit(reader, "f", Options{}.remember("own", 1h));
  house.submit(reader);
  house.submit(house.connect(kStranger), "f", Options{}.remember("foreign", 1h));
  const auto find = [&](SessionId session, message::List list) {
    list.mine = true;
    list.remembered = true;
    house.ask(session, list);
    std::vector<std::string> names;
    for (const JobView& job : house.last<message::Jobs>(session).jobs) names.push_back(job.name);
    list.count = true;
    house.ask(session, list);
    CHECK(house.last<message::Count>(session).count == names.size());
    return names;
  };
  CHECK(find(reader, {}) == std::vector<std::string>{"own", kName});
  CHECK(find(house.connect(kStranger), {}) == std::vector<std::string>{"foreign"});
  CHECK(find(house.connect(kRoot), {}) == std::vector<std::string>{kName});
  message::List some;
  some.name_prefix = "shared/";
  CHECK(find(reader, some) == std::vector<std::string>{kName});
  some.name_prefix = "";
  some.states = 1U << static_cast<unsigned>(State::succeeded);
  CHECK(find(reader, some) == std::vector<std::string>{kName});
}

TEST_CASE("R5 counting jobs counts those on disk too") {
  Settings settings = one_pool();
  settings.limits.max_in_memory = 1;
  ReadyHouse house(settings);
  const auto client = house.connect();
  for (int i = 0; i < 200; ++i) house.submit(client);
  std::size_t on_disk = 0;
  for (const auto& insert : house.written<change::InsertJob>()) on_disk += insert.backlog ? 1 : 0;
  REQUIRE(on_disk > 0);
  house.find_in_backlog = [&](BacklogSearch& search) {
    CHECK(search.most >= on_disk);
    for (const auto& insert : house.written<change::InsertJob>()) {
      if (!insert.backlog) continue;
      RecoveredJob job;
      job.id = insert.id;
      job.owner = insert.owner;
      search.found.push_back(job);
    }
  };
  message::List list;
  list.count = true;
  house.ask(client, list);
  CHECK(house.last<message::Count>(client).count == 200);
}

}  // namespace
