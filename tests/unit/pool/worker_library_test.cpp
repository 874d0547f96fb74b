// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <unistd.h>
#include <promised/worker.hpp>

#include <cmath>
#include <map>

#include "common/wire/value_codec.hpp"
#include "tests/unit/pool/fixture.hpp"

using namespace promised;
using namespace promised::test;

namespace {

Failure failure_of(PoolFixture& pool, WorkerId worker, const std::string& function, const Payload& given) {
  return pool.call(worker, function, given).failure;
}

}  // namespace

TEST_CASE("S10 arguments and results are ordinary C++ values") {
  PoolFixture pool(pool_of("basic"));
  const WorkerId worker = pool.start_ready();
  CHECK(pool.value_of(worker, "add", arguments(2, 40)) == Value(std::int64_t{42}));
  CHECK(pool.value_of(worker, "report.build", arguments("Ada", 2026)) == Value("Ada 2026"));
  CHECK(pool.value_of(worker, "multiply", arguments(1.5, 4)) == Value(6.0));
  CHECK(pool.value_of(worker, "nothing", arguments()) == Value());
  const Value::Map customer{
      {Value("name"), Value("Ada")}, {Value("age"), Value(std::int64_t{36})}, {Value("mail"), Value()}};
  Value::Map older = customer;
  older[1].second = Value(std::int64_t{37});
  CHECK(pool.value_of(worker, "birthday", arguments(Value(customer))) == Value(older));
}

TEST_CASE("S10 trailing optional arguments may be absent") {
  PoolFixture pool(pool_of("basic"));
  const WorkerId worker = pool.start_ready();
  CHECK(pool.value_of(worker, "greet", arguments("Ada", "Hi")) == Value("Hi, Ada!"));
  CHECK(pool.value_of(worker, "greet", arguments("Ada")) == Value("Hello, Ada!"));
  CHECK(pool.value_of(worker, "greet", arguments("Ada", Value())) == Value("Hello, Ada!"));
}

TEST_CASE("S10 named arguments travel as a map behind the others") {
  PoolFixture pool(pool_of("basic"));
  const WorkerId worker = pool.start_ready();
  const Payload named = encoded({}, {{"age", Value(std::int64_t{1})}, {"name", Value("Bo")}});
  CHECK(from_value<std::map<std::string, Value>>(pool.value_of(worker, "echo", named)) ==
        std::map<std::string, Value>{{"age", Value(std::int64_t{1})}, {"name", Value("Bo")}});
  const auto older = from_value<std::map<std::string, Value>>(pool.value_of(worker, "birthday", named));
  CHECK(older.at("age") == Value(std::int64_t{2}));
}

TEST_CASE("S10 arguments that do not fit name function, position, expected and given type") {
  PoolFixture pool(pool_of("basic"));
  const WorkerId worker = pool.start_ready();
  const auto message = [&](const std::string& function, const Payload& given) {
    const Failure failure = failure_of(pool, worker, function, given);
    CHECK(failure.cause == Cause::bad_arguments);
    return failure.message;
  };
  CHECK(message("report.build", arguments("Ada", "x")) ==
        "report.build: argument 2: expected int32, given text");
  CHECK(message("report.build", arguments("a", 1, 2)) ==
        "report.build: expected 2 arguments (text, int32), given 3");
  CHECK(message("report.build", arguments()) == "report.build: expected 2 arguments (text, int32), given 0");
  CHECK(message("greet", arguments()) == "greet: expected 1 to 2 arguments (text, optional text), given 0");
  CHECK(message("echo", arguments()) == "echo: expected 1 argument (any), given 0");
  CHECK(message("nothing", arguments(1)) == "nothing: expected no arguments, given 1");
  CHECK(message("add", arguments(1, std::int64_t{1} << 40)) ==
        "add: argument 2: expected int32, given 1099511627776");
  CHECK(message("birthday", arguments(std::map<std::string, int>{{"name", 1}})) ==
        "birthday: argument 1.name: expected text, given integer");
  CHECK(message("add", Payload("\xff\xff")).starts_with("add: the arguments cannot be read: "));
}

TEST_CASE("a job knows its id, its attempt and its function") {
  PoolFixture pool(pool_of("basic"));
  const WorkerId worker = pool.start_ready();
  pool.dispatch(worker, "describe", arguments(), 3);
  pool.workers().flush();
  const auto text = result_as<std::string>(pool.await<event::AttemptEnded>(worker));
  CHECK(JobId::parse(text.substr(0, 36)).has_value());
  CHECK(text.substr(36) == " 3 describe");
}

