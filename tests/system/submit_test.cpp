// SPDX-License-Identifier: Apache-2.0
// Submitting to the real daemon, and what comes back.
#include <doctest/doctest.h>

#include <csignal>
#include <limits>
#include <map>
#include <tuple>

#include "tests/system/stories.hpp"
#include "tests/system/story_types.hpp"

using namespace promised;
using namespace promised::test;

TEST_CASE("a call is run in another process, and its result comes back") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  CHECK(client.submit<std::int64_t>("add", 40, 2).result(kPatience) == 42);
  const auto worker =
      client.submit<std::int64_t>("tally", (daemon.directory() / "tally").string()).result(kPatience);
  CHECK(worker != ::getpid());
  CHECK(worker != daemon.pid());
}

TEST_CASE("S10 values and structs arrive as they were sent") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto echoed = [&](const auto& value) {
    using T = std::remove_cvref_t<decltype(value)>;
    return client.submit<T>("echo", value).result(kPatience);
  };
  CHECK(echoed(true));
  CHECK(echoed(std::numeric_limits<std::int64_t>::min()) == std::numeric_limits<std::int64_t>::min());
  CHECK(echoed(std::numeric_limits<std::uint64_t>::max()) == std::numeric_limits<std::uint64_t>::max());
  CHECK(echoed(0.1) == 0.1);
  CHECK(echoed(std::string("Gr\xc3\xbc\xc3\x9f"
                           "e\0from here",
                           18)) == std::string("Gr\xc3\xbc\xc3\x9f"
                                               "e\0from here",
                                               18));
  CHECK(echoed(Bytes{std::byte{0}, std::byte{255}}) == Bytes{std::byte{0}, std::byte{255}});
  CHECK(echoed(std::optional<int>()) == std::nullopt);
  using Nested = std::map<std::string, std::vector<std::tuple<int, std::string>>>;
  const Nested nested{{"a", {{1, "one"}, {2, ""}}}, {"b", {}}};
  CHECK(echoed(nested) == nested);
  const Customer customer{"Jones", 41, {{"Leeds", "High Street"}, {"York", std::nullopt}}, {{"GBP", 12.5}}};
  CHECK(client.submit<Customer>("customer.older", customer, 1).result(kPatience) ==
        Customer{"Jones", 42, customer.addresses, customer.balances});
  const std::string megabytes(5'000'000, 'm');
  CHECK(echoed(megabytes) == megabytes);
}

TEST_CASE("S1 accepted waits for the daemon, and the job is the one with the client's id") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto future = client.submit<std::int64_t>("wait_for", gate.string());
  future.accepted(kPatience);
  CHECK(client.show(future.id()).function == "wait_for");
  CHECK(eventually([&] { return future.running(); }));
  CHECK_THROWS_AS((void)future.result(50ms), TimeoutError);
  CHECK_FALSE(future.done());
  write_file(gate, "");
  CHECK(future.result(kPatience) > 0);
  CHECK(future.state() == State::succeeded);
}

TEST_CASE("an exception comes back with its type, its message and what the worker wrote") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto failure = client.submit<std::int64_t>("fail", "no such customer").failure(kPatience);
  REQUIRE(failure);
  CHECK(failure->cause == Cause::exception);
  CHECK(failure->type == "std::runtime_error");
  CHECK(failure->message == "no such customer");
  CHECK(failure->output == "about to fail\n");
  CHECK(failure->attempt == 1);
  CHECK(failure->pid > 0);
}

TEST_CASE("Q7 a function that nobody offers is refused at once, with the nearest names") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const std::string thrown = thrown_by([&] { (void)client.submit("customer.odler", 1).result(kPatience); });
  CHECK(thrown.starts_with("RefusedError no_function: "));
  CHECK(thrown.find("no pool offers the function \"customer.odler\"") != std::string::npos);
  CHECK(thrown.find("did you mean customer.older?") != std::string::npos);
}

TEST_CASE("S10 arguments that do not fit are named by position with what was expected and given") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto failure_of = [&](auto&&... call) {
    const auto failure = client.submit(std::forward<decltype(call)>(call)...).failure(kPatience);
    REQUIRE(failure);
    CHECK(failure->cause == Cause::bad_arguments);
    return failure->message;
  };
  CHECK(failure_of("add", 1).find("expected 2 arguments (int64, int64), given 1") != std::string::npos);
  CHECK(failure_of("add", 1, 2, 3).find("expected 2 arguments (int64, int64), given 3") != std::string::npos);
  CHECK(failure_of("add", 1, "two").find("argument 2: expected int64, given text") != std::string::npos);
  const Customer customer{"Jones", 41, {}, {}};
  CHECK(failure_of("customer.older", customer, 5'000'000'000)
            .find("argument 2: expected int32, given 5000000000") != std::string::npos);
  CHECK(failure_of("customer.older", std::map<std::string, int>{{"name", 1}}, 1).find("argument 1") !=
        std::string::npos);
  CHECK_MESSAGE(client.submit<std::int64_t>("add", 1, 2).result(kPatience) == 3,
                "the worker goes on after that");
}

TEST_CASE("a result of another type than the caller expects is told with function and place") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto future = client.submit<std::string>("add", 1, 2);
  try {
    (void)future.result(kPatience);
    FAIL("an integer was taken for a text");
  } catch (const Mismatch& m) {
    CHECK(std::string(m.what()).find("expected text, given integer") != std::string::npos);
    CHECK(std::string(m.what()).find("add") != std::string::npos);
  }
}

TEST_CASE("S7 without a daemon a wait throws within the connect timeout and names the endpoint") {
  const TempDirectory directory;
  ClientOptions options;
  options.endpoint = "ipc://" + (directory / "nobody.sock").string();
  options.connect_timeout = 200ms;
  Client client(options);
  const auto started = std::chrono::steady_clock::now();
  const std::string thrown = thrown_by([&] { (void)client.status(kPatience); });
  CHECK(thrown.starts_with("DisconnectedError: "));
  CHECK(thrown.find("nobody.sock") != std::string::npos);
  CHECK(std::chrono::steady_clock::now() - started < kPatience / 2);
}

TEST_CASE("S7 a client finds its daemon again after a restart, and its durable job with it") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto future = client.submit<std::int64_t>("wait_for", gate.string());
  future.accepted(kPatience);
  daemon.kill9();
  // Long enough for the client to meet the missing daemon, several times.
  CHECK_THROWS_AS((void)future.result(500ms), TimeoutError);
  daemon.start();
  const auto started = std::chrono::steady_clock::now();
  write_file(gate, "");
  CHECK(future.result(kPatience) > 0);
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
  CHECK_MESSAGE(std::chrono::steady_clock::now() - started < 5s, "found only by the last resort");
}

TEST_CASE("S2 A4 a memory job at most once that ends its daemon before it is accepted does not run again") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  client.reach(kPatience);
  const auto file = daemon.directory() / "ran";
  const Options once = Options().at_most_once().durability(Durability::memory);
  const auto future = client.submit(once, "tally_and_kill", file.string(), std::int64_t{daemon.pid()});
  CHECK(daemon.await_end() == Exit{0, SIGKILL});
  daemon.start();
  const std::string thrown = thrown_by([&] { (void)future.value(kPatience); });
  CAPTURE(thrown);
  // On a busy machine the acceptance may have come first.
  const bool was_accepted = thrown.starts_with("NoSuchFuture unknown: there is no job ");
  CHECK((was_accepted || thrown.find("(interrupted): it cannot be told") != std::string::npos));
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
  CHECK(lines_in(file) == 1);
}
