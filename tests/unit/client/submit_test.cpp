// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <tuple>

#include "common/ids.hpp"
#include "common/wire/value_codec.hpp"
#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

struct Customer {
  std::string name;
  int age = 0;
  friend bool operator==(const Customer&, const Customer&) = default;
};
PROMISED_STRUCT(Customer, name, age)

TEST_CASE_FIXTURE(Fixture, "S1 submit returns at once, and accepted() waits for the daemon's word") {
  Client client(options());
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (std::holds_alternative<message::Hello>(m.request.body)) FakeDaemon::serve(d, m);
  });
  const auto future = client.submit("report.build");
  CHECK_FALSE(future.done());
  CHECK(contains(message_of<TimeoutError>([&] {
                   future.accepted(1ms);
                   return 0;
                 }),
                 "has not been accepted within 1 ms"));
  const FakeDaemon::Message seen = daemon.wait_for<message::Submit>();
  daemon.answer(seen, message::Accepted{{seen.request.number}});
  future.accepted(kPatience);
  CHECK_FALSE(future.done());
  CHECK(future.id() == std::get<message::Submit>(seen.request.body).id);
}

TEST_CASE_FIXTURE(Fixture, "a call travels with its function, arguments and options") {
  Client client(options());
  const Options wanted =
      Options().queue("reports").priority(10).timeout(90s).run_timeout(5min).remember("x", 10min);
  const auto future = client.submit(wanted, "hold", "Ada", 2026, std::vector<double>{1.5});
  const FakeDaemon::Message seen = daemon.wait_for<message::Submit>();
  const auto& submit = std::get<message::Submit>(seen.request.body);
  CHECK(submit.function == "hold");
  CHECK(submit.options == wanted);
  CHECK(submit.id == future.id());
  const Arguments arguments = *wire::decode_arguments(seen.payload);
  CHECK(arguments.positional ==
        Value::List{Value("Ada"), Value(std::int64_t{2026}), Value(Value::List{Value(1.5)})});
  CHECK(arguments.named.empty());
}

TEST_CASE_FIXTURE(Fixture, "arguments that are values already travel with their names") {
  Client client(options());
  Arguments given;
  given.positional.emplace_back(std::int64_t{1});
  given.named.emplace_back("year", Value(std::int64_t{2026}));
  client.submit_arguments(Options(), "hold", given).accepted(kPatience);
  CHECK(*wire::decode_arguments(daemon.wait_for<message::Submit>().payload) == given);
}

TEST_CASE_FIXTURE(Fixture, "S10 a result comes back as the type that was asked for") {
  Client client(options());
  CHECK(client.submit<std::string>("echo", "text").result(kPatience) == "text");
  CHECK(client.submit<int>("echo", 42).result(kPatience) == 42);
  CHECK(client.submit<double>("echo", 1.5).result(kPatience) == 1.5);
  CHECK(client.submit<Customer>("echo", Customer{"Ada", 36}).result(kPatience) == Customer{"Ada", 36});
  using Map = std::map<std::string, std::vector<int>>;
  CHECK(client.submit<Map>("echo", Map{{"a", {1, 2}}}).result(kPatience) == Map{{"a", {1, 2}}});
  CHECK(client.submit<std::optional<int>>("echo", std::optional<int>()).result(kPatience) == std::nullopt);
  CHECK(client.submit("echo", true).result(kPatience) == Value(true));
  client.submit<void>("anything").result(kPatience);
}

TEST_CASE_FIXTURE(Fixture,
                  "S10 a result of another type is a mismatch that names function, job, expected and given") {
  Client client(options());
  const auto future = client.submit<int>("echo", "text");
  CHECK(message_of<Mismatch>([&] { return future.result(kPatience); }) ==
        "the result of echo (job " + future.id().text() + "): expected int32, given text");
  const auto list = client.submit<std::vector<int>>("echo", std::vector<std::string>{"x"});
  CHECK(message_of<Mismatch>([&] { return list.result(kPatience); }) ==
        "the result of echo (job " + list.id().text() + ")[0]: expected int32, given text");
}

TEST_CASE_FIXTURE(Fixture, "a result that is no value says so") {
  Client client(options());
  const auto future = client.submit("hold");
  const FakeDaemon::Message seen = daemon.wait_for<message::Submit>();
  daemon.answer(seen, succeeded(future.id()), "\xff\xff\xff");
  CHECK(contains(message_of<Error>([&] { return future.result(kPatience); }),
                 "the result of hold (job " + future.id().text() + ") is no value ("));
}

