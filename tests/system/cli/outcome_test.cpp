// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "tests/system/cli/fixture.hpp"

namespace promised::test {
namespace {

TEST_CASE("M5 a job that failed is exit code 1, with its message and the worker's last output") {
  const Shell shell;
  const Finished ran = shell.run(kFailed, {"run", "fail", "it \x1b[2Jbroke"});
  CHECK(ran.out.empty());
  CHECK(ran.err.find("it \\x1b[2Jbroke") != std::string::npos);
  CHECK(ran.err.find("about to fail") != std::string::npos);
  const auto json = shell.json(kFailed, {"run", "fail", "it broke"});
  CHECK(json.at("state") == "failed");
  CHECK(json.at("failure").at("cause") == "exception");
  CHECK(json.at("failure").at("type") == "std::runtime_error");
  CHECK(json.at("failure").at("message") == "it broke");
  CHECK(json.at("failure").at("output") == "about to fail\n");
}

TEST_CASE("M5 the last output of a worker is printed once, in run, result and show") {
  const Shell shell;
  const auto count = [](const std::string& text, const std::string& part) {
    int found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
  };
  const auto printed_once = [&](const std::string& text, const std::string& words) {
    CAPTURE(text);
    CHECK(count(text, "last output") == 1);
    CHECK(count(text, words) == 1);
  };
  printed_once(shell.run(kFailed, {"run", "fail", "x", "--name", "fail"}).err, "about to fail");
  printed_once(shell.run(kFailed, {"run", "raise", std::to_string(SIGSEGV), "--name", "crash"}).err,
               "last words");
  printed_once(shell.run(kFailed, {"submit", "raise", std::to_string(SIGABRT), "--wait"}).err, "last words");
  printed_once(shell.run(kFailed, {"result", "crash"}).err, "last words");
  printed_once(shell.run(kFine, {"show", "crash"}).out, "last words");
  printed_once(shell.run(kFine, {"show", "fail"}).out, "about to fail");
}

TEST_CASE("M5 a crash is exit code 1 and names the signal") {
  const Shell shell;
  const auto json = shell.json(kFailed, {"run", "raise", std::to_string(SIGSEGV)});
  CHECK(json.at("failure").at("cause") == "crashed");
  CHECK(json.at("failure").at("signal") == SIGSEGV);
  CHECK(shell.run(kFine, {"run", "add", "1", "2"}).out == "3\n");
}

#ifndef PROMISED_SANITIZED  // whose handlers tell of it in their own way
TEST_CASE("M3 a crash is shown with its backtrace, in text and JSON") {
  const Shell shell;
  const std::string frame = "segfault at story_worker.cpp:";
  CHECK(shell.run(kFailed, {"run", "segfault", "--name", "crash"}).err.find(frame) != std::string::npos);
  CHECK(shell.run(kFine, {"show", "crash"}).out.find("backtrace:\n#0 ") != std::string::npos);
  const auto json = shell.json(kFine, {"show", "crash"});
  CHECK(json.at("job").at("failure").at("backtrace").get<std::string>().find(frame) != std::string::npos);
}
#endif

TEST_CASE("M5 an expired job is exit code 1") {
  const Shell shell(1);
  const std::string blocker = shell.submit({"wait_for", shell.gate()});
  REQUIRE(eventually([&] { return shell.state(blocker) == "running"; }));
  CHECK(shell.run(kFailed, {"run", "add", "1", "1", "--queue-timeout", "1ms"}).err.find("expired") !=
        std::string::npos);
  CHECK(shell.json(kFailed, {"run", "add", "1", "1", "--queue-timeout", "1ms"}).at("state") == "expired");
  shell.open_gate();
}

TEST_CASE("M5 a wait that is over first is exit code 5 and leaves the job alone") {
  const Shell shell;
  const std::string id = shell.submit({"wait_for", shell.gate()});
  CHECK(shell.run(kTimedOut, {"result", id, "--timeout", "0"}).out.empty());
  CHECK(shell.run(kTimedOut, {"wait", id, "--timeout", "1ms"}).err.find("it goes on") != std::string::npos);
  CHECK(shell.run(kTimedOut, {"run", "wait_for", shell.gate(), "--timeout", "1ms"}).out.empty());
  shell.open_gate();
  CHECK_FALSE(shell.run(kFine, {"result", id}).out.empty());
}

TEST_CASE("M4 a timeout of zero waits for the daemon's answer, and not for the job") {
  const Shell shell;
  const std::string id = shell.submit({"add", "2", "3", "--name", "sum"});
  shell.run(kFine, {"wait", id});
  CHECK(shell.run(kFine, {"result", "last", "--timeout", "0"}).out == "5\n");
  CHECK(shell.run(kFine, {"result", id.substr(0, 30), "--timeout", "0"}).out == "5\n");
  CHECK(shell.run(kFine, {"wait", "last", "--timeout", "0", "--output", "quiet"}).out.empty());
  CHECK(shell.run(kFine, {"status", "--timeout", "0", "--output", "quiet"}).out.empty());
  CHECK(shell.run(kRefused, {"result", "nobody", "--timeout", "0"}).err.find("nobody") != std::string::npos);
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"run", "wait_for", shell.gate(), "--name", "a"},
                                             {"submit", "--wait", "wait_for", shell.gate(), "--name", "b"}}) {
    std::vector<std::string> all{"--timeout", "0"};
    all.insert(all.end(), command.begin(), command.end());
    CHECK(shell.run(kTimedOut, all).err.ends_with(" has not ended within 0 ms; the job is left alone\n"));
    CHECK(shell.run(kTimedOut, {"result", "last", "--timeout", "0"}).out.empty());
    CHECK(shell.run(kTimedOut, {"wait", "last", "--timeout", "0"}).err.find("it goes on") !=
          std::string::npos);
  }
  shell.open_gate();
  shell.run(kFine, {"result", "last"});
}

