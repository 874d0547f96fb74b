// SPDX-License-Identifier: Apache-2.0
// Handlers that run in passes, and the jobs that they promise.
#include <promised/resolve.hpp>

#include <doctest/doctest.h>

#include <barrier>
#include <csignal>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

/// Calls `f` on so many threads at once, each with a client of its own; what each returned.
template <class F>
std::vector<std::int64_t> on_clients(const TestDaemon& daemon, int count, F f) {
  std::vector<std::int64_t> results(static_cast<std::size_t>(count));
  std::vector<std::thread> threads;
  for (std::int64_t& result : results) {
    threads.emplace_back([&] {
      Client client = connect(daemon);
      result = f(client);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return results;
}

}  // namespace

TEST_CASE("F5 the promises of a pass run in parallel, and the next pass has their results") {
  TestDaemon daemon(story_config(3));
  Client client = connect(daemon);
  const auto gate = daemon.directory() / "gate";
  const auto tally = daemon.directory() / "tally";
  // Each waits for a gate that opens when all have begun.
  std::thread opener([&] {
    CHECK(eventually([&] { return lines_in(tally) == 3; }));
    write_file(gate, "");
  });
  const std::int64_t sum = resolve(
      client,
      [&](Pass& pass) {
        std::int64_t running = 0;
        for (const char* const key : {"a", "b", "c"}) {
          running += pass.result_or_submit<std::int64_t>(key, 0, "tally_and_wait", tally.string(),
                                                         gate.string()) > 0;
        }
        return running == 3 ? pass.result_or_submit<std::int64_t>("sum", 0, "add", running, 10) : 0;
      },
      ResolveOptions().timeout(kPatience));
  opener.join();
  CHECK(sum == 13);
  CHECK(lines_in(tally) == 3);
}

TEST_CASE("F6 what a nested resolve has run is not run again for the outer one") {
  TestDaemon daemon(story_config());
  Client client = connect(daemon);
  const auto tally = daemon.directory() / "tally";
  const auto part = [&] {
    return resolve(client, [&](Pass& pass) {
      return pass.result_or_submit<std::int64_t>("part", 0, "tally", tally.string());
    });
  };
  const std::int64_t twice = resolve(client, [&](Pass& pass) {
    const std::int64_t base = pass.result_or_submit<std::int64_t>("base", 0, "add", 40, 2);
    CHECK(part() > 0);
    CHECK(pass.result<std::int64_t>("part") == part());
    return base;
  });
  CHECK(twice == 42);
  CHECK(lines_in(tally) == 1);
}

TEST_CASE("F7 a promise whose worker crashes is a failure of its key alone, and logged with what it said") {
  TestDaemon daemon(story_config());
  std::mutex mutex;
  std::string logged;
  ClientOptions options;
  options.endpoint = daemon.endpoint();
  options.connect_timeout = kPatience;
  options.log = [&](std::string_view line) {
    const std::lock_guard lock(mutex);
    logged += std::string(line) + "\n";
  };
  Client client(options);
  const std::string page = resolve(
      client,
      [](Pass& pass) {
        const auto part = [&](const char* key, const char* function, auto argument) {
          try {
            return pass.result_or_submit<std::string>(key, "", function, argument);
          } catch (const JobFailed& e) {
            return std::string(to_string(e.failure().cause));
          }
        };
        const std::string bad = part("bad", "raise", std::int64_t{SIGKILL});
        const std::string good = part("good", "large", std::uint64_t{3});
        return bad + " " + good;
      },
      ResolveOptions().timeout(kPatience));
  CHECK(page == "crashed xxx");
  const std::lock_guard lock(mutex);
  CHECK(logged.find("the promise \"bad\" came to no value: raise (job ") == 0);
  CHECK(logged.find("last output of the worker:\nlast words") != std::string::npos);
}

TEST_CASE("F8 processes share one run, and later ones get its result, until the lifespan is over") {
  TestDaemon daemon(story_config());
  const auto tally = daemon.directory() / "tally";
  const auto page = [&](std::chrono::milliseconds lifespan) {
    return in_other_process([&] {
      Client client = connect(daemon);
      return std::to_string(resolve(
          client,
          [&](Pass& pass) { return pass.result_or_submit<std::int64_t>("part", 0, "tally", tally.string()); },
          remember("page/", lifespan).timeout(kPatience)));
    });
  };
  const std::string first = page(300ms);
  CHECK(eventually([&] {
    return in_other_process([&] {
             Client client = connect(daemon);
             return thrown_by([&] { (void)client.future("page/part").value(kPatience); });
           })
        .starts_with("NoSuchFuture lapsed: ");
  }));
  CHECK(lines_in(tally) == 1);
  const std::string second = page(10min);
  CHECK(lines_in(tally) == 2);
  CHECK(page(10min) == second);
  CHECK(lines_in(tally) == 2);
}

TEST_CASE("F8 many that ask at the same time cause one run") {
  TestDaemon daemon(story_config());
  const auto gate = daemon.directory() / "gate";
  const auto tally = daemon.directory() / "tally";
  std::barrier promised_by_all(8, [&]() noexcept { write_file(gate, ""); });
  const auto results = on_clients(daemon, 8, [&](Client& client) {
    return resolve(
        client,
        [&](Pass& pass) {
          pass.on_abort([&] { promised_by_all.arrive_and_wait(); });
          return pass.result_or_submit<std::int64_t>("part", 0, "tally_and_wait", tally.string(),
                                                     gate.string());
        },
        remember("page/", 10min).timeout(kPatience));
  });
  for (const std::int64_t result : results) CHECK(result == results.front());
  CHECK(results.front() > 0);
  CHECK(lines_in(tally) == 1);
}

TEST_CASE("F8 of many that clear a remembered result and promise it again, one runs") {
  TestDaemon daemon(story_config());
  const auto tally = daemon.directory() / "tally";
  std::barrier all_have_it(4);
  const auto results = on_clients(daemon, 4, [&](Client& client) {
    return resolve(
        client,
        [&](Pass& pass) {
          if (pass.number() == 2) {
            all_have_it.arrive_and_wait();
            CHECK(pass.clear("part"));
          }
          return pass.result_or_submit<std::int64_t>("part", 0, "tally", tally.string());
        },
        remember("page/", 10min).timeout(kPatience));
  });
  CHECK(results.front() > 0);
  CHECK(lines_in(tally) == 2);
}

TEST_CASE("F8 remembered results serve a handler after a kill -9 of the daemon") {
  TestDaemon daemon(story_config());
  const auto tally = daemon.directory() / "tally";
  const auto page = [&] {
    Client client = connect(daemon);
    return resolve(
        client,
        [&](Pass& pass) { return pass.result_or_submit<std::int64_t>("part", 0, "tally", tally.string()); },
        remember("page/", 10min).timeout(kPatience));
  };
  const std::int64_t first = page();
  daemon.restart_after_kill();
  CHECK(page() == first);
  CHECK(lines_in(tally) == 1);
}

TEST_CASE("F8 a pass that waits is not disturbed by a restart of the daemon") {
  TestDaemon daemon(story_config());
  const auto gate = daemon.directory() / "gate";
  const auto tally = daemon.directory() / "tally";
  Client client = connect(daemon);
  std::int64_t pid = 0;
  std::thread handler([&] {
    pid = resolve(
        client,
        [&](Pass& pass) {
          return pass.result_or_submit<std::int64_t>("part", 0, "tally_and_wait", tally.string(),
                                                     gate.string());
        },
        remember("page/", 10min).timeout(kPatience));
  });
  CHECK(eventually([&] { return lines_in(tally) == 1; }));
  daemon.kill9();
  write_file(gate, "");
  daemon.start();
  handler.join();
  CHECK(pid > 0);
  CHECK(lines_in(tally) == 2);
}

TEST_CASE("F5 a published placeholder leaves a job under its name, whose result the next call has") {
  TestDaemon daemon(story_config());
  const auto gate = daemon.directory() / "gate";
  Client client = connect(daemon);
  const auto page = [&](std::chrono::milliseconds patience) {
    return resolve(
        client,
        [&](Pass& pass) {
          pass.publish_placeholder(patience);
          return pass.result_or_submit<std::int64_t>("part", -1, "wait_for", gate.string());
        },
        remember("page/", 10min));
  };
  CHECK(page(0ms) == -1);
  CHECK(page(1ms) == -1);
  write_file(gate, "");
  CHECK(page(kPatience) > 0);
}