TEST_CASE_FIXTURE(Fixture, "a result may be fetched again, and by every copy of the future") {
  Client client(options());
  const auto future = client.submit<std::string>("echo", "again");
  const auto copy = future;
  CHECK(copy == future);
  CHECK(future.result(kPatience) == "again");
  CHECK(copy.result(0ms) == "again");
  CHECK(future.result(0ms) == "again");
}

TEST_CASE_FIXTURE(Fixture, "arguments nested deeper than values may be are refused before they are sent") {
  Client client(options());
  Value deep;
  for (int i = 0; i < kMaxValueDepth + 1; ++i) deep = Value(Value::List{std::move(deep)});
  Arguments arguments;
  arguments.positional.push_back(std::move(deep));
  CHECK(contains(
      message_of<RefusedError>([&] { return client.submit_arguments(Options(), "f", arguments).done(); }),
      "f: "));
  CHECK(client.close().empty());
  CHECK(daemon.received<message::Submit>().empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "R3 a submission that attached to the holder of its name becomes the holder's future") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (std::holds_alternative<message::Hello>(m.request.body)) FakeDaemon::serve(d, m);
  });
  Client client(options());
  const auto future = client.submit<std::string>(Options().remember("x", 1min, Duplicate::attach), "f");
  const FakeDaemon::Message seen = daemon.wait_for<message::Submit>();
  const JobId holder = *JobId::parse("01900000-0000-7000-8000-000000000001");
  CHECK(future.id() == std::get<message::Submit>(seen.request.body).id);
  daemon.answer(seen, message::Known{holder, State::running, false});
  future.accepted(kPatience);
  CHECK(future.id() == holder);
  daemon.answer(seen, succeeded(holder), encoded(Value("of the holder")));
  CHECK(future.result(kPatience) == "of the holder");
}

TEST_CASE_FIXTURE(Fixture, "large arguments and results arrive whole") {
  Client client(options());
  const std::string large(3'000'000, 'x');
  CHECK(client.submit<std::string>("echo", large).result(kPatience) == large);
}

TEST_CASE_FIXTURE(Fixture, "E2 arguments beyond the daemon's limit are refused without sending them") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (!std::holds_alternative<message::Hello>(m.request.body)) return FakeDaemon::serve(d, m);
    message::Welcome welcome;
    welcome.max_arguments = 100'000;
    welcome.daemon = new_job_id();
    d.answer(m, welcome);
  });
  Client client(options());
  const auto future = client.submit("echo", std::string(200'000, 'x'));
  const std::string text = message_of<RefusedError>([&] { return future.result(kPatience); });
  CHECK(contains(text, "the arguments take 2000"));
  CHECK(contains(text, "the daemon takes at most 100000 (its limit max_message)"));
  CHECK(client.submit<std::string>("echo", std::string(90'000, 'x')).result(kPatience).size() == 90'000);
  CHECK(daemon.received<message::Submit>().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "the first message of a connection is a Hello with the program's name") {
  Client client(options());
  client.submit("echo", 1).wait(kPatience);
  const auto hello = std::get<message::Hello>(daemon.wait_for<message::Hello>().request.body);
  CHECK(hello.protocol == message::kClientProtocol);
  CHECK(hello.program == "unit test");
  CHECK_FALSE(hello.client.empty());
}

TEST_CASE("an empty future says so") {
  const Future<int> empty;
  CHECK_FALSE(empty.valid());
  CHECK(message_of<Error>([&] { return empty.result(); }) ==
        "this future is empty: it was moved from, or never came from a client");
}

TEST_CASE_FIXTURE(Fixture, "a client that was moved from says so, and the other goes on") {
  Client client(options());
  Client other = std::move(client);
  CHECK(other.submit<int>("echo", 1).result(kPatience) == 1);
  CHECK(message_of<Error>([&] { return client.submit("echo", 1); }) ==
        "this client is empty: it was moved from");
}

TEST_CASE_FIXTURE(Fixture, "S5 the concurrency model is processes, not threads") {
  CHECK_FALSE(Client::multithread());
  CHECK(Client::multiprocess());
}

}  // namespace
}  // namespace promised
