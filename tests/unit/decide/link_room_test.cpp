// SPDX-License-Identifier: Apache-2.0
// Jobs that follow others (SEMANTICS C1), as many as there is room for (E2).
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/decide/parents.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

/// Bytes in memory, of all.
std::uint64_t bytes(House& house) {
  return house.status(house.connect(0)).limits[1].used;
}

/// All that the client was sent has arrived.
void acknowledge(Parents& house) {
  std::uint64_t arrived = 0;
  for (const auto& sent : house.sent(house.client)) arrived = std::max(arrived, sent.reply.delivery);
  house.ask(house.client, std::monostate{}, {}, arrived);
}

std::vector<JobId> followers_of(Parents& house, const JobId& parent, int count) {
  std::vector<JobId> ids;
  for (int i = 0; i < count; ++i) ids.push_back(house.follow(parent, Follows::done));
  return ids;
}

std::size_t waiting_among(Parents& house, const std::vector<JobId>& ids) {
  return static_cast<std::size_t>(std::count_if(
      ids.begin(), ids.end(), [&](const JobId& id) { return house.state(id) == State::waiting; }));
}

}  // namespace

TEST_CASE("E2 C1 callbacks go as far as max_bytes allows, and the others in their order when there is room") {
  Parents house;
  house.settings.limits.max_bytes = 100'000;
  const JobId parent = house.submit(house.client);
  const std::vector<JobId> callbacks = followers_of(house, parent, 20);
  const std::string made(20'000, 'x');
  CHECK(house.finish(house.worker(), text_value(made)) == parent);
  const std::uint64_t most = 100'000 + 21'000;  // one always may
  CHECK(bytes(house) <= most);
  CHECK(bytes(house) > 80'000);
  CHECK(waiting_among(house, callbacks) == 16);
  const JobView last = house.show(house.client, callbacks.back());
  CHECK(last.reason == "it begins when there is room in memory for what job " + parent.text() +
                           " (f) has come to (max_bytes, max_bytes_per_owner)");
  acknowledge(house);  // its submitter has the outcome: it is kept all the same
  for (const JobId& callback : callbacks) {
    CHECK(first_argument(house).result<std::string>() == made);
    CHECK(house.finish(house.worker()) == callback);
    CHECK(bytes(house) <= most);
  }
}

TEST_CASE("E2 C1 a callback always goes, however little memory there is; one of an owner at a time") {
  Parents house;
  const JobId parent = house.submit(house.client);
  const std::vector<JobId> callbacks = followers_of(house, parent, 4);
  house.settings.limits.max_bytes_per_owner = 1000;
  house.finish(house.worker(), text_value(std::string(20'000, 'x')));
  for (std::size_t i = 0; i < callbacks.size(); ++i) {
    CHECK(waiting_among(house, callbacks) == callbacks.size() - i - 1);
    CHECK(house.finish(house.worker()) == callbacks[i]);
  }
}

TEST_CASE("E2 C1 a callback that is cancelled while it waits for room is in nobody's way") {
  Parents house;
  const JobId parent = house.submit(house.client);
  const std::vector<JobId> callbacks = followers_of(house, parent, 3);
  house.settings.limits.max_bytes_per_owner = 1000;
  house.fail(house.worker(), an_exception(std::string(20'000, 'x')));
  house.ask(house.client, message::RetryJob{{parent, {}}});
  CHECK(house.last<message::Refused>(house.client).message ==
        "others still wait to be given what job " + parent.text() +
            " has come to; say it again when they have it");
  house.ask(house.client, message::Cancel{{callbacks[1], {}}});
  CHECK(house.ended(house.client, callbacks[1])->state == State::cancelled);
  CHECK(house.finish(house.worker()) == callbacks[0]);
  CHECK(house.finish(house.worker()) == callbacks[2]);
}

namespace {

/// What a store has of a job that has ended, and of one that follows it.
RecoveredJob ended_job(std::uint64_t result_size) {
  RecoveredJob job;
  job.id = new_job_id();
  job.owner = 1000;
  job.function = "f";
  job.submitted = WallTime(500'000h) - 2s;
  job.state = State::succeeded;
  job.result_size = result_size;
  return job;
}

RecoveredJob callback_job(int number) {
  RecoveredJob job;
  job.id = new_job_id();
  job.owner = 1000;
  job.function = "g";
  job.submitted = WallTime(500'000h) - 1s + std::chrono::milliseconds(number);
  job.arguments = Payload(wire::encode(Arguments{}).value());
  job.arguments_size = job.arguments.size();
  return job;
}

RecoveredLink follows_job(const JobId& id, const JobId& parent) {
  RecoveredLink link{id, {}};
  link.link.parent = parent;
  link.link.follows = Follows::done;
  return link;
}

}  // namespace

TEST_CASE("E2 C1 callbacks for which there was no room are found so after a restart") {
  const RecoveredJob parent = ended_job(20'000);
  std::vector<JobId> callbacks;
  House house(one_by_one(), [&](House& h) {
    h.settings.limits.max_bytes = 50'000;
    h.load = [](const JobId&) { return std::optional(Payload(text_value(std::string(19'990, 'x')))); };
    for (int i = 0; i < 5; ++i) callbacks.push_back(callback_job(i).id);
    for (const JobId& id : callbacks) h.scheduler.restore(follows_job(id, parent.id));
    h.scheduler.restore(parent, h.now, h.plan);
    for (int i = 0; i < 5; ++i) {
      RecoveredJob job = callback_job(i);
      job.id = callbacks[static_cast<std::size_t>(i)];
      h.scheduler.restore(std::move(job), h.now, h.plan);
    }
  });
  CHECK(bytes(house) <= 71'000);  // one always may
  CHECK(bytes(house) > 40'000);
  const WorkerId worker = house.workers().front();
  house.ready(worker);
  for (const JobId& callback : callbacks) {
    CHECK(first_argument(house).result<std::string>().size() == 19'990);
    CHECK(house.finish(worker) == callback);
    CHECK(bytes(house) <= 71'000);
  }
}

TEST_CASE(
    "E2 C1 a callback whose arguments would be more than a row takes with the outcome fails, saying so") {
  const RecoveredJob parent = ended_job(kLargestPayload);
  RecoveredJob callback = callback_job(0);
  callback.arguments = Payload("arguments");
  House house(one_by_one(), [&](House& h) {
    h.scheduler.restore(follows_job(callback.id, parent.id));
    h.scheduler.restore(parent, h.now, h.plan);
    h.scheduler.restore(callback, h.now, h.plan);
  });
  const Failure failure = house.show(house.connect(), callback.id).failure;
  CHECK(failure.cause == Cause::bad_arguments);
  CHECK(failure.message ==
        "what it follows has come to 943718400 bytes, and its own arguments have 9; together a job takes at "
        "most "
        "943718400");
}

TEST_CASE("E2 max_callbacks counts those that are there, and not those long gone") {
  Parents house;
  house.settings.limits.max_callbacks = 2;
  const JobId parent = house.submit(house.client, "f", Options{}.remember("n", 1h));
  house.finish(house.worker());
  for (int i = 0; i < 4; ++i) {
    const JobId callback = house.follow(parent, Follows::done);
    CHECK(house.finish(house.worker()) == callback);
    CHECK(house.show(house.client, parent).related.size() == 1);
    acknowledge(house);
  }
  CHECK(house.count<message::Refused>(house.client) == 0);
  CHECK(house.show(house.client, parent).related.empty());
}
