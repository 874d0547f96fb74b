// SPDX-License-Identifier: Apache-2.0
// SEMANTICS E1: answers that are none, or that nobody waits for.
#include <doctest/doctest.h>

#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

TEST_CASE_FIXTURE(Fixture, "garbage from the daemon is logged once and harms nobody") {
  Client client(options());
  const auto future = client.submit<int>("hold");
  const FakeDaemon::Message seen = daemon.wait_for<message::Submit>();
  daemon.send_raw(seen.from, "\xff\xff");
  daemon.send_raw(seen.from, "\xff\xff");
  daemon.answer(seen, succeeded(future.id()), encoded(Value(std::int64_t{1})));
  CHECK(future.result(kPatience) == 1);
  CHECK(log.lines().size() == 1);
  CHECK(log.has("the daemon at " + endpoint + " sent what is no answer ("));
}

TEST_CASE_FIXTURE(Fixture, "a request that the daemon could not read is logged") {
  Client client(options());
  static_cast<void>(client.cancel("x"));
  message::Reply reply;
  reply.body = message::Refused{"garbage", "what came is no message", {}, State::unknown};
  daemon.send(daemon.wait_for<message::Cancel>().from, reply);
  CHECK(eventually([&] { return log.has("the daemon could not read a request: what came is no message"); }));
}

TEST_CASE_FIXTURE(Fixture, "answers to what nobody asked, and answers that come twice, change nothing") {
  Client client(options());
  const auto future = client.submit<int>("hold");
  const FakeDaemon::Message seen = daemon.wait_for<message::Submit>();
  daemon.answer(seen, message::Accepted{{seen.request.number, 999'999, seen.request.number}});
  daemon.answer(seen, succeeded(future.id()), encoded(Value(std::int64_t{1})));
  daemon.answer(seen, message::Ended{future.id(), State::cancelled, {}, {}});
  daemon.answer(seen, message::Refused{"limit", "late", {}, State::unknown});
  static_cast<void>(client.cancel("x"));
  CHECK(future.result(0ms) == 1);
  CHECK(client.close().empty());
}

}  // namespace
}  // namespace promised
