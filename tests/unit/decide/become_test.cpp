// SPDX-License-Identifier: Apache-2.0
// Jobs that return a future (SEMANTICS C7).
#include <doctest/doctest.h>

#include "tests/unit/decide/kin.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

struct Heirs : ReadyHouse {
  Heirs() : ReadyHouse(settings_of_one()), client(connect()) {}
  static Settings settings_of_one() {
    Settings settings = one_pool();
    settings.pools[0].prefetch = 1;
    return settings;
  }
  WorkerId worker() { return workers().front(); }
  /// The job that runs returns the future of this one.
  void become(const JobId& id) {
    const message::Run run = begin(worker());
    hand(worker()).channel.pop_front();
    handle(event::AttemptEnded{worker(), run.sequence, {}, 1ms, {}, {}, id});
  }
  State state(const JobId& id) { return show(client, id).state; }
  SessionId client;
};

}  // namespace

TEST_CASE("C7 a job that returns a future waits without a worker, and comes to the same") {
  Heirs house;
  const JobId job = house.submit(house.client), child = house.submit(house.client);
  house.become(child);
  CHECK(house.state(job) == State::waiting);
  const JobView view = house.show(house.client, job);
  CHECK(view.waits_for == std::vector<JobId>{child});
  CHECK(view.reason == "it comes to what job " + child.text() + " comes to");
  CHECK(house.state(child) == State::running);
  house.finish(house.worker(), "made");
  CHECK(house.ended(house.client, job)->state == State::succeeded);
  CHECK(house.sent(house.client).back().payload == "made");
}

TEST_CASE("C7 it fails as the other fails, and a callback gets that") {
  Heirs house;
  const JobId job = house.submit(house.client), child = house.submit(house.client);
  add_callback(house, house.client, job, Follows::failure);
  house.become(child);
  house.fail(house.worker(), an_exception("no"));
  CHECK(house.ended(house.client, job)->failure.message == "no");
  CHECK(first_argument(house).id == job);
}

TEST_CASE(
    "C7 A1 its own retries do not have it run again if the other fails, which may have retries itself") {
  Heirs house;
  const Options twice = Options{}.retries(1).backoff(Backoff::fixed(0s));
  const JobId job = house.submit(house.client, "f", twice), child = house.submit(house.client, "f", twice);
  house.become(child);
  house.fail(house.worker(), an_exception("first"));
  CHECK(house.state(job) == State::waiting);
  CHECK(house.state(child) == State::running);
  house.fail(house.worker(), an_exception("second"));
  CHECK(house.ended(house.client, job)->state == State::failed);
  CHECK(house.ended(house.client, job)->failure.message == "second");
}

TEST_CASE("C7 what has ended is taken over at once, as long as the job that returns it has run") {
  Heirs house;
  const JobId parent = house.submit(house.client);
  house.begin(house.worker());
  // The job's own client: a process of the worker's session.
  const SessionId session{77};
  const Identity who{1000, 1000, 4712, static_cast<pid_t>(100 + static_cast<std::uint32_t>(house.worker()))};
  house.handle(event::Requested{
      session, who, {1, 0, message::Hello{message::kClientProtocol, new_job_id(), "job"}}, {}});
  const JobId child = new_job_id();
  house.handle(event::Requested{
      session, who, {2, 0, message::Submit{child, "g", Options{}.durability(Durability::memory)}}, {}});
  // It ends before the parent does: say, because it was cancelled. Its outcome arrives, and is acknowledged.
  house.handle(
      event::Requested{session, who, {3, 0, message::Cancel{{child, {}}, false, "by its parent"}}, {}});
  house.handle(event::Requested{session, who, {4, 1, std::monostate{}}, {}});
  CHECK(house.state(child) == State::cancelled);
  house.become(child);
  CHECK(house.ended(house.client, parent)->state == State::cancelled);
  house.ask(house.client, message::Watch{.key = {child, {}}});
  CHECK(house.last<message::Refused>(house.client).code == "no_such_future");
}

TEST_CASE("C7 a circle fails as deadlock, and a future that is gone fails too") {
  Heirs house;
  const JobId a = house.submit(house.client), b = house.submit(house.client);
  house.become(b);
  CHECK(house.state(a) == State::waiting);
  house.become(a);
  const auto ended = house.ended(house.client, b);
  REQUIRE(ended);
  CHECK(ended->failure.cause == Cause::deadlock);
  CHECK(ended->failure.message == "a circle of waits: job " + b.text() + " (f) would wait for job " +
                                      a.text() + " (f), which waits for job " + b.text() + " (f)");
  CHECK(house.ended(house.client, a)->failure.cause == Cause::deadlock);
  const JobId c = house.submit(house.client);
  const JobId never = new_job_id();
  house.become(never);
  CHECK(house.ended(house.client, c)->failure.message ==
        "it returned the future of job " + never.text() +
            ", which is gone, or was never there, or is another user's");
  const JobId d = house.submit(house.client);
  house.become(d);
  CHECK(house.ended(house.client, d)->failure.cause == Cause::deadlock);
}

