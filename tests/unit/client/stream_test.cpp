// SPDX-License-Identifier: Apache-2.0
// Progress, notes and parts as the client library has them, with a daemon that does what the test says.
#include <doctest/doctest.h>

#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

/// Parts from number `first` on, as one message.
struct Sent {
  message::News news;
  std::string payload;
};
Sent parts(std::uint64_t run, std::uint64_t first, const std::vector<std::string>& texts) {
  Sent sent;
  sent.news.run = run;
  sent.news.first = first;
  for (const std::string& text : texts) {
    const std::string bytes = encoded(Value(text));
    sent.news.sizes.push_back(static_cast<std::uint32_t>(bytes.size()));
    sent.payload += bytes;
  }
  return sent;
}

struct Stream : Fixture {
  Client client{options()};
  Future<std::string> future = client.submit<std::string>("hold");

  void say(const FakeDaemon::Message& follow, const Sent& sent) {
    daemon.answer(follow, sent.news, sent.payload);
  }
};

TEST_CASE_FIXTURE(Stream, "P3 after the connection broke a reader goes on behind what it has taken") {
  future.accepted(kPatience);
  auto reader = future.parts<std::string>(kPatience);
  say(daemon.wait_for<message::Follow>(), parts(7, 0, {"a", "b", "c"}));
  CHECK(reader.next() == "a");
  CHECK(reader.next() == "b");
  daemon.stop();
  daemon.forget_record();
  daemon.start();
  const FakeDaemon::Message again = daemon.wait_for<message::Follow>();
  CHECK(follow_of(again).parts_from == 2);
  CHECK(follow_of(again).run == 7);
  // What begins before is not told twice.
  say(again, parts(7, 1, {"b", "c", "d"}));
  CHECK(reader.next() == "c");
  CHECK(reader.next() == "d");
  daemon.answer(again, message::News{{}, {}, 7, 4, {}, true});
  message::Ended end = succeeded(future.id());
  end.told.run = 7;
  end.told.parts = 4;
  daemon.answer(daemon.wait_for<message::Watch>(), end, encoded(Value("end")));
  CHECK_FALSE(reader.next().has_value());
}

TEST_CASE_FIXTURE(Stream, "P3 parts of another run are told, unless none was read") {
  auto reader = future.parts<std::string>(kPatience);
  auto unread = future.parts<std::string>(kPatience);
  const FakeDaemon::Message first = daemon.wait_for<message::Follow>(1);
  const FakeDaemon::Message second = daemon.wait_for<message::Follow>(2);
  say(second, parts(7, 0, {"a", "b"}));
  say(second, parts(8, 0, {"A"}));
  say(first, parts(7, 0, {"a"}));
  CHECK(reader.next() == "a");
  // What came before that on the same connection is here too.
  CHECK(unread.next() == "A");
  say(first, parts(8, 0, {"A"}));
  CHECK(contains(message_of<PartsRestarted>([&] { return reader.next(); }),
                 "its run was cut off after 1 of its parts were read"));
}

TEST_CASE_FIXTURE(Stream, "P3 an outcome of another run than the parts is told") {
  auto reader = future.parts<std::string>(kPatience);
  const FakeDaemon::Message follow = daemon.wait_for<message::Follow>();
  say(follow, parts(7, 0, {"a"}));
  daemon.answer(follow, message::News{{}, {}, 7, 1, {}, true});
  message::Ended end = succeeded(future.id());
  end.told.run = 8;
  end.told.parts = 1;
  daemon.answer(daemon.wait_for<message::Submit>(), end, encoded(Value("end")));
  CHECK(reader.next() == "a");
  CHECK_THROWS_AS(static_cast<void>(reader.next()), PartsRestarted);
}

TEST_CASE_FIXTURE(Stream, "P3 the daemon is told what was used, and when nobody reads on") {
  {
    auto reader = future.parts<std::string>(kPatience);
    const FakeDaemon::Message follow = daemon.wait_for<message::Follow>();
    const std::string large(200'000, 'x');
    say(follow, parts(7, 0, {large}));
    CHECK(reader.next() == large);
    const auto used = std::get<message::Advance>(daemon.wait_for<message::Advance>(1).request.body);
    CHECK(used.follow == follow.request.number);
    CHECK(used.parts_from == 1);
    CHECK_FALSE(used.stop);
  }
  CHECK(std::get<message::Advance>(daemon.wait_for<message::Advance>(2).request.body).stop);
}

TEST_CASE_FIXTURE(Stream, "P3 a part of another type is named, and the next one can be read") {
  auto reader = future.parts<int>(kPatience);
  say(daemon.wait_for<message::Follow>(), parts(7, 0, {"a"}));
  CHECK(contains(message_of<Mismatch>([&] { return reader.next(); }), "part 1 of hold (job "));
}

TEST_CASE_FIXTURE(Stream, "P3 nonsense from the daemon ends the reading with an error") {
  auto reader = future.parts<std::string>(kPatience);
  Sent wrong = parts(7, 0, {"a"});
  wrong.news.sizes[0] += 1;
  say(daemon.wait_for<message::Follow>(), wrong);
  CHECK(contains(message_of<RefusedError>([&] { return reader.next(); }),
                 "the daemon sent parts that do not fit what it said of them"));
}

TEST_CASE_FIXTURE(Stream, "P3 a client that is closed ends the reading") {
  future.accepted(kPatience);
  auto reader = future.parts<std::string>(kPatience);
  static_cast<void>(daemon.wait_for<message::Follow>());
  static_cast<void>(client.close());
  CHECK(contains(message_of<DisconnectedError>([&] { return reader.next(); }), "the client was closed"));
}

TEST_CASE_FIXTURE(Stream,
                  "P1 what is said again after a reconnect is not told again, and a callback may throw") {
  future.accepted(kPatience);
  std::mutex mutex;
  std::vector<double> told;
  future.on_progress([&](const Progress& progress) {
    const std::lock_guard lock(mutex);
    told.push_back(progress.percent);
    throw std::runtime_error("tired");
  });
  const auto say_progress = [&](double percent, bool last) {
    daemon.answer(daemon.wait_for<message::Follow>(), message::News{percent, "m", 0, 0, {}, last});
  };
  const auto so_far = [&] {
    const std::lock_guard lock(mutex);
    return told;
  };
  say_progress(10, false);
  CHECK(eventually([&] { return so_far() == std::vector<double>{10}; }));
  daemon.stop();
  daemon.forget_record();
  daemon.start();
  say_progress(10, false);
  say_progress(20, true);
  CHECK(eventually([&] { return so_far() == std::vector<double>{10, 20}; }));
  CHECK(eventually([&] { return log.has("a progress callback of hold"); }));
}

}  // namespace
}  // namespace promised
