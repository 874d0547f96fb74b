// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <csignal>
#include <thread>

#include "tests/support/fake_daemon.hpp"
#include "tests/system/cli/fixture.hpp"

namespace promised::test {
namespace {

/// promisectl without a daemon.
Finished alone(const std::vector<std::string>& arguments) {
  Program program;
  program.command = {promisectl_binary()};
  program.command.insert(program.command.end(), arguments.begin(), arguments.end());
  return run(std::move(program));
}

TEST_CASE("M5 no daemon is exit code 2 and one line with the endpoint and what to do") {
  const TempDirectory directory;
  const std::string endpoint = "ipc://" + (directory / "none.sock").string();
  const std::string line = "no daemon has answered at " + endpoint +
                           " within 1 s: there is no such socket. Start one (`systemctl start promised`, or "
                           "`" PROMISED_DAEMON "` as yourself), or set PROMISED_ENDPOINT to where it is";
  for (const std::string output : {"human", "quiet"}) {
    const Finished finished = alone({"--endpoint", endpoint, "--output", output, "run", "add", "1", "1"});
    CHECK(finished.exit == Exit{kNoDaemon, 0});
    CHECK(finished.out.empty());
    CHECK(finished.err == "promisectl: " + line + "\n");
  }
  for (const std::string command : {"submit", "run"}) {
    const Finished json = alone({"--output", "json", command, "add", "--endpoint", endpoint});
    CHECK(json.exit == Exit{kNoDaemon, 0});
    CHECK(json.out.empty());
    const nlohmann::json expected = {{"format", 1}, {"error", {{"code", "no_daemon"}, {"message", line}}}};
    CHECK(nlohmann::json::parse(json.err) == expected);
  }
}

TEST_CASE("M5 --connect-timeout is how long promisectl tries, where nobody listens any more too") {
  TestDaemon daemon;
  daemon.kill9();
  REQUIRE(std::filesystem::exists(daemon.socket_path()));
  const Finished finished = promisectl(daemon, {"status", "--connect-timeout", "30ms"});
  CHECK(finished.exit == Exit{kNoDaemon, 0});
  CHECK(finished.err.starts_with("promisectl: no daemon has answered at " + daemon.endpoint() +
                                 " within 30 ms: nobody answers on its socket. "));
}

TEST_CASE("M1 no daemon is exit code 2 however short --timeout is") {
  const TempDirectory directory;
  const std::string endpoint = "ipc://" + (directory / "none.sock").string();
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"status", "--timeout", "1s"},
                                             {"submit", "add", "--timeout", "1ms"},
                                             {"result", "last", "--timeout", "0"}}) {
    CAPTURE(command);
    std::vector<std::string> all{"--endpoint", endpoint};
    all.insert(all.end(), command.begin(), command.end());
    const Finished finished = alone(all);
    CHECK(finished.exit == Exit{kNoDaemon, 0});
    CHECK(finished.err.starts_with("promisectl: no daemon has answered at " + endpoint + " within 1 s: "));
    CHECK(finished.err.find('\n') == finished.err.size() - 1);
  }
}

/// promisectl, and how long it took.
std::pair<Finished, std::chrono::milliseconds> timed(const std::vector<std::string>& arguments) {
  const auto start = std::chrono::steady_clock::now();
  Finished finished = alone(arguments);
  return {std::move(finished),
          std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start)};
}

TEST_CASE("M1 a daemon that is stopped in its tracks is exit code 2 as soon as --timeout is over") {
  TestDaemon daemon;
  daemon.signal(SIGSTOP);
  const auto [finished, took] = timed({"--endpoint", daemon.endpoint(), "--timeout", "1s",
                                       "--connect-timeout", "1min", "submit", "add", "1", "1"});
  daemon.signal(SIGCONT);
  CHECK(finished.exit == Exit{kNoDaemon, 0});
  CHECK(finished.err.starts_with("promisectl: no daemon has answered at " + daemon.endpoint() +
                                 " within 1 s: "));
  CHECK(finished.err.find('\n') == finished.err.size() - 1);
  CHECK(took < 30s);
}

