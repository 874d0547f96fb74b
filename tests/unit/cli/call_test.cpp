// SPDX-License-Identifier: Apache-2.0
#include "cli/call.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "cli/command_line.hpp"
#include "cli/usage_error.hpp"

namespace promised::cli {
namespace {

using namespace std::chrono_literals;

/// The call of `promisectl submit ARGUMENTS`.
promised::Call call(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "submit");
  const CommandLine line = parse_command_line(arguments, all_commands());
  REQUIRE(line.invocation.has_value());
  return read_submission(*line.invocation).call;
}

std::string call_refusal(const std::vector<std::string>& arguments) {
  try {
    (void)call(arguments);
    return "accepted";
  } catch (const UsageError& e) {
    return e.what();
  }
}

class File {
 public:
  explicit File(const std::string& content) {
    std::string name = (std::filesystem::temp_directory_path() / "promised-cli-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    std::ofstream(path(), std::ios::binary) << content;
  }
  ~File() { std::filesystem::remove_all(folder_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] std::string path() const { return folder_ + "/file"; }

 private:
  std::string folder_;
};

TEST_CASE("M4 an argument is JSON where it is JSON, else text") {
  const promised::Call c =
      call({"f", "42", "-1.5", "true", "null", "[1,\"a\"]", "{\"a\":1}", "\"42\"", "plain text", "", "nan"});
  CHECK(c.function() == "f");
  CHECK(c.arguments().positional == Value::List{Value(std::int64_t{42}), Value(-1.5), Value(true), Value(),
                                                Value(Value::List{Value(std::int64_t{1}), Value("a")}),
                                                Value(Value::Map{{Value("a"), Value(std::int64_t{1})}}),
                                                Value("42"), Value("plain text"), Value(""), Value("nan")});
  CHECK(c.arguments().named.empty());
}

TEST_CASE("M4 arguments may be text whatever it looks like, files and named, in their order") {
  const File file(std::string("\xff\0x", 3));
  const File text("Grüße\n");
  const File empty("");
  const promised::Call c =
      call({"f", "1", "--text", "42", "2", "--bytes-file", file.path(), "--text-file=" + text.path(),
            "--named", "k=[1]", "--named=e=", "--text-file", empty.path()});
  const Bytes bytes{std::byte{0xff}, std::byte{0}, std::byte{'x'}};
  CHECK(c.arguments().positional == Value::List{Value(std::int64_t{1}), Value("42"), Value(std::int64_t{2}),
                                                Value(bytes), Value("Grüße\n"), Value("")});
  REQUIRE(c.arguments().named.size() == 2);
  CHECK(c.arguments().named[0].first == "k");
  CHECK(c.arguments().named[0].second == Value(Value::List{Value(std::int64_t{1})}));
  CHECK(c.arguments().named[1].second == Value(""));
}

TEST_CASE("M4 arguments that cannot be are told") {
  const File file("\xff");
  CHECK(call_refusal({"f", "99999999999999999999"}) ==
        "argument 1: expected a value as JSON, or text, found '99999999999999999999', which is JSON but no "
        "value: the integer 99999999999999999999 does not "
        "fit into "
        "64 bits; give it as text or as a real (99999999999999999999.0); --text takes it as text");
  CHECK(call_refusal({"f", "a\xff"}) ==
        "argument 1: expected UTF-8 text, found other bytes; give them as a file with --bytes-file");
  CHECK(call_refusal({"f", "1", "--text", "2", "--named", "k=v", "1e999"}) ==
        "argument 3: expected a value as JSON, or text, found '1e999', which is JSON but no value: the "
        "number 1e999 "
        "does not fit into a real, which goes to about 1.8e308; --text takes it as text");
  CHECK(call_refusal({"f", "--named", "k=[1e999]"})
            .starts_with("--named k: expected a value as JSON, or text, found '[1e999]'"));
  CHECK(call_refusal({"f", "--text", "\xff"}) ==
        "argument 1 (--text): expected UTF-8 text, found other bytes; give them as a file with --bytes-file");
  CHECK(call_refusal({"f", "--text-file", file.path()}) ==
        "argument 1 (--text-file): expected UTF-8 text, found other bytes; give them as a file with "
        "--bytes-file");
  CHECK(call_refusal({"f", "--bytes-file", "/no/such/file"}) ==
        "cannot read '/no/such/file': No such file or directory");
  CHECK(call_refusal({"f", "--bytes-file", "/"}) == "cannot read '/': it is not a file that can be read");
  CHECK(call_refusal({"f", "--named", "x"}) == "--named: expected KEY=ARG, found 'x'");
  CHECK(call_refusal({"f", "--named", "=1"}) == "--named: expected KEY=ARG, found '=1'");
  CHECK(call_refusal({""}) == "expected the name of a function, found nothing");
  CHECK(call_refusal({}) == "expected a function and its arguments, or --composite FILE, found neither");
}

TEST_CASE("every option of a call reaches the client") {
  CHECK(call({"f"}).options() == Options());
  const promised::Call c =
      call({"f", "--name", "n", "--lifespan", "60s", "--duplicate", "attach", "--queue", "q", "--priority",
            "-7", "--queue-timeout", "1s", "--run-timeout", "2s", "--memory", "--at-most-once"});
  CHECK(c.options() == Options()
                           .remember("n", 60s, Duplicate::attach)
                           .queue("q")
                           .priority(-7)
                           .timeout(1s)
                           .run_timeout(2s)
                           .durability(Durability::memory)
                           .at_most_once());
  CHECK(call({"f", "--name", "n"}).options() == Options().remember("n"));
}

TEST_CASE("M4 --quota names quotas, and --exclusive keys, with how many jobs of each may run") {
  const promised::Call c = call({"f", "--quota", "licences", "--quota", "a=2", "--exclusive", "customer 17",
                                 "--exclusive", "k=3", "--exclusive", "y=v0=1", "--exclusive", "z=1=7"});
  CHECK(c.options().quotas() ==
        std::vector<QuotaUse>{
            {"licences", 0}, {"a=2", 0}, {"customer 17", 1}, {"k", 3}, {"y=v0", 1}, {"z=1", 7}});
  for (const std::string wrong : {"k=0", "k=-1", "k=99999999999", "k=x", "k=", "=", "=3", "", "k=1 "}) {
    CHECK(call_refusal({"f", "--exclusive", wrong}) ==
          "--exclusive: expected KEY, or KEY=N with N from 1 to 4294967295, found '" + wrong +
              "' (a KEY with a = in it needs its =N: 'a=b=1')");
  }
}

TEST_CASE("T2 A1 Q8 when a call begins, how it is tried again and that it is unique reach the client") {
  CHECK(call({"f", "--begin-after", "@1769860800", "--begin-by", "5min", "--unique"}).options() ==
        Options().begin_after(WallClock(std::chrono::seconds(1'769'860'800))).begin_by(5min).unique());
  CHECK(call({"f", "--delay", "90s", "--retries", "4"}).options() == Options().delay(90s).retries(4));
  CHECK(call({"f", "--retries", "4", "--backoff", "10s"}).options() ==
        Options().retries(4).backoff(Backoff::fixed(10s)));
  CHECK(call({"f", "--retry-crash", "--backoff", "1s..10min"}).options() ==
        Options().retry_on(Retry::crash).backoff(Backoff::exponential(1s, 10min, 0.1)));
  CHECK(call({"f", "--retries", "4", "--backoff", "10s", "--jitter", "0.5"}).options() ==
        Options().retries(4).backoff(Backoff::fixed(10s, 0.5)));
  CHECK(call({"f", "--retries", "4", "--backoff", "1s..10min", "--jitter", "0"}).options() ==
        Options().retries(4).backoff(Backoff::exponential(1s, 10min, 0)));
  for (const std::string bad : {"tomorrow", "2070-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "@99999999999"}) {
    CHECK(call_refusal({"f", "--begin-after", bad}) ==
          "--begin-after: expected a moment in the years 1970 to 2069, such as 2026-01-31T12:00:00Z, or "
          "@SECONDS since 1970, found '" +
              bad + "'");
  }
  CHECK(call_refusal({"f", "--begin-after", "@1", "--delay", "1s"}) ==
        "--begin-after and --delay exclude each other");
  CHECK(call_refusal({"f", "--retries", "10001"}) ==
        "--retries: expected a whole number from 0 to 10000, found '10001'");
  CHECK(call_refusal({"f", "--retries", "1", "--jitter", "0.5"}) == "--jitter needs --backoff to apply to");
  for (const char* bad : {"", "x", "1.1", "-0.1", "nan", "0.1x"}) {
    CHECK(call_refusal({"f", "--retries", "1", "--backoff", "1s", "--jitter", bad}) ==
          "--jitter: expected a part from 0 to 1, such as 0.1, found '" + std::string(bad) + "'");
  }
  CHECK(call_refusal({"f", "--backoff", "1s"}) == "--backoff needs --retries or --retry-crash to apply to");
  for (const char* bad : {"x", "10s..", "..10s", "10s..1s", "1s..x"}) {
    CHECK(call_refusal({"f", "--retries", "1", "--backoff", bad}) ==
          "--backoff: expected a pause such as 10s, or a growing one such as 1s..10min, found '" +
              std::string(bad) + "'");
  }
}

std::optional<Followed> followed(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "run");
  const CommandLine line = parse_command_line(arguments, all_commands());
  REQUIRE(line.invocation.has_value());
  return read_submission(*line.invocation).followed;
}

TEST_CASE("C1 the job that a call follows, and how that has to end") {
  CHECK_FALSE(followed({"f"}).has_value());
  for (const auto& [option, how] :
       {std::pair{"--after", Follows::done}, std::pair{"--after-success", Follows::success},
        std::pair{"--after-failure", Follows::failure}}) {
    const auto what = followed({"f", "1", option, "nightly"});
    REQUIRE(what.has_value());
    CHECK(what->job == "nightly");
    CHECK(what->how == how);
    CHECK(call_refusal({"f", option, ""}) == std::string(option) + ": expected a job, found nothing");
  }
  CHECK(call_refusal({"f", "--after-success", "a", "--after-failure", "b"}) ==
        "--after, --after-success and --after-failure exclude each other");
  CHECK(call_refusal({"f", "--after", "a", "--memory"}) ==
        "--memory: what follows another job is as durable as that, and cannot say it of itself");
}

TEST_CASE("C4 --composite reads a document, and the command line says what holds for the whole") {
  const File file(R"({"serial": [{"call": "f"}]})");
  CHECK(call({"--composite", file.path()}).options() == Options());
  const promised::Call c = call({"--composite", file.path(), "--name", "n", "--deadline", "1h"});
  CHECK(c.kind() == Composite::serial);
  CHECK(c.members().size() == 1);
  CHECK(c.options() == Options().remember("n").deadline(1h));
  const File own(R"({"serial": [], "options": {"name": "n"}})");
  CHECK(call({"--composite", own.path()}).options() == Options().remember("n"));
  CHECK(call_refusal({"--composite", own.path(), "--priority", "3"}) ==
        own.path() +
            ": the command line has options for the composite, and the document has at its top; give "
            "them in one of the two");
  CHECK(call_refusal({"--composite", file.path(), "f"}) ==
        "--composite: functions and arguments stand in the document, so that 'f' is too much");
  CHECK(call_refusal({"--composite", file.path(), "--text=f"}) ==
        "--composite: functions and arguments stand in the document, so that --text is too much");
  CHECK(
      call_refusal({"--composite", file.path(), "--after", "a"}) ==
      "--composite: only a call can follow another job, not a composite; have a function follow that submits "
      "it");
  CHECK(call_refusal({"--composite", "/no/such/file"}) ==
        "cannot read '/no/such/file': No such file or directory");
}

TEST_CASE("C4 what the command line says of a run is refused for a composite, which has none") {
  const File file(R"({"serial": [{"call": "f"}]})");
  for (const auto& [option, value] :
       {std::pair{"--queue-timeout", "1s"}, std::pair{"--run-timeout", "1s"},
        std::pair{"--progress-timeout", "1s"}, std::pair{"--quota", "q"}, std::pair{"--exclusive", "k"},
        std::pair{"--begin-after", "@1"}, std::pair{"--delay", "1s"}, std::pair{"--begin-by", "1s"},
        std::pair{"--retries", "3"}, std::pair{"--backoff", "1s"}, std::pair{"--jitter", "0.1"}}) {
    CHECK(call_refusal({"--composite", file.path(), option, value}) ==
          std::string(option) +
              ": a composite has no run of its own; give it to its members, in the document");
  }
  CHECK(call_refusal({"--composite", file.path(), "--unique"}) ==
        "--unique: a composite joins no equal job; leave it away");
  CHECK(call({"--composite", file.path(), "--abandon", "--memory", "--priority", "3"}).options() ==
        Options().abandon(Abandon::cancel).durability(Durability::memory).priority(3));
}

TEST_CASE("options of a call that cannot be are told") {
  CHECK(call_refusal({"f", "--lifespan", "60s"}) == "--lifespan needs a --name to apply to");
  CHECK(call_refusal({"f", "--duplicate", "keep"}) == "--duplicate needs a --name to apply to");
  CHECK(call_refusal({"f", "--name", ""}) == "--name: expected a name, found nothing");
  CHECK(call_refusal({"f", "--queue", ""}) == "--queue: expected the name of a queue, found nothing");
  CHECK(
      call_refusal({"f", "--name", "n", "--lifespan", "60"}).starts_with("--lifespan: expected a duration"));
  CHECK(call_refusal({"f", "--name", "n", "--duplicate", "raies"}) ==
        "--duplicate: expected raise, replace, attach or keep, found 'raies'; did you mean raise?");
  CHECK(call_refusal({"f", "--priority", "101"}) ==
        "--priority: expected a whole number from -100 to 100, found '101'");
  CHECK(call_refusal({"f", "--queue-timeout", "x"}).starts_with("--queue-timeout: expected a duration"));
  CHECK(call_refusal({"f", "--run-timeout", "x"}).starts_with("--run-timeout: expected a duration"));
}

}  // namespace
}  // namespace promised::cli
