// SPDX-License-Identifier: Apache-2.0
// Q2, Q4, Q7 Queues and quotas as they are configured, and as administrators steer them.
#include <doctest/doctest.h>

#include "common/ids.hpp"
#include "tests/unit/decide/queues.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

TEST_CASE("Q2 of a paused queue no job begins, of others they do, and resumed it goes on") {
  ReadyHouse house(prefetching(1));
  const auto admin = house.connect(0);
  CHECK(steer(house, admin, {.paused = true}) == 0);
  const JobId held = house.submit(admin, "f", kMail);
  const JobId other = house.submit(admin);
  CHECK(house.finish(house.workers()[0]) == other);
  CHECK(house.hand(house.workers()[0]).channel.empty());
  CHECK(house.show(admin, held).reason == "queue mail is paused");
  CHECK(view(house, admin).paused);
  CHECK(view(house, admin).length == 1);
  CHECK(steer(house, admin, {.paused = false}) == 1);
  CHECK(house.finish(house.workers()[0]) == held);
}

TEST_CASE("Q2 what a worker holds ready of a queue does not begin when that is paused") {
  ReadyHouse house(prefetching(4));
  const auto admin = house.connect(0);
  const WorkerId worker = house.workers()[0];
  const JobId runs = house.submit(admin, "f", kMail);
  house.submit(admin, "f", kMail);
  house.begin(worker);
  REQUIRE(house.hand(worker).channel.size() == 2);
  steer(house, admin, {.paused = true});
  CHECK(house.hand(worker).channel.size() == 1);
  CHECK(view(house, admin).length == 1);
  CHECK(house.finish(worker) == runs);
  CHECK(house.hand(worker).channel.empty());
}

TEST_CASE("Q2 a paused queue is paused after a restart, and one that was resumed is not") {
  ReadyHouse before(prefetching(1));
  const auto admin = before.connect(0);
  steer(before, admin, {.paused = true});
  steer(before, admin, {.paused = true}, "other");
  steer(before, admin, {.paused = false}, "other");
  House after(prefetching(1), [&](House& house) { restore_steering(before, house); });
  after.ready(after.workers()[0]);
  const auto again = after.connect(0);
  after.submit(again, "f", kMail);
  const JobId other = after.submit(again, "f", Options{}.queue("other"));
  CHECK(after.finish(after.workers()[0]) == other);
  CHECK(view(after, again).paused);
}

TEST_CASE("Q2 what is said of a queue is answered when it is on disk, and in force before") {
  ReadyHouse house(prefetching(1));
  const auto admin = house.connect(0);
  house.hold_commits();
  house.ask(admin, message::SteerQueue{"mail", {.paused = true}, false});
  CHECK(house.count<message::Count>(admin) == 0);
  house.submit(admin, "f", Options(kMail).durability(Durability::memory));
  CHECK(house.hand(house.workers()[0]).channel.empty());
  house.commit();
  CHECK(house.count<message::Count>(admin) == 1);
}

TEST_CASE("Q2 a pattern is no queue to steer, unless there is a queue that is called so") {
  ReadyHouse house(prefetching(1));
  const auto admin = house.connect(0);
  for (const char* pattern : {"ma*", "mai?"}) {
    for (const bool clear : {false, true}) {
      house.ask(admin, message::SteerQueue{pattern, {.paused = true}, clear});
      const auto refused = house.last<message::Refused>(admin);
      CHECK(refused.code == "no_queue");
      CHECK(refused.message == "there is no queue \"" + std::string(pattern) +
                                   "\", and no pattern stands here for the queues that match it: name one "
                                   "queue (promisectl queues "
                                   "lists those that a pattern matches)");
    }
  }
  house.submit(admin);
  const JobId odd = house.submit(admin, "f", Options{}.queue("ma*"));
  CHECK(steer(house, admin, {.paused = true}, "ma*") == 1);
  house.ask(admin, message::Cancel{{odd, {}}, false, {}});
  // It has no job any more, but is paused by its name.
  CHECK(steer(house, admin, {.paused = false}, "ma*") == 0);
}

TEST_CASE("Q2 a draining queue takes no more jobs, and runs what it has") {
  ReadyHouse house(prefetching(1));
  const auto admin = house.connect(0);
  house.submit(admin, "f", kMail);
  const JobId waits = house.submit(admin, "f", kMail);
  CHECK(steer(house, admin, {.draining = true}) == 1);
  house.submit(admin, "f", kMail);
  CHECK(house.last<message::Refused>(admin).code == "draining");
  CHECK(house.last<message::Refused>(admin).message ==
        "queue \"mail\" is draining: it takes no more jobs until an administrator resumes it (promisectl "
        "resume)");
  CHECK(view(house, admin).draining);
  house.finish(house.workers()[0]);
  CHECK(house.finish(house.workers()[0]) == waits);
  steer(house, admin, {.draining = false});
  const JobId next = house.submit(admin, "f", kMail);
  CHECK(house.finish(house.workers()[0]) == next);
}

