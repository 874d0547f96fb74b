// SPDX-License-Identifier: Apache-2.0
// M3, M4 promisectl queues, pause, resume, drain, clear, quota, explain.
#include "tests/system/cli/fixture.hpp"

namespace promised::test {
namespace {

const std::string kQueuesTold =
    " (only administrators are told of queues: of those with jobs, and those that are configured or steered "
    "by "
    "name)\n";
const std::string kQuotasTold = " (only administrators are told of quotas)\n";

TEST_CASE("M4 a queue is paused, explained, listed, cleared and resumed") {
  const Shell shell(1);
  CHECK(shell.run(kFine, {"queues"}).err == "no queues to tell of" + kQueuesTold);
  CHECK(shell.run(kFine, {"pause", "mail"}).out == "queue mail: paused, 0 jobs wait in it\n");
  const std::string id = shell.submit({"add", "1", "2", "--queue", "mail"});
  CHECK(shell.json(kFine, {"pause", "mail"}) ==
        nlohmann::json{{"format", 1}, {"queue", "mail"}, {"waiting", 1}});
  CHECK(shell.run(kFine, {"explain", id}).out == id + ": pending\n  paused  queue mail is paused\n");
  CHECK(shell.run(kFine, {"explain", "last", "--output", "quiet"}).out == "paused\n");
  const auto explained = shell.json(kFine, {"explain", id});
  CHECK(explained.at("state") == "pending");
  CHECK(explained.at("reasons").at(0).at("subject") == "mail");
  CHECK(shell.run(kFine, {"show", id}).out.find("queue mail is paused") != std::string::npos);
  CHECK(shell.run(kFine, {"queues"}).out.find("paused") != std::string::npos);
  CHECK(shell.run(kFine, {"queues", "--output", "quiet"}).out == "mail\n");
  CHECK(shell.run(kFine, {"queues", "m*l", "--output", "quiet"}).out == "mail\n");
  CHECK(shell.run(kFine, {"clear", "mail"}).out == "queue mail: 1 job is cancelled\n");
  CHECK(shell.json(kFine, {"clear", "mail"}).at("cancelled") == 0);
  CHECK(shell.state(id) == "cancelled");
  CHECK(shell.run(kFine, {"resume", "mail"}).out == "queue mail: resumed, 0 jobs wait in it\n");
  CHECK(shell.run(kFine, {"run", "add", "1", "2", "--queue", "mail"}).out == "3\n");
  CHECK(shell.run(kFine, {"resume", "mail", "--output", "quiet"}).out.empty());
}

TEST_CASE(
    "M4 a queue or quota to be listed that is not there is exit code 4, and so is a glob without a match") {
  const Shell shell(1);
  const std::string none = "'" + kQueuesTold;
  CHECK(shell.run(kRefused, {"queues", "mial"}).err == "promisectl: no queue matches 'mial" + none);
  CHECK(shell.run(kRefused, {"queues", "m*"}).err == "promisectl: no queue matches 'm*" + none);
  CHECK(shell.run(kRefused, {"quota", "sever"}).err ==
        "promisectl: no quota 'sever' to tell of" + kQuotasTold);
  shell.run(kFine, {"pause", "mail"});
  shell.run(kFine, {"quota", "server", "2"});
  CHECK(shell.run(kRefused, {"queues", "mial"}).err ==
        "promisectl: no queue matches 'mial'; did you mean mail?\n");
  CHECK(shell.run(kRefused, {"queues", "x*"}).err == "promisectl: no queue matches 'x*'\n");
  CHECK(shell.run(kRefused, {"quota", "sever"}).err ==
        "promisectl: there is no quota 'sever'; did you mean server?\n");
  const Finished json = shell.run(kRefused, {"queues", "other", "--output", "json"});
  CHECK(json.out.empty());
  CHECK(nlohmann::json::parse(json.err).at("error").at("code") == "no_queue");
}

TEST_CASE("M6 who is no administrator is not told that there are no queues or quotas where there are" *
          doctest::skip(::geteuid() != 0)) {
  constexpr uid_t kUser = 65534;
  DaemonConfig config = DaemonConfig().for_everyone();
  config.set("queue.mail", "weight", "2");
  config.set("quota.server", "size", "3");
  const TestDaemon daemon(config);
  daemon.directory().open_to_everyone();
  const auto told = [&](std::vector<std::string> arguments, std::optional<uid_t> user) {
    Finished finished = promisectl(daemon, std::move(arguments), user);
    CHECK(finished.exit == Exit{kFine, 0});
    return finished;
  };
  CHECK(told({"queues"}, kUser).err == "no queues to tell of" + kQueuesTold);
  CHECK(told({"quota"}, kUser).err == "no quotas to tell of" + kQuotasTold);
  CHECK(told({"queues", "--output", "quiet"}, {}).out == "mail\n");
  CHECK(told({"quota", "--output", "quiet"}, {}).out == "server\n");
  CHECK(promisectl(daemon, {"quota", "server"}, kUser).err ==
        "promisectl: no quota 'server' to tell of" + kQuotasTold);
}

TEST_CASE("M4 where there are more queues than are told of, a queue that is not listed may be there") {
  DaemonConfig config;
  for (int i = 0; i < 101; ++i) config.set("queue.q" + std::to_string(i), "weight", "2");
  const TestDaemon daemon(config);
  const Finished finished = promisectl(daemon, {"queues", "something.else"});
  CHECK(finished.exit == Exit{kRefused, 0});
  CHECK(finished.err ==
        "promisectl: no queue matches 'something.else' of the 100 longest, which are all that is told of\n");
}

TEST_CASE("M4 a glob steers no queues, and is told so") {
  const Shell shell(1);
  shell.run(kFine, {"pause", "mail"});
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"pause", "m*"},
                                             {"resume", "m*"},
                                             {"drain", "mai?"},
                                             {"clear", "m*"},
                                             {"queues", "m*", "--weight", "2"}}) {
    CAPTURE(command);
    CHECK(
        shell.run(kRefused, command).err ==
        "promisectl: there is no queue \"" + command[1] +
            "\", and no pattern stands here for the queues that match it: name one queue (promisectl queues "
            "lists those that a pattern matches)\n");
  }
  CHECK(shell.run(kFine, {"queues", "--output", "quiet"}).out == "mail\n");
}

