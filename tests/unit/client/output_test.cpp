// SPDX-License-Identifier: Apache-2.0
// What jobs print, as the client library has it, with a daemon that does what the test says (SEMANTICS P4).
#include <doctest/doctest.h>

#include <utility>

#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

message::News news(std::uint64_t run, std::uint64_t first, const std::string& bytes, std::uint64_t total,
                   bool last = false) {
  message::News news;
  news.run = run;
  news.output_first = first;
  news.output = bytes;
  news.output_total = total;
  news.last = last;
  return news;
}

/// "BYTES", with "(LOST)" before and "anew:" before that where there is such a thing; "end".
std::string text(const std::optional<OutputPiece>& piece) {
  if (!piece) return "end";
  const std::string lost = piece->lost > 0 ? "(" + std::to_string(piece->lost) + ")" : "";
  return (piece->anew ? "anew:" : "") + lost + piece->bytes;
}

struct Output : Fixture {
  Client client{options()};
  Future<std::string> future = client.submit<std::string>("hold");

  /// The job ends, and has printed so much.
  void end(std::uint64_t total) {
    message::Ended end = succeeded(future.id());
    end.told.run = 7;
    end.told.output_size = end.told.output_total = total;
    daemon.answer(daemon.wait_for<message::Submit>(), end, encoded(Value("end")));
    CHECK(future.wait(kPatience));
  }
};

TEST_CASE_FIXTURE(
    Output, "P4 pieces come in order, with what is lost between, until the daemon says that it was all") {
  auto reader = future.follow_output(kPatience);
  const FakeDaemon::Message follow = daemon.wait_for<message::Follow>();
  CHECK(follow_of(follow).output);
  CHECK_FALSE(follow_of(follow).parts);
  const std::string odd("\xff\0\n", 3);
  daemon.answer(follow, news(7, 10, odd, 13));
  CHECK(text(reader.next()) == "(10)" + odd);
  daemon.answer(follow, news(7, 12, "\nab", 15));  // some of it for the second time
  CHECK(text(reader.next()) == "ab");
  daemon.answer(follow, news(7, 100, "", 100, true));
  CHECK(text(reader.next()) == "(85)");
  CHECK(text(reader.next()) == "end");
  CHECK(text(reader.next()) == "end");
}

TEST_CASE_FIXTURE(Output, "P4 after the connection broke a reader goes on behind what it has taken") {
  future.accepted(kPatience);
  auto reader = future.follow_output(kPatience);
  FakeDaemon::Message follow = daemon.wait_for<message::Follow>();
  daemon.answer(follow, news(7, 0, "ab", 2));
  CHECK(text(reader.next()) == "ab");
  daemon.stop();
  daemon.forget_record();
  daemon.start();
  follow = daemon.wait_for<message::Follow>();
  CHECK(follow_of(follow).output_from == 2);
  CHECK(follow_of(follow).run == 7);
  daemon.answer(follow, news(7, 2, "cd", 4, true));
  CHECK(text(reader.next()) == "cd");
  CHECK(text(reader.next()) == "end");
}

TEST_CASE_FIXTURE(Output, "P4 another run is told with its first piece, unless nothing was read before") {
  auto reader = future.follow_output(kPatience);
  const FakeDaemon::Message follow = daemon.wait_for<message::Follow>();
  daemon.answer(follow, news(0, 0, "", 0));
  daemon.answer(follow, news(7, 0, "ab", 2));
  CHECK(text(reader.next()) == "ab");
  daemon.answer(follow, news(0, 0, "", 0));
  daemon.answer(follow, news(8, 5, "xy", 7));
  CHECK(text(reader.next()) == "anew:(5)xy");
  daemon.answer(follow, news(8, 7, "z", 8, true));
  CHECK(text(reader.next()) == "z");
  CHECK(text(reader.next()) == "end");
}

