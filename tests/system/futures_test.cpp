// SPDX-License-Identifier: Apache-2.0
// What clients share through the real daemon: one run for a stampede, jobs that go with their submitter,
// names without an end, the map of futures, results that are taken.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <memory>
#include <set>
#include <thread>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kStampede = 100;  // each process takes many times its memory there
#else
constexpr int kStampede = 1000;
#endif

/// Of each, until all others have had their turn.
constexpr auto kCrowdPatience = 5min;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    out = Fd(ends[0]);
    in = Fd(ends[1]);
  }
  Fd out, in;
};

/// A process that connects, says so, waits for the start, asks for the name, and says what it got.
[[noreturn]] void one_of_many(const TestDaemon& daemon, const std::string& tally, int start, int said) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::int64_t got = -1;
  try {
    ClientOptions patient;
    patient.endpoint = daemon.endpoint();
    patient.connect_timeout = kCrowdPatience;
    Client client(patient);
    client.reach(kCrowdPatience);
    const std::int64_t ready = 0;
    if (::write(said, &ready, sizeof ready) != sizeof ready) ::_exit(2);
    char nothing = 0;
    static_cast<void>(!::read(start, &nothing, 1));  // ends for all at once
    const Options options = Options().remember("the one", 5min, Duplicate::attach);
    got = client.submit<std::int64_t>(options, "tally", tally).result(kCrowdPatience);
  } catch (const std::exception&) {
    got = -2;
  }
  if (::write(said, &got, sizeof got) != sizeof got) ::_exit(3);
  ::_exit(0);
}

std::vector<std::int64_t> read_numbers(int from, int count) {
  std::vector<std::int64_t> numbers;
  while (static_cast<int>(numbers.size()) < count) {
    std::int64_t number = 0;
    if (::read(from, &number, sizeof number) != sizeof number) break;
    numbers.push_back(number);
  }
  return numbers;
}

const Options kTied = Options().abandon(Abandon::cancel);

}  // namespace

TEST_CASE("R3 a stampede of a thousand processes for one name causes one run, and all get its result") {
  TestDaemon daemon(story_config());
  const std::string tally = (daemon.directory() / "tally").string();
  Pipe said;
  Pipe start;
  std::vector<pid_t> children;
  for (int i = 0; i < kStampede; ++i) {
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      start.in.reset();
      one_of_many(daemon, tally, start.out.get(), said.in.get());
    }
    children.push_back(pid);
  }
  said.in.reset();
  CHECK(read_numbers(said.out.get(), kStampede) == std::vector<std::int64_t>(kStampede, 0));
  start.in.reset();
  const auto results = read_numbers(said.out.get(), kStampede);
  CHECK(results.size() == kStampede);
  const std::set<std::int64_t> different(results.begin(), results.end());
  CHECK(different.size() == 1);
  CHECK(*different.begin() > 0);
  CHECK(lines_in(tally) == 1);
  for (const pid_t child : children) {
    int status = -1;
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
}

TEST_CASE("R3 each of the four duplicates, between clients of the real daemon") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  Client other = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto with = [](Duplicate duplicate) { return Options().remember("n", 60s, duplicate); };
  const auto holder = client.submit<std::int64_t>(with(Duplicate::raise), "wait_for", gate.string());
  holder.accepted(kPatience);
  const auto raising = other.submit<std::int64_t>(with(Duplicate::raise), "add", 1, 1);
  CHECK(thrown_by([&] { raising.accepted(kPatience); }).starts_with("NameTaken: "));
  const auto attached = other.submit<std::int64_t>(with(Duplicate::attach), "add", 2, 2);
  attached.accepted(kPatience);
  CHECK(attached.id() == holder.id());
  const auto kept = other.submit<std::int64_t>(with(Duplicate::keep), "add", 3, 3);
  CHECK(kept.result(kPatience) == 6);
  CHECK(client.show("n").id == holder.id());
  const auto replacing = other.submit<std::int64_t>(with(Duplicate::replace), "add", 4, 4);
  CHECK(replacing.result(kPatience) == 8);
  CHECK(client.show("n").id == replacing.id());
  write_file(gate, "");
  CHECK(holder.result(kPatience) > 0);
  CHECK(attached.result(kPatience) == holder.result(kPatience));
}

TEST_CASE("S6 a tied job is stopped when its submitter's process ends, however it does") {
  TestDaemon daemon(story_config());
  const auto gate = daemon.directory() / "gate";
  for (const bool politely : {true, false}) {
    CAPTURE(politely);
    const std::string id = in_other_process([&] {
      auto client = std::make_unique<Client>(connect(daemon));
      const auto future = client->submit(kTied, "wait_for", gate.string());
      if (!eventually([&] { return future.running(); })) return std::string("it does not run");
      if (!politely) static_cast<void>(client.release());  // the process goes without a farewell
      return future.id().text();
    });
    Client client = connect(daemon);
    const JobId job = JobId::parse(id).value();
    CHECK(eventually([&] { return client.show(job).state == State::cancelled; }));
    CHECK(client.show(job).reason == "its submitter has gone, and it was submitted to be cancelled then");
  }
}

