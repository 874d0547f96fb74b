// SPDX-License-Identifier: Apache-2.0
// What a worker says of its job, and hears, while the job runs.
#include <doctest/doctest.h>
#include <promised/worker.hpp>

#include "common/wire/value_codec.hpp"
#include "tests/unit/pool/fixture.hpp"

using namespace promised;
using namespace promised::test;

namespace {

NoteView note(const std::string& key, const Value& value) {
  return {key, wire::encode(value).value()};
}

PoolFixture with(const std::function<void(Limits&)>& change) {
  return PoolFixture({pool_of("basic")}, [&](Settings& s) { change(s.limits); });
}

/// The sizes of all parts so far.
std::vector<std::uint32_t> parts(const PoolFixture& pool, WorkerId worker) {
  std::vector<std::uint32_t> all;
  for (const auto& e : pool.all<event::AttemptParts>(worker)) {
    all.insert(all.end(), e.sizes.begin(), e.sizes.end());
  }
  return all;
}

}  // namespace

TEST_CASE("P3 parts come in order before the end, small ones together and large ones alone") {
  PoolFixture pool(pool_of("basic"));
  const WorkerId worker = pool.start_ready();
  CHECK(pool.value_of(worker, "emit", arguments(1000, 10)) == Value(std::int64_t{1000}));
  CHECK(parts(pool, worker).size() == 1000);
  CHECK(pool.all<event::AttemptParts>(worker).size() < 1000);
  CHECK(std::holds_alternative<event::AttemptEnded>(pool.events().back()));
  pool.forget_events();
  CHECK(pool.value_of(worker, "emit", arguments(2, 100'000)) == Value(std::int64_t{2}));
  const auto large = pool.all<event::AttemptParts>(worker);
  REQUIRE(large.size() == 2);
  CHECK(decoded(large[1].large) == Value(Bytes(100'000, std::byte{1})));
}

TEST_CASE("P3 max_parts counts each job's parts, with 64 bytes for each, and the job may go on") {
  PoolFixture pool = with([](Limits& l) { l.max_parts = 1000; });
  const WorkerId worker = pool.start_ready();
  CHECK(pool.call(worker, "emit", arguments(8, 10)).failure.cause == Cause::none);
  CHECK(pool.call(worker, "emit", arguments(8, 10)).failure.cause == Cause::none);
  const Failure failure = pool.call(worker, "emit", arguments(20, 10)).failure;
  CHECK(failure.type == "promised::LimitReached");
  CHECK(failure.message.starts_with("max_parts (1000 bytes) is reached"));
}

TEST_CASE("P3 a part has at most max_result bytes") {
  PoolFixture pool = with([](Limits& l) { l.max_result = 1024; });
  const WorkerId worker = pool.start_ready();
  CHECK(pool.call(worker, "emit", arguments(1, 2000)).failure.message ==
        "a part of the result has 2003 bytes; max_result allows 1024");
}

TEST_CASE("P2 a job hears of notes while it runs, and jobs behind it in the channel run afterwards") {
  PoolFixture pool(pool_of("basic"));
  const WorkerId worker = pool.start_ready();
  const std::uint32_t sequence = pool.dispatch(worker, "await_note", arguments("word"));
  pool.workers().flush();
  CHECK(pool.await<event::AttemptReadsNotes>(worker).version == 0);
  pool.workers().tell({worker, {sequence, 1, 0, {note("other", Value(1.0))}}});
  pool.dispatch(worker, "add", arguments(1, 2));
  pool.dispatch(worker, "add", arguments(3, 4));
  pool.workers().flush();
  pool.until([&] { return pool.all<event::AttemptReadsNotes>(worker).size() == 2; }, "the next question");
  CHECK(pool.all<event::AttemptReadsNotes>(worker)[1].version == 1);
  pool.workers().tell({worker, {sequence, 2, 0, {note("word", Value("heard"))}}});
  pool.workers().flush();
  pool.until([&] { return pool.all<event::AttemptEnded>(worker).size() == 3; }, "the ends of all jobs");
  const auto ended = pool.all<event::AttemptEnded>(worker);
  CHECK(result_as<std::string>(ended[0]) == "heard");
  CHECK(result_as<int>(ended[1]) == 3);
  CHECK(result_as<int>(ended[2]) == 7);
}

TEST_CASE("P2 what the daemon tells of a note does not undo what was written after it") {
  PoolFixture pool(pool_of("basic"));
  const WorkerId worker = pool.start_ready();
  for (const bool written_before : {true, false}) {
    CAPTURE(written_before);
    pool.forget_events();
    const std::uint32_t sequence = pool.dispatch(worker, "write_over", arguments());
    pool.workers().flush();
    static_cast<void>(pool.await<event::AttemptReadsNotes>(worker));
    pool.workers().tell({worker, {sequence, 1, 0, {}}});
    pool.workers().flush();
    const auto write = pool.await<event::AttemptNote>(worker);
    CHECK(write.note == note("key", Value("worker")));
    // The client's note was read before the worker's write, or after it.
    pool.workers().tell(
        {worker, {sequence, 2, written_before ? 0 : write.write, {note("key", Value("client"))}}});
    pool.workers().flush();
    pool.until([&] { return pool.all<event::AttemptReadsNotes>(worker).back().version == 2; }, "the answer");
    pool.workers().tell({worker, {sequence, 3, write.write, {note("go", Value("on"))}}});
    pool.workers().flush();
    CHECK(result_as<std::string>(pool.await<event::AttemptEnded>(worker)) ==
          (written_before ? "worker" : "client"));
  }
}

TEST_CASE("P2 a note that cannot be is refused where it is written") {
  PoolFixture pool(pool_of("basic"));
  const WorkerId worker = pool.start_ready();
  const auto refused = [&](const std::string& key) {
    return pool.call(worker, "note", arguments(key, 1)).failure.message;
  };
  CHECK(refused("") == "a note's key has 1 to 255 bytes, given 0");
  CHECK(refused(std::string(256, 'k')) == "a note's key has 1 to 255 bytes, given 256");
  CHECK(refused("\xff") == "a note's key is UTF-8, given bytes that are not");
}
