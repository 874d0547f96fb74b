// SPDX-License-Identifier: Apache-2.0
#include "cli/job_options.hpp"

#include <charconv>
#include <system_error>

#include "cli/command.hpp"
#include "cli/job_key.hpp"
#include "cli/queue_name.hpp"
#include "cli/times.hpp"
#include "cli/usage_error.hpp"
#include "common/nearest.hpp"
#include "common/units.hpp"

namespace promised::cli {
namespace {

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

/// KEY, or KEY=N. A key may have a = itself: the last one is before N.
void add_key(const std::string& text, Options& options) {
  const std::size_t equals = text.rfind('=');
  const std::string key = text.substr(0, equals);
  const auto most = parse_integer(equals == std::string::npos ? "1" : text.substr(equals + 1), 1, UINT32_MAX);
  if (key.empty() || !most)
    throw UsageError("--exclusive: expected KEY, or KEY=N with N from 1 to 4294967295, found '" + text +
                     "' (a KEY with a = in it needs its =N: 'a=b=1')");
  options.quota(key, static_cast<std::uint32_t>(*most));
}

/// A moment, as seconds since 1970 or as RFC 3339 in UTC has it.
WallClock read_moment(const std::string& text) {
  if (const auto moment = parse_moment(text)) return *moment;
  throw UsageError(
      "--begin-after: expected a moment in the years 1970 to 2069, such as 2026-01-31T12:00:00Z, or @SECONDS "
      "since 1970, found '" +
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

/// `FIRST`: always the same pause; `FIRST..MOST`: twice as long each time, and a little longer or shorter.
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

double read_jitter(const std::string& text) {
  double part = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), part);
  if (error != std::errc() || end != text.data() + text.size() || !(part >= 0 && part <= 1))
    throw UsageError("--jitter: expected a part from 0 to 1, such as 0.1, found '" + text + "'");
  return part;
}

void read_retries(const Invocation& invocation, Options& options) {
  if (const auto n = invocation.integer("retries", 0, kMostRetries))
    options.retries(static_cast<std::uint32_t>(*n));
  const auto backoff = invocation.text("backoff");
  const auto jitter = invocation.text("jitter");
  if (jitter && !backoff) throw UsageError("--jitter needs --backoff to apply to");
  if (!backoff) return;
  if (!invocation.text("retries") && !invocation.flag("retry-crash"))
    throw UsageError("--backoff needs --retries or --retry-crash to apply to");
  Backoff pauses = read_backoff(*backoff);
  if (jitter) pauses.jitter = read_jitter(*jitter);
  options.backoff(pauses);
}

}  // namespace

void add_job_options(boost::program_options::options_description& to) {
  add_option(to, "name", "NAME", "remember the future under this name");
  add_option(to, "lifespan", "TIME",
             "how long the name is kept after the job's end, or forever (default: the daemon's)");
  add_option(to, "duplicate", "HOW",
             "when the name is taken: raise (an error, the default), replace, attach (to the holder) or keep "
             "(unnamed)");
  add_option(to, "queue", "QUEUE", "the queue to wait in (default: default)");
  add_option(to, "priority", "N", "-100 to 100; higher ones leave the queue first (default: 0)");
  add_option(to, "queue-timeout", "TIME", "the longest wait in the queue; over it the job is expired");
  add_option(to, "run-timeout", "TIME", "the longest run; over it the job is stopped and fails");
  add_option(to, "progress-timeout", "TIME",
             "the longest silence of the running job; over it the job is stopped and fails");
  add_option(to, "deadline", "TIME",
             "the longest time from submission to end; over it the job is stopped and fails");
  add_flag(to, "retry-crash", "try it again when its worker crashes, until it is quarantined");
  add_repeated(to, "quota", "NAME", "run only while this quota of the daemon's configuration has room");
  add_repeated(to, "exclusive", "KEY[=N]",
               "run only while fewer than N (default: 1) of your jobs with this key do; a key with a = in it "
               "needs its =N");
  add_option(to, "begin-after", "MOMENT",
             "not before that: 2026-01-31T12:00:00Z, or @SECONDS since 1970; the past is at once");
  add_option(to, "delay", "TIME", "not before so long after the submission");
  add_option(to, "begin-by", "TIME",
             "the latest start, from the moment on from which it may begin; over it the job is expired");
  add_option(to, "retries", "N", "how often a failed attempt is tried again (default: 0)");
  add_option(to, "backoff", "TIME[..TIME]",
             "the pause before that: always the same, or growing up to the second (default: 1s..10min)");
  add_option(to, "jitter", "PART",
             "by which part a pause is longer or shorter at random, 0 to 1 (default: 0.1 of a growing one)");
  add_flag(to, "unique", "join an equal job that was submitted so and has not ended");
  add_flag(to, "memory", "keep the job in memory only: lost when the daemon goes");
  add_flag(to, "at-most-once", "do not run it again when the daemon's restart cuts it off");
  add_flag(to, "abandon", "cancel the job when this command ends before it; for use with waiting");
}

Options read_job_options(const Invocation& invocation) {
  Options options;
  read_name(invocation, options);
  if (const auto queue = queue_option(invocation)) options.queue(*queue);
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
