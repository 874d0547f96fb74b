// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "tests/system/cli/fixture.hpp"

namespace promised::test {
namespace {

TEST_CASE("M4 run prints the result") {
  const Shell shell;
  const Finished ran = shell.run(kFine, {"run", "add", "2", "-5"});
  CHECK(ran.out == "-3\n");
  CHECK(ran.err.empty());
  CHECK(shell.run(kFine, {"submit", "add", "2", "3", "--wait"}).out == "5\n");
}

TEST_CASE("M4 a submitted job is fetched by id, by the beginning of its id, as last and by its name") {
  const Shell shell;
  const std::string id = shell.submit({"add", "2", "3", "--name", "sum", "--lifespan", "60s"});
  CHECK(shell.run(kFine, {"result", "sum"}).out == "5\n");
  CHECK(shell.run(kFine, {"result", id}).out == "5\n");
  CHECK(shell.run(kFine, {"result", id.substr(0, 30)}).out == "5\n");
  CHECK(shell.run(kFine, {"result", "last"}).out == "5\n");
}

TEST_CASE("R8 what an unnamed job came to is there for who asks by id after its submit has gone") {
  const Shell shell;
  // Quick ones may end before promisectl does.
  for (int i = 0; i < 20; ++i) {
    const std::string id = shell.submit({"add", "2", "3"});
    CHECK(shell.run(kFine, {"result", id}).out == "5\n");
    CHECK(shell.run(kFine, {"wait", id}).err.empty());
  }
}

TEST_CASE("M5 which job is meant: last, an id, a name, the beginning of an id, in this order") {
  const Shell shell;
  const std::string id = shell.submit({"add", "1", "1", "--name", "first"});
  const std::string prefix = id.substr(0, 30);
  const auto meant = [&](const std::string& job) {
    return shell.json(kFine, {"show", job}).at("job").at("id").get<std::string>();
  };
  CHECK(meant(prefix) == id);
  const std::string named = shell.submit({"add", "2", "2", "--name", prefix});
  CHECK(meant(prefix) == named);
  CHECK(shell.run(kFine, {"result", prefix}).out == "4\n");
  CHECK(meant(id) == id);
  CHECK(meant(id.substr(0, 32)) == id);
  CHECK(meant("last") == named);
  // A name that is gone is told of for as long as the daemon remembers that it was there.
  shell.run(kFine, {"forget", prefix});
  CHECK(shell.run(kRefused, {"show", prefix}).err.find("forgotten") != std::string::npos);
  CHECK(shell.run(kRefused, {"result", prefix}).err.find("forgotten") != std::string::npos);
}

TEST_CASE("M5 submit tells id and name in JSON") {
  const Shell shell;
  const auto named = shell.json(kFine, {"submit", "add", "1", "1", "--name", "n"});
  CHECK(named.at("name") == "n");
  CHECK(named.at("id").get<std::string>().size() == 36);
  CHECK(shell.json(kFine, {"submit", "add", "1", "1"}).at("name").is_null());
}

TEST_CASE("M4 values of every kind go to the worker and come back unchanged") {
  const Shell shell;
  for (const std::string& value :
       std::vector<std::string>{"null", "true", "-9223372036854775808", "18446744073709551615", "0.1", "2.0",
                                "\"42\"", "[1,[2.5,\"x\"],{}]", R"({"z":1,"a":[null]})", R"({"$real":"nan"})",
                                R"({"$bytes":"AP8="})", R"({"$map":[[1,"one"]]})"}) {
    CAPTURE(value);
    const auto ran = shell.json(kFine, {"run", "echo", value});
    CHECK(ran.at("result") == nlohmann::json::parse(value));
    CHECK(ran.at("state") == "succeeded");
  }
}

TEST_CASE("M4 text and bytes are printed as they are, so that they can be piped") {
  const Shell shell;
  const std::string bytes("a\0\xff\n", 4);
  write_file(shell.daemon.directory() / "bytes", bytes);
  CHECK(shell.run(kFine, {"run", "echo", "--bytes-file", shell.daemon.directory() / "bytes"}).out == bytes);
  CHECK(shell.run(kFine, {"run", "echo", "line\n\x1b[1mtwo"}).out == "line\n\x1b[1mtwo\n");
  CHECK(shell.run(kFine, {"run", "echo", "--text", "42"}).out == "42\n");
  CHECK(shell.run(kFine, {"run", "echo", "--", "--flag"}).out == "--flag\n");
  CHECK(shell.run(kFine, {"run", "echo", R"({"a":"x\n"})"}).out == "{\"a\":\"x\\n\"}\n");
}

TEST_CASE("R1 --lifespan forever is refused by the name of the key, and shown where it is allowed") {
  Shell shell;
  CHECK(shell.run(kRefused, {"submit", "add", "1", "1", "--name", "n", "--lifespan", "forever"})
            .err.find("allow_forever in section [limits] is no") != std::string::npos);
  shell.daemon.stop();
  DaemonConfig config;
  config.pool("story", STORY_WORKER).limit("allow_forever", "yes");
  shell.daemon.configure(config);
  shell.daemon.start();
  shell.submit({"add", "1", "1", "--name", "n"});
  CHECK(shell.run(kFine, {"remember", "n", "n", "--lifespan", "forever"}).out.empty());
  const auto job = shell.json(kFine, {"show", "n"}).at("job");
  CHECK(job.at("lifespan_ms") == "forever");
  CHECK(job.at("kept_until").is_null());
  CHECK(shell.run(kFine, {"show", "n"}).out.find("n, until it is forgotten") != std::string::npos);
}

TEST_CASE("S6 --abandon cancels the job when promisectl is killed, and needs --wait") {
  const Shell shell;
  CHECK(
      shell.run(kUsage, {"submit", "add", "1", "1", "--abandon"})
          .err.find(
              "--abandon needs --wait: without it the job would be cancelled as soon as its id is printed") !=
      std::string::npos);
  CHECK(shell.run(kFine, {"submit", "add", "1", "1", "--abandon", "--wait"}).out == "2\n");
  CHECK(
      shell.run(kTimedOut, {"run", "wait_for", shell.gate(), "--abandon", "--name", "late", "--timeout", "0"})
          .err.ends_with(" has not ended within 0 ms; the job goes on, and is cancelled when its client goes "
                         "before it has ended (abandon)\n"));
  CHECK(eventually([&] { return shell.state("late") == "cancelled"; }));
  Program program;
  program.command = {promisectl_binary(), "run", "wait_for", shell.gate(), "--abandon", "--name", "tied"};
  program.environment["PROMISED_ENDPOINT"] = shell.daemon.endpoint();
  Process waiting(program);
  REQUIRE(eventually([&] {
    return shell.run(kFine, {"jobs", "--state", "running", "--output", "quiet"}).out != "";
  }));
  waiting.signal(SIGKILL);
  CHECK(waiting.wait());
  CHECK(eventually([&] { return shell.state("tied") == "cancelled"; }));
}

TEST_CASE("R3 a taken name is refused, or the caller gets the holder's future") {
  const Shell shell;
  const std::string holder = shell.submit({"add", "1", "1", "--name", "n"});
  const Finished taken = shell.run(kRefused, {"submit", "add", "2", "2", "--name", "n"});
  CHECK(taken.out.empty());
  CHECK(taken.err.find(holder) != std::string::npos);
  CHECK(shell.submit({"add", "2", "2", "--name", "n", "--duplicate", "attach"}) == holder);
  CHECK(shell.submit({"add", "2", "2", "--name", "n", "--duplicate", "replace"}) != holder);
  CHECK(shell.run(kFine, {"result", "n"}).out == "4\n");
}

TEST_CASE("M4 the options of a call reach the job") {
  const Shell shell;
  const std::string id = shell.submit({"add", "1", "1", "--queue", "slow", "--priority", "7",
                                       "--queue-timeout", "1h", "--run-timeout", "5min", "--at-most-once",
                                       "--memory", "--name", "n", "--lifespan", "90s"});
  const auto job = shell.json(kFine, {"show", id}).at("job");
  CHECK(job.at("queue") == "slow");
  CHECK(job.at("priority") == 7);
  CHECK(job.at("queue_timeout_ms") == 3'600'000);
  CHECK(job.at("run_timeout_ms") == 300'000);
  CHECK(job.at("at_most_once") == true);
  CHECK(job.at("durable") == false);
  CHECK(job.at("name") == "n");
  CHECK(job.at("lifespan_ms") == 90'000);
}

}  // namespace
}  // namespace promised::test
