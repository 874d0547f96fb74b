// SPDX-License-Identifier: Apache-2.0
// Jobs after which their worker begins no other: it is stopped, or what it shares with the daemon says that
// all its jobs are taken back.
#include <doctest/doctest.h>

#include <cstdint>
#include <fstream>
#include <string>

#include "tests/support/proc.hpp"
#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

const std::string kUnbegun = "it did not begin what it was given within start_timeout (3000 ms)";

DaemonConfig one_worker(const char* isolation) {
  DaemonConfig config;
  config.pool("stunned", worker_binary("stuns"),
              {{"size", "1"}, {"isolation", isolation}, {"start_timeout", "3s"}});
  return config;
}

/// 'T' if it is stopped.
char state_of(std::int64_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  const std::size_t name_end = text.rfind(')');
  return name_end == std::string::npos ? '?' : text.at(name_end + 2);
}

/// The next job does not run on this worker, which is gone; `function` says on which it does.
void check_that_it_is_replaced(TestDaemon& daemon, Client& client, std::int64_t worker, const char* function,
                               const std::string& why = kUnbegun) {
  const auto next = client.submit<std::int64_t>(Options().remember("next", 1min), function);
  const std::int64_t other = next.result(kPatience);
  CHECK(other != worker);
  CHECK(client.show(JobKey("next")).attempts == 1);
  CHECK(is_gone(static_cast<pid_t>(worker)));
  CHECK(daemon.log().find("a worker of pool stunned (pid " + std::to_string(worker) +
                          ") has broken its protocol and was killed: " + why) != std::string::npos);
  CHECK(pool_view(client, "stunned").state == "ready");
  CHECK(pool_view(client, "stunned").crashes == 0);
}

}  // namespace

TEST_CASE("I a worker that one of its jobs has left stopped is replaced, and the next job runs") {
  TestDaemon daemon(one_worker("worker"));
  Client client = connect(daemon);
  const auto worker = client.submit<std::int64_t>("process").result(kPatience);
  const auto gate = daemon.directory() / "gate";
  client.submit("stop_later", gate.string()).result(kPatience);
  write_file(gate, "");
  REQUIRE(eventually([&] { return state_of(worker) == 'T'; }));
  check_that_it_is_replaced(daemon, client, worker, "process");
}

TEST_CASE("I1 a worker that the process of a job has stopped is replaced, and the next job runs") {
  TestDaemon daemon(one_worker("job"));
  Client client = connect(daemon);
  const auto worker = client.submit<std::int64_t>("parent").result(kPatience);
  client.submit("stop_parent").result(kPatience);
  check_that_it_is_replaced(daemon, client, worker, "parent");
}

TEST_CASE("I a worker whose job has said that all that comes is taken back is replaced") {
  for (const auto& [isolation, function] : {std::pair{"worker", "process"}, {"job", "parent"}}) {
    CAPTURE(isolation);
    TestDaemon daemon(one_worker(isolation));
    Client client = connect(daemon);
    const auto worker = client.submit<std::int64_t>(function).result(kPatience);
    client.submit("revoke_all").result(kPatience);
    check_that_it_is_replaced(daemon, client, worker, function);
  }
}

TEST_CASE("I a worker whose page says more than it was given is replaced, and the next job runs") {
  for (const auto& [isolation, function] : {std::pair{"worker", "process"}, {"job", "parent"}}) {
    CAPTURE(isolation);
    TestDaemon daemon(one_worker(isolation));
    Client client = connect(daemon);
    const auto worker = client.submit<std::int64_t>(function).result(kPatience);
    client.submit("overrun_page").result(kPatience);
    check_that_it_is_replaced(daemon, client, worker, function,
                              "it says that it has begun run 2139062142, and was given none behind 2");
  }
}
