// SPDX-License-Identifier: Apache-2.0
// Bytes on their way: many frames, large ones, torn ones.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <utility>
#include <vector>

#include "common/wire/worker_codec.hpp"
#include "daemon/pool/functions.hpp"
#include "daemon/pool/inbox.hpp"
#include "daemon/pool/outbox.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/unit/pool/fixture.hpp"

using namespace promised;
using namespace promised::test;

namespace {

struct Pair {
  Fd mine, theirs;
  Pair() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    mine.reset(ends[0]);
    theirs.reset(ends[1]);
  }
};

std::string frame(std::uint32_t sequence, const std::string& payload) {
  std::string bytes;
  wire::encode_frame(message::FromWorker(message::AttemptEnded{sequence, {}, {}}), payload.size(), bytes);
  return bytes + payload;
}

// A worker that writes `bytes`, as they are, instead of its functions.
event::WorkerGone babble(const std::string& bytes) {
  const TempDirectory directory;
  write_file(directory / "bytes", bytes);
  PoolFixture pool(pool_of("babble", {(directory / "bytes").string()}));
  const WorkerId worker = pool.start();
  auto gone = pool.await<event::WorkerGone>(worker);
  CHECK(gone.signal == SIGKILL);
  CHECK(pool.all<event::AttemptEnded>(worker).empty());
  return gone;
}

std::string ready(std::uint32_t protocol, std::vector<FunctionView> functions = {{"f", "() -> null"}}) {
  std::string bytes;
  wire::encode_frame(message::FromWorker(message::Ready{protocol, std::move(functions)}), 0, bytes);
  return bytes;
}

}  // namespace

TEST_CASE("frames arrive whole and in order however they are torn") {
  std::string bytes;
  std::vector<std::string> sent;
  for (std::uint32_t i = 0; i < 12; ++i) {
    sent.emplace_back((i % 4) * (i % 4) * (i % 4) * 3000 + i, static_cast<char>('a' + i));
    bytes += frame(i, sent.back());
  }
  for (const std::size_t step : {std::size_t{13}, std::size_t{4096}, std::size_t{65536}, bytes.size()}) {
    CAPTURE(step);
    Pair pair;
    Inbox inbox(std::size_t{1} << 20);
    std::vector<char> shared(Inbox::kShared);
    std::vector<std::string> received;
    const auto take = [&](message::FromWorker&& message, Payload&& payload) -> Result<void> {
      CHECK(std::get<message::AttemptEnded>(message).sequence == received.size());
      received.emplace_back(payload.view());
      return {};
    };
    // Every cut of the first frames, then in steps.
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t now = std::min(at < 100 ? std::size_t{1} : step, bytes.size() - at);
      const ssize_t n = ::send(pair.theirs.get(), bytes.data() + at, now, MSG_DONTWAIT);
      REQUIRE(n > 0);
      at += static_cast<std::size_t>(n);
      for (;;) {
        const Inbox::Received read = inbox.receive(pair.mine.get(), shared);
        REQUIRE(inbox.parse(take).ok());
        if (read.end != Inbox::Received::End::more) break;
      }
    }
    CHECK(received == sent);
  }
}