TEST_CASE("P1 the first and the last progress report leave the worker, and few in between") {
  PoolFixture pool(pool_of("basic"));
  const WorkerId worker = pool.start_ready();
  const event::AttemptEnded ended = pool.call(worker, "report_often", arguments());
  const auto reports = pool.all<event::AttemptProgress>(worker);
  REQUIRE(reports.size() >= 2);
  CHECK(reports.size() <= static_cast<std::size_t>(ended.ran / std::chrono::milliseconds(100)) + 2);
  CHECK(reports.front().message == "step 0");
  CHECK(reports.back().message == "step 1000");
  CHECK(reports.back().percent == 100.0);
  CHECK(std::holds_alternative<event::AttemptEnded>(pool.events().back()));
}

TEST_CASE("P1 a percentage is kept between 0 and 100, to one decimal, or unknown") {
  PoolFixture pool(pool_of("basic"));
  const WorkerId worker = pool.start_ready();
  const auto reported = [&](double percent) {
    pool.call(worker, "report_oddly", arguments(percent));
    return pool.all<event::AttemptProgress>(worker).back().percent;
  };
  CHECK(reported(12.3456) == 12.3);
  CHECK(reported(-5) == 0);
  CHECK(reported(1e9) == 100);
  CHECK(std::isnan(reported(std::nan(""))));
}

TEST_CASE("an exception fails the job with its type and message, and the worker goes on") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  const auto check = [&](const std::string& function, const Payload& given, const std::string& type,
                         const std::string& message) {
    const Failure failure = failure_of(pool, worker, function, given);
    CHECK(failure.cause == Cause::exception);
    CHECK(failure.type == type);
    CHECK(failure.message == message);
    CHECK(failure.pid == pool.pid(worker));
  };
  check("throw", arguments("no such customer"), "std::runtime_error", "no such customer");
  check("throw_int", arguments(), "int", "threw an object of type int, which is no std::exception");
  check("throw_odd", arguments(), "(anonymous namespace)::Odd",
        "threw an object of type (anonymous namespace)::Odd, which is no std::exception");
  check("throw_text", arguments(), "const char*", "just text");
  check("throw_latin1", arguments(), "std::runtime_error", "caf\xef\xbf\xbd");
  check("throw_mismatch", arguments(), "promised::Mismatch", "place: expected this, given that");
  check("nest", arguments(65), "promised::Mismatch",
        "nest: the result cannot be sent: the value is nested deeper than 64 lists and maps");
  CHECK(pool.value_of(worker, "quick", arguments(7)) == Value(std::int64_t{7}));
}

TEST_CASE("a result over max_result fails the job with its size and the limit") {
  PoolFixture pool({pool_of("misbehave")}, [](Settings& settings) { settings.limits.max_result = 1000; });
  const WorkerId worker = pool.start_ready();
  const Failure failure = failure_of(pool, worker, "big", arguments(2000));
  CHECK(failure.cause == Cause::result_too_large);
  CHECK(failure.message == "big: the result has 2003 bytes; max_result allows 1000");
  CHECK(result_as<std::string>(pool.call(worker, "big", arguments(990))) == std::string(990, 'b'));
}

TEST_CASE("a child process that comes back from a job's function ends there") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  const auto child = from_value<std::int64_t>(pool.value_of(worker, "fork_and_return", arguments()));
  CHECK(child > 0);
  CHECK(is_gone(static_cast<pid_t>(child)));
  CHECK(pool.value_of(worker, "quick", arguments(1)) == Value(std::int64_t{1}));
  CHECK(pool.all<event::AttemptEnded>(worker).size() == 2);
}

TEST_CASE("the programs that a job starts hold neither the channel nor anything else of the worker's") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  CHECK(pool.value_of(worker, "fds_of_a_program", arguments()) == Value(Value::List{}));
}

TEST_CASE("a worker told to stop ends what is before that and exits 0") {
  PoolFixture pool(pool_of("misbehave"));
  const WorkerId worker = pool.start_ready();
  pool.dispatch(worker, "nap", arguments(20));
  pool.workers().stop({worker});
  pool.workers().flush();
  const auto gone = pool.await<event::WorkerGone>(worker);
  CHECK(pool.all<event::AttemptEnded>(worker).size() == 1);
  CHECK(gone.signal == 0);
  CHECK(gone.exit_code == 0);
  CHECK(gone.protocol_error.empty());
}
