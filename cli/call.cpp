// SPDX-License-Identifier: Apache-2.0
#include "cli/call.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <utility>

#include "cli/command.hpp"
#include "cli/job_key.hpp"
#include "cli/times.hpp"
#include "cli/usage_error.hpp"
#include "cli/value_json.hpp"
#include "common/nearest.hpp"
#include "common/printable.hpp"
#include "common/units.hpp"

namespace promised::cli {
namespace {

Value text_argument(std::string text, const std::string& place) {
  if (valid_utf8(text) != text) {
    throw UsageError(place +
                     ": expected UTF-8 text, found other bytes; give them as a file with --bytes-file");
  }
  return Value(std::move(text));
}

/// The whole file; `-` is stdin.
std::string content(const std::string& path) {
  std::ostringstream out;
  if (path == "-") {
    out << std::cin.rdbuf();
    return out.str();
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) throw UsageError("cannot read '" + path + "': " + std::strerror(errno));
  if (in.peek() != std::ifstream::traits_type::eof()) out << in.rdbuf();
  if (in.bad() || !out) throw UsageError("cannot read '" + path + "': it is not a file that can be read");
  return out.str();
}

Value bytes_argument(const std::string& bytes) {
  Bytes out(bytes.size());
  if (!out.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
  return Value(std::move(out));
}

std::pair<std::string, Value> named_argument(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == 0 || equals == std::string::npos)
    throw UsageError("--named: expected KEY=ARG, found '" + text + "'");
  const std::string key = text.substr(0, equals);
  return {key, parse_argument(text.substr(equals + 1), "--named " + key)};
}

Arguments read_arguments(const Invocation& invocation) {
  Arguments arguments;
  bool function_seen = false;
  for (const auto& option : invocation.ordered()) {
    const std::string text = option.value.empty() ? "" : option.value.front();
    const std::string place = "argument " + std::to_string(arguments.positional.size() + 1);
    if (option.string_key == "text") {
      arguments.positional.push_back(text_argument(text, place + " (--text)"));
    } else if (option.string_key == "text-file") {
      arguments.positional.push_back(text_argument(content(text), place + " (--text-file)"));
    } else if (option.string_key == "bytes-file") {
      arguments.positional.push_back(bytes_argument(content(text)));
    } else if (option.string_key == "named") {
      arguments.named.push_back(named_argument(text));
    } else if (option.position_key >= 0) {
      if (function_seen) arguments.positional.push_back(parse_argument(text, place));
      function_seen = true;
    }
  }
  return arguments;
}

void read_name(const Invocation& invocation, Options& options) {
  const auto name = invocation.text("name");
  const auto lifespan = read_lifespan(invocation);
  const auto duplicate = invocation.text("duplicate");
  if (!name && (lifespan || duplicate)) {
    throw UsageError(std::string(lifespan ? "--lifespan" : "--duplicate") + " needs a --name to apply to");
  }
  if (!name) return;
  options.remember(usable_name(*name, "--name"), lifespan, parse_duplicate(duplicate.value_or("raise")));
}

/// KEY, or KEY=N: what stands behind the last = is a number then.
void add_key(const std::string& text, Options& options) {
  const std::size_t equals = text.rfind('=');
  const std::string_view number =
      std::string_view(text).substr(equals == std::string::npos ? text.size() : equals + 1);
  const std::string_view digits = number.substr(number.starts_with('-') ? 1 : 0);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) {
    options.exclusive(text);
    return;
  }
  const auto most = parse_integer(number, 1, UINT32_MAX);
  if (!most)
    throw UsageError("--exclusive: expected KEY, or KEY=N with N from 1 to 4294967295, found '" + text + "'");
  options.quota(text.substr(0, equals), static_cast<std::uint32_t>(*most));
}

/// A moment, as seconds since 1970 or as RFC 3339 in UTC has it.
WallClock read_moment(const std::string& text) {
  if (const auto moment = parse_moment(text)) return *moment;
  throw UsageError(
      "--begin-after: expected a moment such as 2026-01-31T12:00:00Z, or @SECONDS since 1970, found '" +
      text + "'");
}

void read_start(const Invocation& invocation, Options& options) {
  const auto moment = invocation.text("begin-after");
  const auto delay = invocation.duration("delay");
  if (moment && delay) throw UsageError("--begin-after and --delay exclude each other");
  if (moment) options.begin_after(read_moment(*moment));
  if (delay) options.delay(*delay);
  if (const auto t = invocation.duration("begin-by")) options.begin_by(*t);
}

/// `FIRST`: always the same pause; `FIRST..MOST`: twice as long each time.
Backoff read_backoff(const std::string& text) {
  const auto dots = text.find("..");
  const Result<Millis> first = parse_duration(text.substr(0, dots));
  const Result<Millis> most = dots == std::string::npos ? first : parse_duration(text.substr(dots + 2));
  if (!first.ok() || !most.ok() || *most < *first) {
    throw UsageError("--backoff: expected a pause such as 10s, or a growing one such as 1s..10min, found '" +
                     text + "'");
  }
  return dots == std::string::npos ? Backoff::fixed(*first) : Backoff::exponential(*first, *most, 0.1);
}

void read_retries(const Invocation& invocation, Options& options) {
  if (const auto n = invocation.integer("retries", 0, kMostRetries))
    options.retries(static_cast<std::uint32_t>(*n));
  const auto backoff = invocation.text("backoff");
  if (!backoff) return;
  if (!invocation.text("retries") && !invocation.flag("retry-crash"))
    throw UsageError("--backoff needs --retries or --retry-crash to apply to");
  options.backoff(read_backoff(*backoff));
}

Options read_options(const Invocation& invocation) {
  Options options;
  read_name(invocation, options);
  if (const auto queue = invocation.text("queue")) options.queue(*queue);
  if (const auto priority = invocation.integer("priority", -100, 100))
    options.priority(static_cast<int>(*priority));
  if (const auto t = invocation.duration("queue-timeout")) options.timeout(*t);
  if (const auto t = invocation.duration("run-timeout")) options.run_timeout(*t);
  if (const auto t = invocation.duration("progress-timeout")) options.progress_timeout(*t);
  if (const auto t = invocation.duration("deadline")) options.deadline(*t);
  if (invocation.flag("retry-crash")) options.retry_on(Retry::crash);
  for (const std::string& name : invocation.texts("quota")) options.quota(name);
  for (const std::string& key : invocation.texts("exclusive")) add_key(key, options);
  read_start(invocation, options);
  read_retries(invocation, options);
  if (invocation.flag("unique")) options.unique();
  if (invocation.flag("memory")) options.durability(Durability::memory);
  if (invocation.flag("at-most-once")) options.at_most_once();
  if (invocation.flag("abandon")) options.abandon(Abandon::cancel);
  return options;
}

}  // namespace

