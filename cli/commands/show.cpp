// SPDX-License-Identifier: Apache-2.0
#include <promised/stream.hpp>

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/command.hpp"
#include "cli/job_key.hpp"
#include "cli/table.hpp"
#include "cli/times.hpp"
#include "cli/value_json.hpp"
#include "cli/view_json.hpp"
#include "common/printable.hpp"
#include "common/units.hpp"

namespace promised::cli {
namespace {

void add_if(Table& table, const char* label, const std::string& text) {
  if (!text.empty()) table.add({label, text});
}

void add_time(Table& table, const char* label, WallClock time, WallClock now) {
  if (time != WallClock()) table.add({label, told(time, now)});
}

std::string failure_line(const Failure& f) {
  std::string text(to_string(f.cause));
  if (!f.type.empty()) text += " " + f.type;
  if (!f.limit.empty()) text += " (" + f.limit + ")";
  if (!f.message.empty()) text += ": " + f.message;
  return text;
}

std::string worker_line(const Failure& f) {
  return "attempt " + std::to_string(f.attempt) + ", pid " + std::to_string(f.pid) + ", ran " +
         brief(std::chrono::duration_cast<std::chrono::microseconds>(f.ran));
}

/// What the worker's process had used when it went.
std::string usage_line(const Failure& f) {
  using std::chrono::duration_cast;
  using std::chrono::microseconds;
  if (f.user.count() == 0 && f.system.count() == 0 && f.peak_memory == 0) return {};
  return "cpu " + brief(duration_cast<microseconds>(f.user)) + " user, " +
         brief(duration_cast<microseconds>(f.system)) + " system; at most " + brief_size(f.peak_memory) +
         " in memory";
}

void add_failure(Table& table, const char* label, const Failure& failure) {
  if (failure.cause == Cause::none) return;
  table.add({label, failure_line(failure)});
  table.add({"", worker_line(failure)});
  add_if(table, "", usage_line(failure));
}

std::string attempts_line(const JobView& job) {
  std::string text = std::to_string(job.attempts);
  if (job.interruptions > 0) text += ", interrupted " + std::to_string(job.interruptions) + " times";
  if (job.crashes > 0) text += ", crashed " + std::to_string(job.crashes) + " times";
  return text;
}

std::string options_line(const JobView& job) {
  std::string text = "priority " + std::to_string(job.priority);
  text += job.durability == Durability::durable ? ", durable" : ", memory";
  if (job.at_most_once) text += ", at most once";
  if (job.timeout.count() != 0) text += ", queue-timeout " + format_duration(job.timeout);
  if (job.run_timeout.count() != 0) text += ", run-timeout " + format_duration(job.run_timeout);
  if (job.progress_timeout.count() != 0)
    text += ", progress-timeout " + format_duration(job.progress_timeout);
  if (job.deadline.count() != 0) text += ", deadline " + format_duration(job.deadline);
  if (job.retry_on == Retry::crash) text += ", retry-crash";
  for (const auto& [name, most] : job.quotas) {
    text += most == 0 ? ", quota " + name : ", exclusive " + name;
    if (most > 1) text += "=" + std::to_string(most);
  }
  return text;
}

std::string progress_line(const JobView& job) {
  if (!job.progress) return {};
  std::ostringstream text;
  if (std::isnan(*job.progress)) {
    text << "unknown";
  } else {
    text << *job.progress << " %";
  }
  if (!job.progress_message.empty()) text << ", " << job.progress_message;
  return text.str();
}

void print_human(const JobView& job) {
  const WallClock now = wall_now();
  Table table;
  table.add({"id", job.id.text()});
  table.add({"function", job.function});
  table.add({"state", std::string(to_string(job.state))});
  add_if(table, "reason", job.reason);
  add_failure(table, "failure", job.failure);
  add_failure(table, "last failure", job.last_failure);
  for (const JobId& id : job.waits_for) table.add({"waits for", id.text()});
  if (!job.name.empty()) {
    const std::string lifespan =
        job.lifespan == kForever ? "until it is forgotten" : "lifespan " + format_duration(job.lifespan);
    table.add({"name", job.name + ", " + lifespan});
  }
  table.add({"queue", job.queue});
  add_if(table, "pool", job.pool);
  if (job.worker_pid != 0) table.add({"worker", "pid " + std::to_string(job.worker_pid)});
  table.add({"owner", "uid " + std::to_string(job.owner)});
  table.add({"options", options_line(job)});
  table.add({"attempts", attempts_line(job)});
  table.add(
      {"size", "arguments " + brief_size(job.arguments_size) + ", result " + brief_size(job.result_size)});
  add_if(table, "progress", progress_line(job));
  for (const NoteView& note : job.notes) {
    table.add({"note", note.key + " = " + json_text(to_json(value_of(note)))});
  }
  if (job.parts > 0)
    table.add({"streamed", std::to_string(job.parts) + " parts, " + brief_size(job.parts_size)});
  if (job.output_size > 0) table.add({"printed", brief_size(job.output_size) + " kept, see logs"});
  add_time(table, "submitted", job.submitted, now);
  add_time(table, "started", job.started, now);
  add_time(table, "ended", job.ended, now);
  add_time(table, "kept until", job.kept_until, now);
  table.print(std::cout);
  const Failure& failure = is_ended(job.state) ? job.failure : job.last_failure;
  if (!failure.backtrace.empty())
    std::cout << "backtrace:\n" << printable(failure.backtrace, Lines::many) << '\n';
  if (failure.output.empty()) return;
  std::cout << "the worker's last output:\n" << printable(failure.output, Lines::many);
  if (!failure.output.ends_with('\n')) std::cout << '\n';
}

ExitCode show(Invocation& invocation) {
  const JobView job = show_job(invocation.client(), invocation.words().front(), invocation.answer_timeout());
  if (invocation.output() == Output::json) {
    invocation.print_json({{"job", to_json(job)}});
  } else if (invocation.output() == Output::quiet) {
    std::cout << to_string(job.state) << '\n';
  } else {
    print_human(job);
  }
  return ExitCode::fine;
}

}  // namespace

Command show_command() {
  return {"show",
          "JOB",
          "Tell all that is known of a job",
          "JOB is an id, the beginning of one, a name, or `last`. --output quiet prints its state alone.\n",
          1,
          1,
          boost::program_options::options_description("Options"),
          show};
}

}  // namespace promised::cli
