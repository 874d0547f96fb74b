// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.hpp"

#include <doctest/doctest.h>

#include "cli/usage_error.hpp"

namespace promised::cli {
namespace {

using Words = std::vector<std::string>;

CommandLine parse(const Words& arguments) {
  return parse_command_line(arguments, all_commands());
}

std::string words_refusal(const Words& arguments) {
  try {
    (void)parse(arguments);
    return "accepted";
  } catch (const UsageError& e) {
    return e.what();
  }
}

TEST_CASE("options for all commands may stand before and after the command") {
  for (const Words& arguments : {Words{"--output", "json", "--timeout=5s", "status"},
                                 Words{"status", "--output=json", "--timeout", "5s"},
                                 Words{"--output", "json", "status", "--timeout", "5s"}}) {
    const CommandLine line = parse(arguments);
    REQUIRE(line.invocation.has_value());
    CHECK(line.invocation->output() == Output::json);
    CHECK(line.invocation->end_timeout() == std::chrono::seconds(5));
  }
}

TEST_CASE("--timeout is for the job's end and for answers; a look takes as long as an answer needs") {
  const auto timeouts = [](const Words& arguments) {
    const CommandLine line = parse(arguments);
    return std::vector{line.invocation->end_timeout(), line.invocation->answer_timeout(),
                       line.invocation->look_timeout()};
  };
  using std::chrono::milliseconds;
  CHECK(timeouts({"status"}) == std::vector{kForever, kAnswerTimeout, kAnswerTimeout});
  CHECK(timeouts({"status", "--timeout", "0"}) ==
        std::vector{milliseconds(0), kAnswerTimeout, kAnswerTimeout});
  CHECK(timeouts({"status", "--timeout", "5ms"}) ==
        std::vector{milliseconds(5), milliseconds(5), kLeastLook});
  CHECK(timeouts({"status", "--timeout", "5s"}) == std::vector(3, milliseconds(5'000)));
}

TEST_CASE("words are kept in their order, negative numbers and empty ones too") {
  const CommandLine line = parse({"submit", "f", "-5", "--name", "n", "", "x", "--", "--y", "--name"});
  REQUIRE(line.invocation.has_value());
  CHECK(line.invocation->words() == Words{"f", "-5", "", "x", "--y", "--name"});
  CHECK(line.invocation->text("name") == "n");
}

TEST_CASE("a wrong command line is told with what was meant and where to look") {
  CHECK(words_refusal({}) == "a command is missing (see promisectl --help)");
  CHECK(words_refusal({"statsu"}) ==
        "unknown command 'statsu'; did you mean status? (see promisectl --help)");
  CHECK(words_refusal({"status", "--outptu", "json"}) ==
        "unknown option '--outptu'; did you mean --output? (see promisectl status --help; words that begin "
        "with -- "
        "come after a --)");
  CHECK(words_refusal({"--name", "x", "submit", "f"}).starts_with("unknown option '--name'"));
  CHECK(words_refusal({"status", "--words=x"}).starts_with("unknown option '--words'"));
  CHECK(words_refusal({"status", "--output", "xml"}) ==
        "--output: expected human, json or quiet, found 'xml'");
  CHECK(words_refusal({"status", "--timeout", "5"}) ==
        "--timeout: expected a duration such as 500ms, 90s, 5min, 2h or 7d, found '5'");
  CHECK(words_refusal({"--connect-timeout", "0", "status"}) ==
        "--connect-timeout: expected a duration above zero, such as 500ms or 1min, found '0'");
  CHECK(words_refusal({"status", "--output"}) ==
        "the required argument for option '--output' is missing (see promisectl status --help)");
  CHECK(words_refusal({"status", "--output", "json", "--output", "human"})
            .find("cannot be specified more than once") != std::string::npos);
  CHECK(words_refusal({"result"}) ==
        "something is missing; usage: promisectl result [OPTION]... JOB (see promisectl result --help)");
  CHECK(words_refusal({"result", "a", "b"}) ==
        "'b' is too much; usage: promisectl result [OPTION]... JOB (see promisectl result --help)");
}

TEST_CASE("every command has a help that tells its usage and its options") {
  const std::string general = parse({"--help"}).answer;
  for (const Command& command : all_commands()) {
    CAPTURE(command.name);
    CHECK(general.find("\n  " + command.name + " ") != std::string::npos);
    const CommandLine line = parse({command.name, "--help"});
    CHECK_FALSE(line.invocation.has_value());
    CHECK(line.answer.starts_with("promisectl " + command.name + " [OPTION]..."));
    for (const auto& option : command.options.options()) {
      CHECK(line.answer.find("--" + option->long_name()) != std::string::npos);
    }
    CHECK(line.answer.find("--endpoint ipc://PATH") != std::string::npos);
  }
}

TEST_CASE("--version answers with and without a command") {
  CHECK(parse({"--version"}).answer == "promisectl " PROMISED_VERSION "\n");
  CHECK(parse({"submit", "--version"}).answer == "promisectl " PROMISED_VERSION "\n");
}

}  // namespace
}  // namespace promised::cli