TEST_CASE("a large payload outlives the buffers that it came through") {
  Pair pair;
  Inbox inbox(std::size_t{1} << 20);
  std::vector<char> shared(Inbox::kShared);
  Payload kept;
  const std::string payload(100'000, 'p');
  for (const std::string& bytes : {frame(0, payload), frame(1, std::string(90'000, 'q'))}) {
    for (std::size_t at = 0; at < bytes.size(); at += 10'000) {
      const std::size_t now = std::min<std::size_t>(10'000, bytes.size() - at);
      REQUIRE(::send(pair.theirs.get(), bytes.data() + at, now, 0) == static_cast<ssize_t>(now));
      static_cast<void>(inbox.receive(pair.mine.get(), shared));
      REQUIRE(inbox
                  .parse([&](message::FromWorker&&, Payload&& p) -> Result<void> {
                    if (kept.empty()) kept = std::move(p);
                    return {};
                  })
                  .ok());
    }
  }
  CHECK(kept.view() == payload);
}

TEST_CASE("an outbox keeps what the socket has no room for, in order, without copying large payloads") {
  Pair pair;
  Outbox outbox;
  std::string expected;
  for (std::uint32_t i = 0; i < 300; ++i) {
    const Payload payload(std::string(i % 3 == 0 ? 20'000 : i, static_cast<char>('a' + i % 26)));
    const message::Run run{i, {}, 0, 1};
    outbox.add(run, payload);
    wire::encode_frame(message::ToWorker(run), payload.size(), expected);
    expected += payload.view();
  }
  std::string received;
  std::vector<char> buffer(std::size_t{1} << 16);
  CHECK(outbox.send(pair.mine.get()) == Outbox::Sent::some);
  while (received.size() < expected.size()) {
    const ssize_t n = ::recv(pair.theirs.get(), buffer.data(), buffer.size(), 0);
    REQUIRE(n > 0);
    received.append(buffer.data(), static_cast<std::size_t>(n));
    static_cast<void>(outbox.send(pair.mine.get()));
  }
  CHECK(outbox.empty());
  CHECK(received == expected);
  pair.theirs.reset();
  outbox.add(message::Stop{});
  CHECK(outbox.send(pair.mine.get()) == Outbox::Sent::gone);
  CHECK(outbox.empty());
}

TEST_CASE("arguments and results of many megabytes go through beside small ones") {
  PoolFixture pool(pool_of("basic"));
  const WorkerId worker = pool.start_ready();
  const std::string large(std::size_t{30} << 20, 'L');
  const Payload payload = arguments(Value(large));
  for (int i = 0; i < 3; ++i) {
    pool.dispatch(worker, "echo", payload);
    pool.dispatch(worker, "add", arguments(i, 1));
  }
  pool.workers().flush();
  pool.until([&] { return pool.all<event::AttemptEnded>(worker).size() == 6; }, "six results");
  const auto ended = pool.all<event::AttemptEnded>(worker);
  for (int i = 0; i < 3; ++i) {
    CHECK(result_as<std::string>(ended[static_cast<std::size_t>(2 * i)]) == large);
    CHECK(result_as<int>(ended[static_cast<std::size_t>(2 * i + 1)]) == i + 1);
  }
}

TEST_CASE("E1 a worker must say first, once, and in this version of the protocol what it can run") {
  CHECK(babble(frame(0, "x")).protocol_error ==
        "expected the worker's functions first, found something else");
  CHECK(babble(ready(message::kWorkerProtocol) + ready(message::kWorkerProtocol)).protocol_error ==
        "expected the worker's functions once, found them again");
  CHECK(babble(ready(99)).protocol_error.starts_with("expected version 1 of the worker protocol, found 99"));
}

TEST_CASE("E1 what a worker says that it can run is bounded, in number and in bytes, and fit to be shown") {
  const auto refused = [](std::vector<FunctionView> functions) {
    return babble(ready(message::kWorkerProtocol, std::move(functions))).protocol_error;
  };
  const std::string expected =
      "expected the name of a function, of 1 to 255 bytes of printable UTF-8, found ";
  CHECK(refused({{"", ""}}) == expected + "one of 0");
  CHECK(refused({{"f", ""}, {std::string(256, 'f'), ""}}) == expected + "one of 256");
  CHECK(refused({{"f\x1b[2J", ""}}) == expected + "'f\\x1b[2J'");
  CHECK(refused(std::vector<FunctionView>(10'001, FunctionView{"f", ""})) ==
        "expected at most 10000 functions, found 10001");
  CHECK(refused({{"f", std::string(std::size_t{1} << 20, 's')}}) ==
        "expected names and signatures of functions of at most 1048576 bytes in all, found 1048577");
  CHECK(check_functions(std::vector<FunctionView>(10'000, FunctionView{std::string(100, 'f'), ""})).ok());
}

TEST_CASE("E1 a worker tells no cause of failure that is the daemon's to tell") {
  const auto told = [](Cause cause, Isolation isolation) {
    const TempDirectory directory;
    message::AttemptEnded end;
    end.failure.cause = cause;
    std::string bytes = ready(message::kWorkerProtocol);
    wire::encode_frame(message::FromWorker(std::move(end)), 0, bytes);
    write_file(directory / "bytes", bytes);
    PoolSettings settings = pool_of("babble", {(directory / "bytes").string()});
    settings.isolation = isolation;
    PoolFixture pool(std::move(settings));
    const WorkerId worker = pool.start();
    pool.until([&] { return pool.has<event::AttemptEnded>(worker) || pool.has<event::WorkerGone>(worker); },
               "an end of a job, or of the worker");
    if (pool.has<event::AttemptEnded>(worker)) return std::string("taken");
    return pool.await<event::WorkerGone>(worker).protocol_error;
  };
  const auto refused = [](Cause cause) {
    return "expected a cause of failure that a worker can know, found \"" + std::string(to_string(cause)) +
           "\", which is the daemon's to tell";
  };
  for (const Isolation isolation : {Isolation::worker, Isolation::job}) {
    for (const Cause cause :
         {Cause::exception, Cause::memory, Cause::deadlock, Cause::bad_arguments, Cause::result_too_large})
      CHECK(told(cause, isolation) == "taken");
    for (const Cause cause :
         {Cause::timed_out, Cause::interrupted, Cause::quarantined, Cause::no_function, Cause::member_failed})
      CHECK(told(cause, isolation) == refused(cause));
  }
  // Only a worker whose jobs have processes of their own outlives these.
  for (const Cause cause : {Cause::crashed, Cause::exited}) {
    CHECK(told(cause, Isolation::worker) == refused(cause));
    CHECK(told(cause, Isolation::job) == "taken");
  }
}

TEST_CASE("E1 no run was longer than its worker has lived, whatever that says") {
  std::string bytes = ready(message::kWorkerProtocol);
  wire::encode_frame(message::FromWorker(message::AttemptEnded{0, {}, Nanos::max()}), 0, bytes);
  const TempDirectory directory;
  write_file(directory / "bytes", bytes);
  PoolFixture pool(pool_of("babble", {(directory / "bytes").string()}));
  const Instant before = std::chrono::steady_clock::now();
  const auto ended = pool.await<event::AttemptEnded>(pool.start());
  CHECK(ended.ran > Nanos(0));
  CHECK(ended.ran <= std::chrono::steady_clock::now() - before);
}
