// SPDX-License-Identifier: Apache-2.0
// Jobs that follow others, and jobs that are made of others (SEMANTICS C1 to C6), from a shell.
#include "tests/system/cli/fixture.hpp"

namespace promised::test {
namespace {

TEST_CASE("C1 submit --after runs a call on what another job has come to, by its id, name or as last") {
  const Shell shell;
  const std::string sum = shell.submit({"wait_for", shell.gate(), "--name", "sum"});
  const std::string by_name = shell.submit({"tell", "us", "--after", "sum", "--name", "told"});
  const std::string by_id = shell.submit({"tell", "them", "--after-success", sum});
  const std::string by_prefix = shell.submit({"tell", "you", "--after-success", sum.substr(0, 30)});
  const std::string never = shell.submit({"tell", "nobody", "--after-failure", sum});
  CHECK(shell.state("told") == "waiting");
  const auto related = shell.json(kFine, {"show", "sum"}).at("job").at("related");
  REQUIRE(related.size() == 4);
  CHECK(related[0].at("id") == by_name);
  CHECK(related[0].at("follows") == "done");
  shell.open_gate();
  CHECK(shell.run(kFine, {"result", "told"}).out.starts_with("us: wait_for has succeeded with "));
  CHECK(shell.run(kFine, {"result", by_id}).out.starts_with("them: wait_for has succeeded with "));
  CHECK(shell.run(kFine, {"result", by_prefix}).out.starts_with("you: wait_for has succeeded with "));
  CHECK(shell.run(kFailed, {"result", never}).err.find("passed over") != std::string::npos);
  // It has ended already: what follows begins at once.
  CHECK(shell.run(kFine, {"run", "tell", "me", "--after", "sum"})
            .out.starts_with("me: wait_for has succeeded"));
  shell.submit({"add", "1", "1"});
  CHECK(shell.run(kFine, {"run", "tell", "it", "--after", "last"}).out == "it: add has succeeded with 2\n");
}

TEST_CASE("C1 submit --after-failure runs a call when another job has failed") {
  const Shell shell;
  const std::string failed = shell.submit({"fail", "no paper", "--name", "print"});
  CHECK(shell.run(kFine, {"submit", "tell", "ops", "--after-failure", "print", "--wait"}).out ==
        "ops: fail has failed: no paper\n");
  // Whoever asks for the other job's outcome finds it still.
  CHECK(shell.run(kFailed, {"result", failed}).err.find("no paper") != std::string::npos);
}

TEST_CASE("C1 a job to follow that is not there, and what cannot follow, are exit code 4") {
  const Shell shell;
  for (const char* job : {"nobody", "01909d5e-7a3b-7c4d-8e5f-0123456789ab", "last"}) {
    CAPTURE(job);
    const Finished finished = shell.run(kRefused, {"submit", "tell", "us", "--after", job});
    CHECK(finished.out.empty());
    CHECK_FALSE(finished.err.empty());
  }
  shell.submit({"add", "1", "1", "--name", "n"});
  CHECK(shell.run(kRefused, {"submit", "tell", "us", "--after", "n", "--unique"})
            .err.find("a job that follows another joins no equal one (unique)") != std::string::npos);
}

TEST_CASE("C4 submit --composite runs many calls as one job, from a file or from stdin") {
  const Shell shell;
  const auto file = shell.daemon.directory() / "sums.json";
  write_file(file, R"({"serial": [
      {"call": "add", "arguments": [1, 2]},
      {"parallel": [{"call": "add", "arguments": [3, 4], "options": {"queue": "other", "retries": 2}},
                    {"call": "fail", "arguments": ["no"]}],
       "then": {"call": "tell_all"}}],
    "options": {"name": "sums", "lifespan": "10min"}})");
  shell.submit({"--composite", file});
  const auto outcomes = shell.json(kFine, {"result", "sums"}).at("result");
  REQUIRE(outcomes.size() == 2);
  CHECK(outcomes[0].at("value") == 3);
  CHECK(outcomes[1].at("value") == "succeeded with 7; failed: no");
  Program piped;
  piped.command = {"/bin/sh", "-c", R"("$0" run --composite - <"$1")", promisectl_binary(), file};
  piped.environment["PROMISED_ENDPOINT"] = shell.daemon.endpoint();
  write_file(file, R"({"serial": [{"call": "add", "arguments": [20, 22]}], "then": {"call": "tell_all"}})");
  const Finished finished = run(std::move(piped));
  CHECK(finished.exit == Exit{});
  CHECK(finished.out == "succeeded with 42\n");
}

TEST_CASE("C4 run --composite prints the list of outcomes; options on the command line are the whole's") {
  const Shell shell;
  const auto file = shell.daemon.directory() / "sums.json";
  write_file(
      file, R"({"parallel": [{"call": "add", "arguments": [1, 2]}, {"call": "fail", "arguments": ["no"]}]})");
  const auto outcomes =
      shell.json(kFine, {"run", "--composite", file, "--name", "both", "--priority", "5"}).at("result");
  REQUIRE(outcomes.size() == 2);
  INFO(outcomes.dump());
  CHECK(outcomes[0].at("value") == 3);
  CHECK(outcomes[1].at("state") == "failed");
  const auto job = shell.json(kFine, {"show", "both"}).at("job");
  CHECK(job.at("composite") == "parallel");
  CHECK(job.at("priority") == 5);
}

TEST_CASE(
    "C5 a member's failure stops a composite that says so, with exit code 1 and the step in the message") {
  const Shell shell;
  const auto file = shell.daemon.directory() / "chain.json";
  write_file(
      file, R"({"serial": [{"call": "fail", "arguments": ["no paper"]}, {"call": "add", "arguments": [1, 1]}],
                       "on_member_failure": "stop"})");
  const Finished finished = shell.run(kFailed, {"run", "--composite", file});
  CHECK(finished.out.empty());
  CHECK(finished.err.find("member 1 of 2") != std::string::npos);
  CHECK(finished.err.find("no paper") != std::string::npos);
}

TEST_CASE("C4 a document that is wrong is exit code 3 with the place in it, before anything is submitted") {
  const Shell shell;
  const auto file = shell.daemon.directory() / "wrong.json";
  write_file(file, R"({"serial": [{"call": "add", "options": {"retries": "many"}}]})");
  const Finished finished = shell.run(kUsage, {"submit", "--composite", file});
  CHECK(finished.err == "promisectl: " + file.string() +
                            ", serial[0].options: --retries: expected a whole number from 0 to 10000, found "
                            "'many'\n");
  write_file(file, R"({"serial": [{"call": "add"}]})");
  CHECK(
      shell.run(kUsage, {"submit", "--composite", file, "--retries", "3"}).err ==
      "promisectl: --retries: a composite has no run of its own; give it to its members, in the document\n");
  write_file(file, R"({"serial": [{"call": "no\u0000thing"}]})");
  CHECK(shell.run(kRefused, {"submit", "--composite", file}).err ==
        "promisectl: no pool offers the function \"no\\x00thing\"\n");
  CHECK(shell.json(kFine, {"jobs"}).at("jobs").empty());
}

}  // namespace
}  // namespace promised::test