TEST_CASE("M4 wait tells how every job ended, and 0 only if all succeeded") {
  const Shell shell;
  const std::string good = shell.submit({"add", "1", "1", "--name", "good"});
  const std::string bad = shell.submit({"fail", "x", "--name", "bad"});
  CHECK(shell.run(kFine, {"wait", "good"}).out == "good  succeeded\n");
  CHECK(shell.run(kFailed, {"wait", "good", "bad"}).out == "good  succeeded\nbad   failed\n");
  const auto json = shell.json(kFailed, {"wait", good, bad});
  CHECK(json.at("jobs") ==
        nlohmann::json::array({{{"id", good}, {"state", "succeeded"}}, {{"id", bad}, {"state", "failed"}}}));
  CHECK(shell.run(kFailed, {"wait", "good", "bad", "--output", "quiet"}).out.empty());
  CHECK(shell.run(kRefused, {"wait", "nobody"}).out.empty());
}

TEST_CASE("R7 result --take prints the result once, and forgets its name") {
  const Shell shell;
  const std::string id = shell.submit({"add", "20", "22", "--name", "n"});
  CHECK(shell.run(kFine, {"result", "n", "--take"}).out == "42\n");
  CHECK(shell.run(kRefused, {"result", "n", "--take"}).err.find("forgotten") != std::string::npos);
}

TEST_CASE("R6 unknown and forgotten are told apart") {
  const Shell shell;
  CHECK(shell.run(kRefused, {"result", "never"}).err.find("never") != std::string::npos);
  shell.run(kFine, {"run", "add", "1", "1", "--name", "n"});
  CHECK(shell.run(kFine, {"forget", "n"}).out.empty());
  CHECK(shell.run(kRefused, {"result", "n"}).err.find("forgotten") != std::string::npos);
  CHECK(shell.run(kRefused, {"show", "n"}).err.find("forgotten") != std::string::npos);
}