TEST_CASE("M4 a queue's name that is empty is refused before anything is asked") {
  const Shell shell(1);
  for (const std::string command : {"pause", "resume", "drain", "clear", "queues"}) {
    CHECK(shell.run(kUsage, {command, ""}).err ==
          "promisectl: QUEUE: expected the name of a queue, found nothing\n");
  }
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"submit", "add", "1", "1"}, {"jobs"}, {"events"}}) {
    std::vector<std::string> all = command;
    all.insert(all.end(), {"--queue", ""});
    CHECK(shell.run(kUsage, all).err == "promisectl: --queue: expected the name of a queue, found nothing\n");
  }
}

TEST_CASE("M4 a draining queue refuses with a code of its own, until it is resumed") {
  const Shell shell(1);
  CHECK(shell.run(kFine, {"drain", "mail"}).out == "queue mail: draining, 0 jobs wait in it\n");
  const Finished refused =
      shell.run(kRefused, {"submit", "add", "1", "2", "--queue", "mail", "--output", "json"});
  CHECK(nlohmann::json::parse(refused.err).at("error").at("code") == "draining");
  shell.run(kFine, {"resume", "mail"});
  CHECK(shell.run(kFine, {"run", "add", "1", "2", "--queue", "mail"}).out == "3\n");
}

TEST_CASE("M4 a queue's weight, rate and length are said, and shown as they are written") {
  const Shell shell(1);
  CHECK(
      shell.run(kFine, {"queues", "mail", "--weight", "5", "--rate", "10/s burst 20", "--max-length", "100"})
          .out == "queue mail: changed, 0 jobs wait in it\n");
  const auto queue = shell.json(kFine, {"queues"}).at("queues").at(0);
  CHECK(queue.at("weight") == 5);
  CHECK(queue.at("rate") == "10/s burst 20");
  CHECK(queue.at("max_length") == 100);
  CHECK(shell.json(kFine, {"status"}).at("queues").at(0) == queue);
  shell.run(kFine, {"queues", "mail", "--rate", "none"});
  CHECK(shell.json(kFine, {"queues"}).at("queues").at(0).at("rate").is_null());
}

TEST_CASE("M4 a quota is made, listed, resized and removed") {
  const Shell shell(1);
  CHECK(shell.run(kFine, {"quota"}).err == "no quotas to tell of" + kQuotasTold);
  CHECK(shell.run(kFine, {"quota", "server", "2"}).out == "quota server: 2, 0 jobs hold it\n");
  CHECK(shell.run(kFine, {"quota"}).out == "QUOTA   SIZE  RUNNING\nserver     2        0\n");
  CHECK(shell.run(kFine, {"status"}).out.find("server     2        0") != std::string::npos);
  CHECK(shell.json(kFine, {"quota", "server", "3"}).at("size") == 3);
  CHECK(shell.json(kFine, {"quota", "server"}).at("quotas").at(0).at("size") == 3);
  CHECK(shell.run(kFine, {"quota", "--output", "quiet"}).out == "server\n");
  CHECK(shell.run(kFine, {"quota", "server", "--remove"}).out == "quota server: removed, 0 jobs hold it\n");
  CHECK(shell.run(kRefused, {"quota", "server", "--remove"}).err.find("there is no quota \"server\"") !=
        std::string::npos);
}

TEST_CASE("M4 what is wrong with the words about queues and quotas is told, with what was expected") {
  const Shell shell(1);
  CHECK(shell.run(kUsage, {"queues", "--weight", "2"}).err.find("name it") != std::string::npos);
  CHECK(
      shell.run(kUsage, {"queues", "q", "--rate", "fast"}).err.find("--rate: expected a rate such as 10/s") !=
      std::string::npos);
  CHECK(shell.run(kUsage, {"queues", "q", "--weight", "0"}).err.find("from 1 to 1000") != std::string::npos);
  CHECK(shell.run(kUsage, {"quota", "q", "many"}).err.find("the quota's size: expected a whole number") !=
        std::string::npos);
  CHECK(shell.run(kUsage, {"quota", "q", "2", "--remove"}).err.find("give its name alone") !=
        std::string::npos);
  CHECK(shell.run(kUsage, {"quota", "--remove"}).err.find("give its name alone") != std::string::npos);
  shell.run(kUsage, {"pause"});
  CHECK(shell.run(kRefused, {"explain", "nobody"}).err.find("nobody") != std::string::npos);
}

}  // namespace
}  // namespace promised::test