TEST_CASE_FIXTURE(Output, "P4 the daemon is told what was used, and when nobody reads on") {
  {
    auto reader = future.follow_output(kPatience);
    const FakeDaemon::Message follow = daemon.wait_for<message::Follow>();
    const std::string large(200'000, 'x');
    daemon.answer(follow, news(7, 50, large, 200'050));
    CHECK(text(reader.next()) == "(50)" + large);
    const auto used = std::get<message::Advance>(daemon.wait_for<message::Advance>(1).request.body);
    CHECK(used.follow == follow.request.number);
    CHECK(used.output_from == 200'050);
    CHECK_FALSE(used.stop);
  }
  CHECK(std::get<message::Advance>(daemon.wait_for<message::Advance>(2).request.body).stop);
}

TEST_CASE_FIXTURE(Output, "P4 output() is what there is when it asks, and waits for no more") {
  const auto answers = [&](std::vector<message::News> all) {
    daemon.become([all = std::move(all)](FakeDaemon& fake, const FakeDaemon::Message& m) {
      if (!std::holds_alternative<message::Follow>(m.request.body)) return FakeDaemon::serve(fake, m);
      for (const message::News& one : all) fake.answer(m, one);
    });
  };
  answers({news(0, 0, "", 0)});
  CHECK(future.output(kPatience).empty());
  answers({news(7, 10, "ab", 14), news(7, 12, "cd", 20)});
  CHECK(future.output(kPatience) == "abcd");
  answers({news(7, 10, "", 10, true)});
  CHECK(future.output(kPatience).empty());
  answers({});
  CHECK(contains(message_of<TimeoutError>([&] { return future.output(std::chrono::milliseconds(1)); }),
                 "nothing that it prints has come within 1 ms; the job is left alone"));
}

TEST_CASE_FIXTURE(Output, "P4 of a job that has ended without printing nothing is asked") {
  end(0);
  CHECK(future.output(kPatience).empty());
  auto reader = future.follow_output(kPatience);
  CHECK(text(reader.next()) == "end");
  CHECK(daemon.received<message::Follow>().empty());
}

TEST_CASE_FIXTURE(Output, "P4 of output that is gone with its outcome it is said how to have it") {
  end(5);
  daemon.become([](FakeDaemon& fake, const FakeDaemon::Message& m) {
    if (!std::holds_alternative<message::Follow>(m.request.body)) return FakeDaemon::serve(fake, m);
    fake.answer(m, message::Refused{"no_such_future", "there is no such job", {}, State::lapsed});
  });
  const std::string expected =
      future.id().text() +
      "): what it printed is gone with its outcome: follow it while it runs, or give "
      "the job a name under which it is kept";
  CHECK(contains(message_of<NoSuchFuture>([&] { return future.output(kPatience); }), expected));
  auto reader = future.follow_output(kPatience);
  CHECK(contains(message_of<NoSuchFuture>([&] { return reader.next(); }), expected));
}

TEST_CASE_FIXTURE(Output, "P4 a job that was refused has no output, but says why") {
  const auto refused = client.submit<std::string>("refuse");
  CHECK_THROWS_AS(static_cast<void>(refused.value(kPatience)), RefusedError);
  CHECK_THROWS_AS(static_cast<void>(refused.output(kPatience)), RefusedError);
}

TEST_CASE_FIXTURE(Output,
                  "P4 a client that is closed ends the following, and so does an answer that is none") {
  future.accepted(kPatience);
  auto wrong = future.follow_output(kPatience);
  daemon.answer(daemon.wait_for<message::Follow>(1), message::Count{1});
  CHECK(contains(message_of<RefusedError>([&] { return wrong.next(); }), "an answer that does not fit"));
  auto reader = future.follow_output(kPatience);
  static_cast<void>(daemon.wait_for<message::Follow>(2));
  static_cast<void>(client.close());
  CHECK(contains(message_of<DisconnectedError>([&] { return reader.next(); }), "the client was closed"));
}

}  // namespace
}  // namespace promised