TEST_CASE("Q2 beyond max_length a submission is refused, naming the limit and where it is") {
  auto settings = prefetching(1);
  settings.queues = {mail()};
  settings.queues[0].max_length = 2;
  ReadyHouse house(settings);
  const auto admin = house.connect(0);
  for (int i = 0; i < 3; ++i) house.submit(admin, "f", kMail);  // one runs
  CHECK(house.count<message::Refused>(admin) == 0);
  house.submit(admin, "f", kMail);
  CHECK(house.last<message::Refused>(admin).code == "queue_full");
  CHECK(house.last<message::Refused>(admin).message ==
        "queue \"mail\" is full: max_length (2) jobs wait in it; wait until it has run some, or raise it in "
        "section [queue.mail]");
  house.submit(admin);
  CHECK(house.count<message::Refused>(admin) == 1);
  steer(house, admin, {.max_length = 3});
  house.submit(admin, "f", kMail);
  CHECK(house.count<message::Refused>(admin) == 1);
  CHECK(view(house, admin).max_length == 3);
}

TEST_CASE("Q2 a rate that is given at run time holds from then on, and can be lifted") {
  ReadyHouse house(prefetching(1));
  const auto admin = house.connect(0);
  steer(house, admin, {.rate = Rate{1, 1s, 1}});
  const WorkerId worker = house.workers()[0];
  for (int i = 0; i < 3; ++i) house.submit(admin, "f", kMail);
  house.finish(worker);
  CHECK(house.hand(worker).channel.empty());
  CHECK(view(house, admin).next_in == 1s);
  house.wait(1s);
  house.finish(worker);
  CHECK(house.hand(worker).channel.empty());
  steer(house, admin, {.rate = Rate{}});
  house.finish(worker);
  CHECK(view(house, admin).length == 0);
}

TEST_CASE("Q2 Q8 what joins an equal job is not refused by a queue that takes no more") {
  ReadyHouse house(prefetching(1));
  const auto admin = house.connect(0);
  const Options unique = Options(kMail).unique();
  const JobId id = house.submit(admin, "f", unique, "x");
  steer(house, admin, {.draining = true});
  house.submit(admin, "f", unique, "x");
  CHECK(house.last<message::Known>(admin).id == id);
  CHECK(house.count<message::Refused>(admin) == 0);
  house.submit(admin, "f", unique, "y");
  CHECK(house.last<message::Refused>(admin).code == "draining");
}

TEST_CASE("Q7 a queue that holds takes a call to a function that no pool offers, until one does") {
  auto settings = prefetching(1);
  settings.queues = {mail()};
  settings.queues[0].hold = true;
  ReadyHouse house(settings);
  const auto client = house.connect();
  const JobId held = house.submit(client, "later", kMail);
  CHECK(house.show(client, held).reason == "no pool offers the function later");
  house.submit(client, "later");
  CHECK(house.last<message::Refused>(client).code == "no_function");

  PoolSettings more = settings.pools[0];
  more.name = "more";
  house.reconfigure({settings.pools[0], more});
  const WorkerId worker = house.workers()[1];
  house.ready(worker, {"later"});
  CHECK(house.finish(worker) == held);
}

TEST_CASE("Q2 the rate of a queue that a glob names holds, however many queues come and go meanwhile") {
  auto settings = one_pool();
  settings.pools[0].prefetch = 1;
  settings.queues = {mail()};
  settings.queues[0].name = "client-*";
  settings.queues[0].rate = Rate{1, 30s, 0};
  ReadyHouse house(settings);
  const auto client = house.connect();
  const auto one_in = [&](int queue) {
    return house.submit(client, "f",
                        Options{}.durability(Durability::memory).queue("client-" + std::to_string(queue)));
  };
  std::uint64_t arrived = 0;
  for (int i = 0; i < 200; ++i) {
    one_in(i);
    house.finish(house.workers()[0]);
    for (const auto& sent : house.sent(client)) arrived = std::max(arrived, sent.reply.delivery);
    house.ask(client, message::StatusQuery{}, {}, arrived);
  }
  const JobId again = one_in(0);
  CHECK(house.show(client, again).reason.find("rate") != std::string::npos);
  house.wait(30s);
  CHECK(house.finish(house.workers()[0]) == again);
  const std::size_t known = house.scheduler.known_queues();
  house.wait(30s);  // what they have spent is made good: they are forgotten
  CHECK(house.scheduler.known_queues() < known - 100);
}

