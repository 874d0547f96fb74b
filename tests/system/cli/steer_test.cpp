// SPDX-License-Identifier: Apache-2.0
#include "tests/system/cli/fixture.hpp"

namespace promised::test {
namespace {

TEST_CASE("X2 cancel stops a running job, and says when there is nothing to stop") {
  const Shell shell;
  const std::string id = shell.submit({"wait_for", shell.gate()});
  REQUIRE(eventually([&] { return shell.state(id) == "running"; }));
  const Finished cancelled = shell.run(kFine, {"cancel", id});
  CHECK(cancelled.out.empty());
  CHECK(cancelled.err.empty());
  CHECK(shell.json(kFailed, {"result", id}).at("state") == "cancelled");
  CHECK(shell.run(kRefused, {"cancel", id}).err.find("has ended already; cancelling it changes nothing") !=
        std::string::npos);
  CHECK(shell.json(kRefused, {"cancel", id}).at("effect") == false);
}

TEST_CASE("X1 cancel --now kills a job that does not listen, and --reason is told to who asks") {
  const Shell shell;
  const std::string id = shell.submit({"ignore_sigterm", shell.gate()});
  REQUIRE(eventually([&] { return shell.state(id) == "running"; }));
  shell.run(kFine, {"cancel", id, "--now", "--reason", "it is in the way"});
  CHECK(shell.json(kFailed, {"result", id}).at("state") == "cancelled");
  const std::string reason = shell.json(kFine, {"show", id}).at("job").at("reason");
  CHECK(reason.starts_with("cancelled by user "));
  CHECK(reason.find(" (promisectl, pid ") != std::string::npos);
  CHECK(reason.ends_with("): it is in the way"));
}

TEST_CASE("A3 T3 a call's limits and retries are said with it, and shown") {
  const Shell shell;
  const std::string id = shell.submit({"wait_for", shell.gate(), "--progress-timeout", "5min", "--deadline",
                                       "1h", "--retry-crash", "--name", "n"});
  const auto job = shell.json(kFine, {"show", id}).at("job");
  CHECK(job.at("progress_timeout_ms") == 300'000);
  CHECK(job.at("deadline_ms") == 3'600'000);
  CHECK(job.at("retry_on").at(0) == "crash");
  CHECK(shell.run(kFine, {"show", id}).out.find("progress-timeout 5min, deadline 1h, retry-crash") !=
        std::string::npos);
  shell.open_gate();
}

TEST_CASE("Q5 M4 keys are said with a call and shown, and a quota that nobody has configured is refused") {
  const Shell shell;
  const std::string id =
      shell.submit({"wait_for", shell.gate(), "--exclusive", "customer 17", "--exclusive", "host=3"});
  const auto job = shell.json(kFine, {"show", id}).at("job");
  CHECK(job.at("quotas").size() == 2);
  const std::string shown = shell.run(kFine, {"show", id}).out;
  CHECK(shown.find(", exclusive customer 17") != std::string::npos);
  CHECK(shown.find(", exclusive host=3") != std::string::npos);
  const std::string refused = shell.run(kRefused, {"submit", "add", "1", "2", "--quota", "licences"}).err;
  CHECK(refused.find("there is no quota \"licences\"") != std::string::npos);
  shell.open_gate();
}

TEST_CASE("A3 show tells of crashes and the last failure") {
  const Shell shell;
  const std::string id = shell.submit({"crash_twice", shell.gate(), "11", "--retry-crash"});
  REQUIRE(eventually([&] {
    return shell.state(id) == "running" && shell.json(kFine, {"show", id}).at("job").at("crashes") == 1;
  }));
  const std::string shown = shell.run(kFine, {"show", id}).out;
  CHECK(shown.find("2, crashed 1 times") != std::string::npos);
  CHECK(shown.find("crashed: the worker was killed by signal 11") != std::string::npos);
  shell.open_gate();
}

TEST_CASE("M4 retry has a job that has failed run again, and says of any other that it has not") {
  const Shell shell;
  const std::string id = shell.submit({"fail_until", "2", "", "--name", "n"});
  REQUIRE(eventually([&] { return shell.state(id) == "failed"; }));
  const Finished again = shell.run(kFine, {"retry", "n"});
  CHECK(again.out.empty());
  CHECK(again.err.empty());
  REQUIRE(eventually([&] { return shell.state(id) == "succeeded"; }));
  CHECK(shell.json(kFine, {"show", id}).at("job").at("attempts") == 2);
  CHECK(shell.run(kRefused, {"retry", "n"}).err ==
        "promisectl: n has not failed: it is left as it is (promisectl show tells how it stands)\n");
  const auto told = shell.json(kRefused, {"retry", "n", id}).at("jobs");
  CHECK(told.size() == 2);
  CHECK(told.at(0).at("job") == "n");
  CHECK(told.at(1).at("effect") == false);
}

TEST_CASE("T2 A6 show tells when a job begins, and when it is tried again") {
  const Shell shell;
  const std::string later =
      shell.submit({"add", "1", "1", "--delay", "1h", "--begin-by", "5min", "--unique"});
  CHECK(shell.state(later) == "scheduled");
  const auto job = shell.json(kFine, {"show", later}).at("job");
  CHECK(job.at("due") == job.at("begin_after"));
  CHECK(job.at("begin_by_ms") == 300'000);
  const std::string shown = shell.run(kFine, {"show", later}).out;
  CHECK(shown.find("it begins after ") != std::string::npos);
  CHECK(shown.find("begin-by 5min, unique") != std::string::npos);
  CHECK(shown.find("begins after") != std::string::npos);
  const std::string again = shell.submit({"fail_until", "9", "", "--retries", "3", "--backoff", "1h"});
  REQUIRE(eventually([&] {
    return shell.json(kFine, {"show", again}).at("job").at("attempts") == 1 &&
           shell.state(again) == "pending";
  }));
  const std::string rests = shell.run(kFine, {"show", again}).out;
  CHECK(rests.find("its next attempt begins after ") != std::string::npos);
  CHECK(rests.find("last failure") != std::string::npos);
  CHECK(rests.find("next attempt  in 60 min") != std::string::npos);
  CHECK(rests.find("retries 3") != std::string::npos);
}

TEST_CASE("R4 forget removes the name once") {
  const Shell shell;
  const std::string id = shell.submit({"wait_for", shell.gate(), "--name", "n"});
  CHECK(shell.json(kFine, {"forget", "n"}).at("effect") == true);
  CHECK(shell.run(kRefused, {"forget", "n"}).err.find("forgotten") != std::string::npos);
  CHECK(shell.run(kRefused, {"forget", id}).err == "promisectl: job " + id + " has no name to forget\n");
  CHECK(shell.json(kRefused, {"forget", id}).at("effect") == false);
  CHECK(shell.json(kFine, {"show", id}).at("job").at("name").is_null());
  shell.open_gate();
}

TEST_CASE("R2 remember gives a job a name and renews its lifespan") {
  const Shell shell;
  const std::string id = shell.submit({"wait_for", shell.gate()});
  CHECK(shell.run(kFine, {"remember", id, "n", "--lifespan", "60s"}).out.empty());
  CHECK(shell.json(kFine, {"show", "n"}).at("job").at("lifespan_ms") == 60'000);
  const auto renewed = shell.json(kFine, {"remember", "last", "n", "--lifespan", "2h"});
  CHECK(renewed.at("id") == id);
  CHECK(renewed.at("name") == "n");
  CHECK(shell.json(kFine, {"show", "n"}).at("job").at("lifespan_ms") == 7'200'000);
  const std::string other = shell.submit({"wait_for", shell.gate()});
  CHECK(shell.run(kRefused, {"remember", other, "n"}).err.find(id) != std::string::npos);
  CHECK(shell.run(kFine, {"remember", other, "n", "--duplicate", "replace"}).out.empty());
  CHECK(shell.json(kFine, {"show", "n"}).at("job").at("id") == other);
  shell.open_gate();
}

}  // namespace
}  // namespace promised::test