TEST_CASE("M4 logs prints what a job has printed, byte for byte, and with --follow until it has ended") {
  const Shell shell;
  const std::string odd("\xff\0\x1b[31m\n", 8);
  write_file(shell.daemon.directory() / "odd", odd);
  shell.run(kFine, {"submit", "print", "--bytes-file", shell.daemon.directory() / "odd", "--name", "odd"});
  shell.run(kFine, {"wait", "odd"});
  CHECK(shell.run(kFine, {"logs", "odd"}).out == odd);
  CHECK(shell.run(kFine, {"logs", "odd", "--follow"}).out == odd);
  CHECK(shell.json(kFine, {"logs", "odd"}).at("output").at("$text") == "/wAbWzMxbQo=");
  CHECK(shell.run(kFine, {"show", "odd"}).out.find("8 B kept, see logs") != std::string::npos);
  CHECK(shell.json(kFine, {"show", "odd"}).at("job").at("output_size") == 8);
  const std::string id = shell.submit({"print_around", "before\n", shell.gate(), "after\n"});
  CHECK(shell.run(kTimedOut, {"logs", id, "--follow", "--timeout", "200ms"})
            .err.find("nothing that it prints") != std::string::npos);
  CHECK(eventually([&] { return shell.run(kFine, {"logs", id}).out == "before\n(and an error)"; }));
  shell.open_gate();
  CHECK(shell.run(kFine, {"logs", "last", "--follow"}).out == "before\n(and an error)after\n");
  const auto json = shell.json(kFine, {"logs", id, "--follow"});
  CHECK(json.at("output") == "before\n(and an error)after\n");
  CHECK(json.at("lost") == 0);
  CHECK(json.at("anew") == false);
}

TEST_CASE("M4 logs counts on stderr what is not kept, and does not tell how the job ended") {
  const Shell shell;
  shell.run(kFine, {"submit", "print_lines", "2000", "--name", "lines"});
  shell.run(kFine, {"wait", "lines"});
  const Finished logs = shell.run(kFine, {"logs", "lines", "--follow"});
  CHECK(logs.out.size() == 65'536);
  CHECK(logs.err == "promisectl: 62464 bytes before this are not kept\n");
  CHECK(shell.run(kFine, {"logs", "lines", "--follow", "--output", "quiet"}).err.empty());
  CHECK(shell.run(kFine, {"logs", "lines"}).out == logs.out);
  shell.run(kFine, {"submit", "raise", std::to_string(SIGSEGV), "--name", "crash"});
  CHECK(shell.run(kFine, {"logs", "crash", "--follow"}).out == "last words\n");
  CHECK(shell.run(kFine, {"logs", "crash"}).err.empty());
  CHECK(shell.run(kRefused, {"logs", "never"}).err.find("never") != std::string::npos);
}

TEST_CASE("M4 follow prints what a job streams and its progress, and show tells of it") {
  const Shell shell;
  shell.run(kFine, {"submit", "emit", "3", "0", "--name", "parts"});
  CHECK(shell.run(kFine, {"follow", "parts"}).out == "0.\n1.\n2.\n");
  CHECK(shell.run(kFine, {"follow", "parts", "--output", "json"}).out.find(R"({"format":1,"part":"2."})") !=
        std::string::npos);
  CHECK(shell.run(kFine, {"show", "parts"}).out.find("3 parts") != std::string::npos);
  CHECK(shell.json(kFine, {"show", "parts"}).at("job").at("progress") == 100);
  shell.run(kFine, {"submit", "report_around", shell.gate(), "--name", "report"});
  shell.open_gate();
  CHECK(shell.run(kFine, {"follow", "report"}).err.find("100 % nearly\n") != std::string::npos);
  shell.run(kFine, {"submit", "emit_and_raise", "2", std::to_string(SIGSEGV), "--name", "crash"});
  const Finished crash = shell.run(kFailed, {"follow", "crash"});
  CHECK(crash.out == "0.\n1.\n");
  CHECK(crash.err.find("crashed") != std::string::npos);
}

}  // namespace
}  // namespace promised::test