TEST_CASE("S6 S7 a tied job survives a kill -9 of the daemon when its client comes back, and not otherwise") {
  TestDaemon daemon(story_config(2));
  const auto gate = daemon.directory() / "gate";
  const std::string other = in_other_process([&] {
    auto client = std::make_unique<Client>(connect(daemon));
    const auto future = client->submit(Options().abandon(Abandon::cancel, 100ms).remember("other", 60s),
                                       "wait_for", gate.string());
    future.accepted(kPatience);
    daemon.signal(SIGKILL);  // before the daemon has noticed that this process goes
    static_cast<void>(client.release());
    return future.id().text();
  });
  CHECK(daemon.wait());
  daemon.start();
  Client client = connect(daemon);
  CHECK(eventually([&] { return client.show("other").state == State::cancelled; }));
  const auto future = client.submit<std::int64_t>(kTied, "wait_for", gate.string());
  future.accepted(kPatience);
  daemon.restart_after_kill();
  CHECK(eventually([&] { return future.running(); }));
  write_file(gate, "");
  CHECK(future.result(kPatience) > 0);
}

TEST_CASE("R1 R9 a name without an end needs allow_forever, and outlives a restart") {
  TestDaemon daemon(story_config().limit("allow_forever", "yes").limit("max_lifespan", "1h"));
  Client client = connect(daemon);
  CHECK(client.submit<std::int64_t>(Options().remember("n", kForever), "add", 40, 2).result(kPatience) == 42);
  daemon.configure(story_config());
  daemon.restart_after_kill();
  CHECK(client.future<std::int64_t>("n").result(kPatience) == 42);
  CHECK(client.show("n").lifespan == kForever);
  CHECK(thrown_by([&] {
          client.submit(Options().remember("m", kForever), "add", 1, 1).accepted(kPatience);
        }).find("allow_forever") != std::string::npos);
  CHECK(client.forget("n"));
}

TEST_CASE("R5 the map of futures has the names, page by page, by prefix and by state") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  std::vector<AnyFuture> futures;
  for (int i = 0; i < 25; ++i)
    futures.push_back(client.submit(Options().remember("sum/" + std::to_string(i), 10min), "add", i, i));
  futures.push_back(client.submit(Options().remember("bad", 10min), "fail", "no"));
  futures.push_back(client.submit("add", 1, 1));
  REQUIRE(promised::wait(futures, kPatience).not_done.empty());
  const Futures all = client.futures({.page = 7});
  CHECK(all.size() == 26);
  std::set<std::string> names;
  for (const Remembered& one : all) names.insert(one.name());
  CHECK(names.size() == 26);
  CHECK(client.futures({.prefix = "sum/"}).size() == 25);
  CHECK(client.futures({.states = {State::failed}}).size() == 1);
  CHECK(client.futures({.states = {State::failed}}).begin()->name() == "bad");
  CHECK(all.at("sum/7").future<std::int64_t>().result(kPatience) == 14);
  CHECK_FALSE(all.contains("sum/25"));
  CHECK(client.forget("bad"));
  CHECK(all.size() == 25);
  CHECK(thrown_by([&] { static_cast<void>(all.at("bad")); }).starts_with("NoSuchFuture forgotten: "));
}

TEST_CASE("R7 of eight who take at once, exactly one gets the result") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  for (int round = 0; round < 5; ++round) {
    const auto made = client.submit<std::int64_t>(Options().remember("one", 60s), "add", 40, 2);
    made.accepted(kPatience);  // by another connection than those that ask
    std::vector<Client> clients;
    for (int i = 0; i < 8; ++i) clients.push_back(connect(daemon));
    std::atomic<int> took{0};
    std::atomic<int> late{0};
    {
      std::vector<std::jthread> threads;
      for (Client& taker : clients) {
        threads.emplace_back([&] {
          const std::string end = thrown_by([&] {
            if (taker.future<std::int64_t>("one").take(kPatience) == 42) ++took;
          });
          if (end.starts_with("NoSuchFuture forgotten: ")) ++late;
        });
      }
    }
    CHECK(took.load() == 1);
    CHECK(late.load() == 7);
  }
}

TEST_CASE("R6 after its lifespan a named job's id has lapsed, after a kill -9 too") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto future = client.submit<std::int64_t>(Options().remember("short", 50ms), "add", 1, 1);
  CHECK(future.result(kPatience) == 2);
  const auto answer = [&] { return thrown_by([&] { (void)client.future(future.id()).value(kPatience); }); };
  CHECK(eventually([&] { return answer().starts_with("NoSuchFuture lapsed: "); }));
  daemon.restart_after_kill();
  CHECK(answer().starts_with("NoSuchFuture lapsed: "));
}

TEST_CASE("S4 an abandoned map leaves only what had begun") {
  TestDaemon daemon(story_config(1));
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  {
    const std::vector<std::string> gates(200, gate.string());
    auto results = client.map<std::int64_t>("wait_for", gates);
    CHECK(eventually(
        [&] { return client.status().jobs_by_state[static_cast<std::size_t>(State::running)] == 1; }));
  }
  CHECK(eventually(
      [&] { return client.status().jobs_by_state[static_cast<std::size_t>(State::pending)] == 0; }));
  CHECK(client.status().jobs_by_state[static_cast<std::size_t>(State::running)] == 1);
  write_file(gate, "");
  CHECK(eventually([&] { return client.status().finished == 200; }));
}

TEST_CASE("S10 arguments by name reach a worker's function") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  CHECK(client.submit<std::string>("described", named("year", 2026), "report", named("final", true))
            .result(kPatience) == "report final=true year=2026");
}