TEST_CASE("S1 a submission that is not accepted in time is one line that names it, at once") {
  const TempDirectory directory;
  FakeDaemon daemon("ipc://" + (directory / "promised.sock").string());
  const auto [finished, took] =
      timed({"--endpoint", daemon.endpoint(), "--timeout", "50ms", "submit", "silent"});
  CHECK(finished.exit == Exit{kTimedOut, 0});
  CHECK(finished.out.empty());
  const auto submit = std::get<message::Submit>(daemon.wait_for<message::Submit>().request.body);
  CHECK(finished.err ==
        "promisectl: silent (job " + submit.id.text() + ") has not been accepted within 50 ms\n");
  CHECK(took < 4s);
}

TEST_CASE("S1 a daemon that accepts no more because it is stopping is told of") {
  const TempDirectory directory;
  FakeDaemon daemon("ipc://" + (directory / "promised.sock").string(),
                    [](FakeDaemon& d, const FakeDaemon::Message& m) {
                      if (!std::holds_alternative<message::Submit>(m.request.body))
                        return FakeDaemon::serve(d, m);
                      d.answer(m, message::Refused{"stopping", "stopping", {}, State::unknown});
                    });
  const Finished late = alone({"--endpoint", daemon.endpoint(), "--timeout", "3s", "submit", "f"});
  CHECK(late.exit == Exit{kTimedOut, 0});
  const std::string reason = ": the daemon was stopping and accepted no more jobs\n";
  CHECK(late.err.ends_with(") has not been accepted within 3 s" + reason));
  CHECK(late.err.find('\n') == late.err.size() - 1);
  // The same when it goes meanwhile.
  daemon.forget_record();
  std::jthread goes([&] {
    static_cast<void>(daemon.wait_for<message::Submit>());
    daemon.stop();
  });
  const Finished gone = alone({"--endpoint", daemon.endpoint(), "--connect-timeout", "3s", "submit", "f"});
  CHECK(gone.exit == Exit{kNoDaemon, 0});
  CHECK(gone.err.starts_with("promisectl: the daemon at " + daemon.endpoint() +
                             " has been gone for more than"));
  CHECK(gone.err.find("; f (job ") != std::string::npos);
  CHECK(gone.err.find('\n') == gone.err.size() - 1);
}

TEST_CASE("M5 --connect-timeout gives a daemon that starts the time to do so") {
  TestDaemon daemon({}, TestDaemon::NotStarted{});
  Program program;
  program.command = {promisectl_binary(), "--endpoint", daemon.endpoint(),
                     "--connect-timeout", "60s",        "status"};
  program.output = daemon.directory() / "status";
  Process early(program);
  daemon.start();
  REQUIRE(early.wait().has_value());
  CHECK(read_file(program.output).starts_with("promised "));
}

TEST_CASE("M5 text of others cannot fake a line of promisectl's or move the cursor") {
  const Shell shell;
  const std::string bad = "x\npromisectl: \x1b[2Jfine";
  const std::string shown = "x\\npromisectl: \\x1b[2Jfine";
  for (const std::string output : {"human", "quiet"}) {
    for (const auto& arguments : {std::vector<std::string>{"run", bad}, {"show", bad}, {"cancel", bad}}) {
      CAPTURE(arguments);
      std::vector<std::string> all{"--output", output};
      all.insert(all.end(), arguments.begin(), arguments.end());
      const Finished finished = shell.run(kRefused, all);
      CHECK(finished.err.find(shown) != std::string::npos);
      CHECK(finished.err.find('\n') == finished.err.size() - 1);
      CHECK(finished.err.find('\x1b') == std::string::npos);
    }
  }
  shell.run(kFine, {"submit", "add", "1", "1", "--name", bad});
  for (const auto& arguments : {std::vector<std::string>{"jobs"}, {"show", bad}, {"wait", bad}}) {
    CHECK(shell.run(kFine, arguments).out.find(shown) != std::string::npos);
  }
  CHECK(shell.json(kFine, {"show", bad}).at("job").at("name") == bad);
}