TEST_CASE("Q2 a composite, and a retry by hand, find no room in a queue that is full or draining") {
  auto settings = one_pool();
  settings.pools[0].prefetch = 1;
  settings.queues = {mail()};
  settings.queues[0].max_length = 3;
  ReadyHouse house(settings);
  const auto admin = house.connect(0);
  const auto submit = [&](Composite kind, int members) {
    Tree tree(kind);
    for (int i = 0; i < members; ++i) tree.call(0, Follows::member, kMail);
    tree.submit(house, admin);
    return tree;
  };
  submit(Composite::parallel, 4);
  CHECK(house.last<message::Refused>(admin).code == "queue_full");
  Tree one_by_one = submit(Composite::serial, 4);
  CHECK(house.show(admin, one_by_one.id()).state == State::waiting);
  house.fail(house.workers()[0], an_exception());
  house.ask(admin, message::Cancel{{one_by_one.id(), {}}});
  const JobId failed = house.submit(admin, "f", kMail);
  house.fail(house.workers()[0], an_exception());
  steer(house, admin, {.draining = true});
  house.ask(admin, message::RetryJob{{failed, {}}});
  CHECK(house.last<message::Refused>(admin).code == "draining");
}

TEST_CASE("Q2 queues are served as globs say, also after they were forgotten, and as is read anew") {
  auto settings = prefetching(1);
  settings.queues = {mail()};
  settings.queues[0].name = "client-*";
  settings.queues[0].paused = true;
  ReadyHouse house(settings);
  const auto admin = house.connect(0);
  const std::size_t known = house.scheduler.known_queues();
  for (int i = 0; i < 200; ++i) {
    const JobId id = house.submit(admin, "f", Options{}.queue("client-" + std::to_string(i)));
    CHECK(house.show(admin, id).reason == "queue client-" + std::to_string(i) + " is paused");
    house.ask(admin, message::Cancel{{id, {}}});
  }
  CHECK(house.scheduler.known_queues() == known + 200);
  std::uint64_t arrived = 0;
  for (const auto& sent : house.sent(admin)) arrived = std::max(arrived, sent.reply.delivery);
  house.ask(admin, message::StatusQuery{}, {}, arrived);
  CHECK(house.scheduler.known_queues() < known + 100);
  const JobId waits = house.submit(admin, "f", Options{}.queue("client-7"));
  CHECK(house.show(admin, waits).reason == "queue client-7 is paused");
  house.settings.queues.clear();
  house.reconfigure(house.settings.pools);
  CHECK(house.finish(house.workers()[0]) == waits);
}

TEST_CASE("Q2 the configuration takes back what was said when it says something else of the same") {
  auto settings = prefetching(1);
  settings.queues = {mail()};
  ReadyHouse house(settings);
  const auto admin = house.connect(0);
  steer(house, admin, {.weight = 7, .max_length = 1});
  house.settings.queues[0].weight = 3;
  house.reconfigure(house.settings.pools);
  CHECK(view(house, admin).weight == 3);
  CHECK(view(house, admin).max_length == 1);
  CHECK(house.written<change::SteerQueue>().back().queue.said == QueueChange{.max_length = 1});
}

TEST_CASE("Q4 a quota is made, resized and removed at run time, and tells who holds it") {
  ReadyHouse house(prefetching(1, 3));
  const auto admin = house.connect(0);
  const auto size = [&](std::uint64_t wanted) {
    house.ask(admin, message::SteerQuota{"server", wanted, false});
    return house.last<message::Count>(admin).count;
  };
  const auto running = [&] {
    std::size_t count = 0;
    for (const WorkerId id : house.workers()) count += house.hand(id).channel.size();
    return count;
  };
  CHECK(size(1) == 0);
  const Options named = Options{}.quota("server");
  for (int i = 0; i < 5; ++i) house.submit(admin, "f", named);
  CHECK(running() == 1);
  CHECK(size(2) == 1);
  CHECK(running() == 2);
  CHECK(house.status(admin).quotas == std::vector{QuotaView{"server", 2, 2}});
  CHECK(size(1) == 2);  // both go on
  CHECK(running() == 2);
  CHECK(house.status(admin).quotas == std::vector{QuotaView{"server", 1, 2}});

  house.ask(admin, message::SteerQuota{"server", 0, true});
  CHECK(running() == 3);
  CHECK(house.status(admin).quotas.empty());
  house.submit(admin, "f", named);
  CHECK(house.last<message::Refused>(admin).code == "no_quota");
}

TEST_CASE("Q4 a size that was set at run time is there after a restart, and a removed quota is not") {
  auto settings = prefetching(1, 2);
  settings.quotas = {{"server", 1}, {"gone", 1}};
  ReadyHouse before(settings);
  const auto admin = before.connect(0);
  before.ask(admin, message::SteerQuota{"server", 2, false});
  before.ask(admin, message::SteerQuota{"gone", 0, true});
  House after(settings, [&](House& house) { restore_steering(before, house); });
  CHECK(after.status(after.connect(0)).quotas == std::vector{QuotaView{"server", 2, 0}});
  settings.quotas[0].size = 5;
  House changed(settings, [&](House& house) { restore_steering(before, house); });
  CHECK(changed.status(changed.connect(0)).quotas == std::vector{QuotaView{"server", 5, 0}});
  CHECK(changed.written<change::SteerQuota>().size() == 1);
}