TEST_CASE("C7 one that is to become another can be cancelled, which leaves that alone; its deadline counts") {
  Heirs house;
  const JobId a = house.submit(house.client), b = house.submit(house.client, "f", Options{}.deadline(3s)),
              child = house.submit(house.client);
  house.become(child);
  house.become(child);
  house.ask(house.client, message::Cancel{{a, {}}});
  CHECK(house.ended(house.client, a)->state == State::cancelled);
  CHECK(house.state(child) == State::running);
  house.wait(3s);
  CHECK(house.ended(house.client, b)->failure.limit == "deadline");
  house.finish(house.worker());
  CHECK(house.ended(house.client, child)->state == State::succeeded);
}

TEST_CASE("C7 a cancelled job does not become what it returns") {
  Heirs house;
  const JobId job = house.submit(house.client), child = house.submit(house.client);
  house.begin(house.worker());
  house.ask(house.client, message::Cancel{{job, {}}});
  house.become(child);
  CHECK(house.ended(house.client, job)->state == State::cancelled);
}

namespace {

/// A job that had begun when the daemon was cut off.
RecoveredJob under_way(const JobId& id) {
  RecoveredJob job;
  job.id = id;
  job.owner = 1000;
  job.function = "f";
  job.arguments = Payload("x");
  job.arguments_size = 1;
  job.submitted = WallTime(500'000h) - 2s;
  job.started = true;
  job.attempts = 1;
  return job;
}

Link comes_to(const JobId& id) {
  Link link;
  link.phase = Link::Phase::ready;
  link.becomes = id;
  return link;
}

}  // namespace

TEST_CASE("C7 Q8 a unique job that is to become another is joined after a restart too") {
  const JobId heir = new_job_id(), child = new_job_id();
  House house(one_pool(), [&](House& h) {
    h.scheduler.restore(RecoveredLink{heir, comes_to(child)});
    RecoveredJob job = under_way(heir), other = under_way(child);
    job.options.unique();
    other.started = false;
    other.submitted += 1s;
    h.scheduler.restore(std::move(job), h.now, h.plan);
    h.scheduler.restore(std::move(other), h.now, h.plan);
  });
  const auto client = house.connect();
  house.ready(house.workers().front());
  house.submit(client, "f", Options{}.unique(), "x");
  CHECK(house.last<message::Known>(client).id == heir);
}

TEST_CASE("C7 a job of the backlog that is to become another is known to the next start, and waits again") {
  const JobId heir = new_job_id(), child = new_job_id();
  {
    RecoveredJob row = under_way(heir);
    row.started = false;
    row.attempts = 0;
    House with_backlog(Heirs::settings_of_one(), [&](House& h) {
      h.load_backlog = [&](const effect::LoadBacklog&) { return std::vector{row}; };
      h.scheduler.restore(RecoveredBacklog{"default", "f", {}, 0, 1000, 1, row.submitted});
      h.scheduler.restore_backlog_id(heir);
    });
    const WorkerId worker = with_backlog.workers().front();
    with_backlog.ready(worker);
    const auto client = with_backlog.connect();
    const JobId other = with_backlog.submit(client);
    const message::Run run = with_backlog.begin(worker);
    REQUIRE(run.id == heir);
    with_backlog.hand(worker).channel.pop_front();
    with_backlog.handle(event::AttemptEnded{worker, run.sequence, {}, 1ms, {}, {}, other});
    const auto known = with_backlog.written<change::KnowJob>();
    REQUIRE(known.size() == 1);
    CHECK(known[0].id == heir);
    CHECK(with_backlog.written<change::LinkJob>().back().link.becomes == other);
  }
  House house(one_pool(), [&](House& h) {
    h.load_backlog = [](const effect::LoadBacklog&) { return std::vector<RecoveredJob>(); };
    h.scheduler.restore(RecoveredLink{heir, comes_to(child)});
    RecoveredJob job = under_way(heir), other = under_way(child);
    other.started = false;
    other.submitted += 1s;
    h.scheduler.restore(RecoveredBacklog{"default", "f", {}, 0, 1000, 1, job.submitted});
    h.scheduler.restore_backlog_id(heir);
    h.scheduler.restore_known(std::move(job), h.now, h.plan);
    h.scheduler.restore(std::move(other), h.now, h.plan);
  });
  const auto client = house.connect();
  CHECK(house.show(client, heir).state == State::waiting);
  house.ready(house.workers().front());
  REQUIRE(house.hand(house.workers().front()).channel.size() == 1);
  house.ask(client, message::Watch{.key = {heir, {}}});
  CHECK(house.finish(house.workers().front(), "made") == child);
  REQUIRE(house.ended(client, heir));
  CHECK(house.ended(client, heir)->state == State::succeeded);
}

TEST_CASE(
    "C7 what waits on disk alone is inherited from when it has been read, if it may be, and after a "
    "restart") {
  for (const std::uint32_t owner : {1000U, 1001U}) {
    CAPTURE(owner);
    const JobId heir = new_job_id(), child = new_job_id();
    RecoveredJob other = under_way(child);
    other.owner = owner;
    other.started = false;
    House house(one_pool(), [&](House& h) {
      h.load_backlog_later = [](const effect::LoadBacklog&) {};
      h.load_job = [&](const JobId&) { return std::optional(other); };
      h.scheduler.restore(RecoveredLink{heir, comes_to(child)});
      h.scheduler.restore(RecoveredBacklog{"default", "f", {}, 0, owner, 1, other.submitted});
      h.scheduler.restore_backlog_id(child);
      h.scheduler.restore(under_way(heir), h.now, h.plan);
    });
    const auto client = house.connect();
    if (owner == 1000) {
      CHECK(house.show(client, heir).waits_for == std::vector<JobId>{child});
    } else {
      CHECK(house.show(client, heir).failure.type == "promised::NoSuchFuture");
    }
  }
}

TEST_CASE("C7 M4 a job that runs again does not come to what its earlier attempt had returned") {
  Heirs house;
  const JobId job = house.submit(house.client, "f", Options{}.deadline(3s)),
              child = house.submit(house.client);
  house.become(child);
  house.wait(3s);
  REQUIRE(house.ended(house.client, job)->failure.limit == "deadline");
  house.ask(house.client, message::RetryJob{{job, {}}});
  REQUIRE(house.state(job) == State::pending);
  CHECK(house.finish(house.worker(), "of the child") == child);
  CHECK(house.state(job) == State::running);
  CHECK(house.finish(house.worker(), "its own") == job);
  CHECK(house.state(job) == State::succeeded);
}

TEST_CASE("C7 what a job comes to is not written before it is known that it may come to that") {
  for (const std::uint32_t owner : {1000U, 1001U}) {
    CAPTURE(owner);
    const JobId child = new_job_id();
    RecoveredJob other = under_way(child);
    other.owner = owner;
    other.started = false;
    other.options.queue("other");
    House house(Heirs::settings_of_one(), [&](House& h) {
      h.load_backlog_later = [](const effect::LoadBacklog&) {};
      h.load_job = [&](const JobId&) { return std::optional(other); };
      h.scheduler.restore(RecoveredBacklog{"other", "f", {}, 0, owner, 1, other.submitted});
      h.scheduler.restore_backlog_id(child);
    });
    const WorkerId worker = house.workers().front();
    house.ready(worker);
    const auto client = house.connect();
    const JobId heir = house.submit(client);
    const message::Run run = house.begin(worker);
    house.hand(worker).channel.pop_front();
    house.handle(event::AttemptEnded{worker, run.sequence, {}, 1ms, {}, {}, child});
    std::size_t known_at = 0, linked_at = 0, links = 0;
    for (std::size_t i = 0; i < house.changes.size(); ++i) {
      if (std::holds_alternative<change::KnowJob>(house.changes[i])) known_at = i;
      const auto* link = std::get_if<change::LinkJob>(&house.changes[i]);
      if (link == nullptr || link->link.becomes.empty()) continue;
      CHECK(link->id == heir);
      linked_at = i;
      ++links;
    }
    if (owner == 1000) {
      CHECK(links == 1);
      CHECK(known_at < linked_at);  // in the batch in which the next start gets to know the other
      CHECK(house.show(client, heir).waits_for == std::vector<JobId>{child});
    } else {
      CHECK(links == 0);
      CHECK(house.ended(client, heir)->failure.type == "promised::NoSuchFuture");
    }
  }
}

TEST_CASE("C7 a link to a job on disk, of an earlier daemon, gives no more than its owner's own") {
  const JobId heir = new_job_id(), child = new_job_id();
  RecoveredJob other = under_way(child);
  other.owner = 999;  // the daemon's own
  other.started = false;
  House house(one_pool(), [&](House& h) {
    h.load_backlog_later = [](const effect::LoadBacklog&) {};
    h.load_job = [&](const JobId&) { return std::optional(other); };
    h.scheduler.restore(RecoveredLink{heir, comes_to(child)});
    h.scheduler.restore(RecoveredBacklog{"default", "f", {}, 0, 999, 1, other.submitted});
    h.scheduler.restore_backlog_id(child);
    h.scheduler.restore(under_way(heir), h.now, h.plan);
  });
  CHECK(house.show(house.connect(), heir).failure.type == "promised::NoSuchFuture");
}