boost::program_options::options_description call_options() {
  boost::program_options::options_description options("Options");
  add_option(options, "name", "NAME", "remember the future under this name");
  add_option(options, "lifespan", "TIME",
             "how long the name is kept after the job's end, or forever (default: the daemon's)");
  add_option(options, "duplicate", "HOW",
             "when the name is taken: raise (an error, the default), replace, attach (to the holder) or keep "
             "(unnamed)");
  add_option(options, "queue", "QUEUE", "the queue to wait in (default: default)");
  add_option(options, "priority", "N", "-100 to 100; higher ones leave the queue first (default: 0)");
  add_option(options, "queue-timeout", "TIME", "the longest wait in the queue; over it the job is expired");
  add_option(options, "run-timeout", "TIME", "the longest run; over it the job is stopped and fails");
  add_option(options, "progress-timeout", "TIME",
             "the longest silence of the running job; over it the job is stopped and fails");
  add_option(options, "deadline", "TIME",
             "the longest time from submission to end; over it the job is stopped and fails");
  add_flag(options, "retry-crash", "try it again when its worker crashes, until it is quarantined");
  add_repeated(options, "quota", "NAME", "run only while this quota of the daemon's configuration has room");
  add_repeated(options, "exclusive", "KEY[=N]",
               "run only while fewer than N (default: 1) of your jobs with this key do");
  add_option(options, "begin-after", "MOMENT",
             "not before that: 2026-01-31T12:00:00Z, or @SECONDS since 1970; the past is at once");
  add_option(options, "delay", "TIME", "not before so long after the submission");
  add_option(options, "begin-by", "TIME",
             "the latest start, from the moment on from which it may begin; over it the job is expired");
  add_option(options, "retries", "N", "how often a failed attempt is tried again (default: 0)");
  add_option(options, "backoff", "TIME[..TIME]",
             "the pause before that: always the same, or growing up to the second (default: 1s..10min)");
  add_flag(options, "unique", "join an equal job that was submitted so and has not ended");
  add_flag(options, "memory", "keep the job in memory only: lost when the daemon goes");
  add_flag(options, "at-most-once", "do not run it again when the daemon's restart cuts it off");
  add_flag(options, "abandon", "cancel the job when this command ends before it; for use with waiting");
  add_repeated(options, "text", "ARG", "an argument that is text, whatever it looks like");
  add_repeated(options, "text-file", "FILE", "an argument: the file's content as text (- is stdin)");
  add_repeated(options, "bytes-file", "FILE", "an argument: the file's content as bytes (- is stdin)");
  add_repeated(options, "named", "KEY=ARG", "an argument by name");
  return options;
}

const char* arguments_help() {
  return "An ARG is JSON where it is JSON (42, 1.5, true, null, [1,2], {\"a\":1}, \"text\"), else text. Put "
         "-- before\n"
         "words that begin with --.\n";
}

Value parse_argument(const std::string& text, const std::string& place) {
  if (!is_json(text)) return text_argument(text, place);
  try {
    return from_json(text);
  } catch (const BadJson& e) {
    throw UsageError(place + ": expected a value as JSON, or text, found '" + text + "', which is JSON but " +
                     "no value: " + e.what() + "; --text takes it as text");
  }
}

Call read_call(const Invocation& invocation) {
  Call call;
  call.function = invocation.words().front();
  if (call.function.empty()) throw UsageError("expected the name of a function, found nothing");
  call.arguments = read_arguments(invocation);
  call.options = read_options(invocation);
  return call;
}

std::optional<std::chrono::milliseconds> read_lifespan(const Invocation& invocation) {
  if (invocation.text("lifespan") == "forever") return kForever;
  return invocation.duration("lifespan");
}

Duplicate parse_duplicate(const std::string& text) {
  if (text == "raise") return Duplicate::raise;
  if (text == "replace") return Duplicate::replace;
  if (text == "attach") return Duplicate::attach;
  if (text == "keep") return Duplicate::keep;
  throw UsageError("--duplicate: expected raise, replace, attach or keep, found '" + text + "'" +
                   did_you_mean(text, {"raise", "replace", "attach", "keep"}));
}

}  // namespace promised::cli