TEST_CASE("Q4 what a worker holds ready of a quota does not begin when that is smaller") {
  auto settings = one_pool();
  settings.pools[0].prefetch = 4;
  settings.quotas = {{"server", 5}};
  ReadyHouse house(settings);
  const auto admin = house.connect(0);
  const WorkerId worker = house.workers()[0];
  const Options named = Options{}.quota("server");
  const JobId runs = house.submit(admin, "f", named);
  const JobId waits = house.submit(admin, "f", named);
  const JobId free = house.submit(admin);
  house.begin(worker);
  REQUIRE(house.hand(worker).channel.size() == 3);
  house.ask(admin, message::SteerQuota{"server", 1, false});
  CHECK(house.finish(worker) == runs);
  CHECK(house.status(admin).quotas == std::vector{QuotaView{"server", 1, 1}});
  house.ask(admin, message::SteerQuota{"server", 0, false});
  CHECK(house.finish(worker) == free);
  CHECK(house.hand(worker).channel.empty());
  CHECK(house.show(admin, waits).state == State::pending);
}

TEST_CASE("M6 queues and quotas are an administrator's to steer") {
  ReadyHouse house;
  const auto user = house.connect(1000);
  const std::string why =
      "only an administrator may steer queues and quotas, and user 1000 is none (section [access], key "
      "admins, says who is)";
  house.ask(user, message::SteerQueue{"mail", {.paused = true}, false});
  CHECK(house.last<message::Refused>(user).message == why);
  house.ask(user, message::SteerQueue{"mail", {}, true});
  house.ask(user, message::SteerQuota{"server", 1, false});
  CHECK(house.count<message::Refused>(user) == 3);
  CHECK(house.last<message::Refused>(user).code == "not_permitted");
  CHECK(house.changes.empty());
  CHECK(house.status(user).queues.empty());
  CHECK(house.status(user).quotas.empty());
}

TEST_CASE("Q2 Q4 what makes no sense is refused, saying what was expected") {
  ReadyHouse house;
  const auto admin = house.connect(0);
  const auto refused = [&](auto body) {
    house.ask(admin, std::move(body));
    return house.last<message::Refused>(admin).message;
  };
  CHECK(refused(message::SteerQueue{"", {}, true}) == "a queue's name has 1 to 255 bytes, given 0");
  CHECK(refused(message::SteerQuota{std::string(256, 'q'), 1, false}) ==
        "a quota's name has 1 to 255 bytes, given 256");
  CHECK(refused(message::SteerQuota{"a\nb", 1, false}) == "a quota's name has no line break");
  CHECK(refused(message::SteerQuota{"q", UINT64_MAX, false}) ==
        "a quota's size is at most 1000000000, given 18446744073709551615");
  CHECK(refused(message::SteerQueue{"q", {.weight = 0}, false}) ==
        "a queue's weight is from 1 to 1000, given 0");
  CHECK(refused(message::SteerQueue{"q", {.weight = 1001}, false}) ==
        "a queue's weight is from 1 to 1000, given 1001");
  CHECK(refused(message::SteerQueue{"q", {.rate = Rate{1, 0ms, 0}}, false}) ==
        "a rate is a number of jobs in a time above zero, given one in no time");
  house.ask(admin, message::SteerQuota{"mailserver", 1, false});
  CHECK(refused(message::SteerQuota{"mailsever", 0, true}) ==
        "there is no quota \"mailsever\"; did you mean mailserver?");
  CHECK(house.last<message::Refused>(admin).code == "no_quota");
}

TEST_CASE("Q2 what a rate has used up stays used up when something else of the queue changes") {
  ReadyHouse house(prefetching(1));
  const auto admin = house.connect(0);
  steer(house, admin, {.rate = Rate{1, 10s, 1}});
  const WorkerId worker = house.workers()[0];
  for (int i = 0; i < 3; ++i) house.submit(admin, "f", kMail);
  house.finish(worker);
  CHECK(house.hand(worker).channel.empty());
  house.wait(3s);
  steer(house, admin, {.weight = 2});
  CHECK(house.hand(worker).channel.empty());
  CHECK(view(house, admin).next_in == 7s);
  house.wait(7s);
  house.finish(worker);
  CHECK(house.hand(worker).channel.empty());
  steer(house, admin, {.rate = Rate{2, 10s, 1}});
  CHECK(house.hand(worker).channel.size() == 1);
}