TEST_CASE("M5 a wrong command line is exit code 3, before any daemon is asked") {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{},
                                                    {"statsu"},
                                                    {"status", "--nope"},
                                                    {"status", "x"},
                                                    {"result"},
                                                    {"submit"},
                                                    {"jobs", "--state", "runing"},
                                                    {"jobs", "--after", "1234"},
                                                    {"jobs", "--page", "0"},
                                                    {"submit", "f", "--priority", "1000"},
                                                    {"remember", "last", ""},
                                                    {"remember", "0190", "last"},
                                                    {"submit", "f", "--name", "last"},
                                                    {"run", "f", "--name", "last"},
                                                    {"submit", "f", "1e999"},
                                                    {"remember", "last", "n", "--lifespan", "x"},
                                                    {"status", "--endpoint", "nonsense"}}) {
    CAPTURE(arguments);
    const Finished finished = alone(arguments);
    CHECK(finished.exit == Exit{kUsage, 0});
    CHECK(finished.out.empty());
    CHECK(finished.err.starts_with("promisectl: "));
  }
  CHECK(alone({"jobs", "--state", "runing"}).err ==
        "promisectl: --state: there is no state 'runing'; did you mean running or pending?\n");
  CHECK(alone({"jobs", "--after", "1234"}).err ==
        "promisectl: --after: expected a job's whole id, found '1234'\n");
  const auto error = nlohmann::json::parse(alone({"--output=json", "statsu"}).err);
  CHECK(error.at("error").at("code") == "usage");
}

TEST_CASE("an endpoint that is no local socket is exit code 3 at once, wherever it comes from") {
  const std::string expectation =
      ": expected ipc:// and an absolute path, such as ipc:///run/promised/promised.sock, found "
      "'tcp://127.0.0.1:5555'\n";
  const Finished option = alone({"status", "--endpoint", "tcp://127.0.0.1:5555"});
  CHECK(option.exit == Exit{kUsage, 0});
  CHECK(option.err == "promisectl: the endpoint of the daemon" + expectation);
  Program program;
  program.command = {promisectl_binary(), "status"};
  program.environment["PROMISED_ENDPOINT"] = "tcp://127.0.0.1:5555";
  const Finished variable = run(std::move(program));
  CHECK(variable.exit == Exit{kUsage, 0});
  CHECK(variable.err == "promisectl: PROMISED_ENDPOINT" + expectation);
}

TEST_CASE("Q7 a function that nobody offers is exit code 4 with the nearest names") {
  const Shell shell;
  const Finished finished = shell.run(kRefused, {"run", "ehco", "1"});
  CHECK(finished.out.empty());
  CHECK(finished.err.find("echo") != std::string::npos);
  const Finished json = shell.run(kRefused, {"--output", "json", "submit", "ehco", "1"});
  CHECK(nlohmann::json::parse(json.err).at("error").at("code") == "no_function");
}

TEST_CASE("M5 a job that is not there is exit code 4 in every command") {
  const Shell shell;
  const std::string id = "01909d5e-7a3b-7c4d-8e5f-0123456789ab";
  for (const std::string& job : {id, id.substr(0, 12), std::string("nobody"), std::string("last")}) {
    CAPTURE(job);
    shell.run(kRefused, {"show", job});
    shell.run(kRefused, {"result", job});
    shell.run(kRefused, {"wait", job});
    shell.run(kRefused, {"cancel", job});
    shell.run(kRefused, {"remember", job, "n"});
  }
  shell.run(kRefused, {"forget", "nobody"});
}

TEST_CASE("M5 the beginning of several ids is refused") {
  const Shell shell;
  const std::string a = shell.submit({"add", "1", "1", "--name", "a"});
  const std::string b = shell.submit({"add", "1", "1", "--name", "b"});
  REQUIRE(a.substr(0, 6) == b.substr(0, 6));
  const Finished finished = shell.run(kRefused, {"show", a.substr(0, 6)});
  CHECK(finished.out.empty());
  CHECK_FALSE(finished.err.empty());
}

TEST_CASE("M5 an answer that cannot be written is exit code 6") {
  const Shell shell;
  Program program;
  program.command = {promisectl_binary(), "--endpoint", shell.daemon.endpoint(), "status"};
  program.output = "/dev/full";
  program.errors = shell.daemon.directory() / "errors";
  Process process(program);
  const auto exit = process.wait();
  REQUIRE(exit.has_value());
  CHECK(*exit == Exit{kInternal, 0});
  CHECK(read_file(shell.daemon.directory() / "errors") == "promisectl: cannot write to stdout\n");
}

TEST_CASE("the versions of promised and promisectl are the same") {
  Program program;
  program.command = {daemon_binary(), "--version"};
  const Finished daemon = run(program);
  CHECK(daemon.exit == Exit{});
  CHECK("promisectl" + daemon.out.substr(std::string("promised").size()) == alone({"--version"}).out);
}

}  // namespace
}  // namespace promised::test
