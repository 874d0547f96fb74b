// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/queue_name.hpp"
#include "cli/table.hpp"
#include "cli/times.hpp"
#include "cli/usage_error.hpp"
#include "cli/view_json.hpp"
#include "common/nearest.hpp"

namespace promised::cli {
namespace {

State parse_state(const std::string& text) {
  std::vector<std::string> known;
  for (int i = static_cast<int>(State::scheduled); i <= static_cast<int>(State::expired); ++i) {
    known.emplace_back(to_string(static_cast<State>(i)));
    if (known.back() == text) return static_cast<State>(i);
  }
  throw UsageError("--state: there is no state '" + text + "'" + did_you_mean(text, known));
}

JobFilter read_job_filter(const Invocation& invocation) {
  JobFilter filter;
  for (const std::string& state : invocation.texts("state")) filter.states.push_back(parse_state(state));
  filter.function = invocation.text("function").value_or("");
  filter.queue = queue_option(invocation).value_or("");
  filter.name_prefix = invocation.text("name-prefix").value_or("");
  filter.remembered = invocation.flag("remembered");
  filter.most = static_cast<std::uint32_t>(invocation.integer("page", 1, 100'000).value_or(0));
  if (const auto after = invocation.text("after")) {
    const auto id = JobId::parse(*after);
    if (!id) throw UsageError("--after: expected a job's whole id, found '" + *after + "'");
    filter.after = *id;
  }
  return filter;
}

/// The page that was asked for, or all from there on.
JobPage fetch_page(Invocation& invocation) {
  JobFilter filter = read_job_filter(invocation);
  const auto timeout = invocation.answer_timeout();
  JobPage all = invocation.client().jobs(filter, timeout);
  while (invocation.flag("all") && all.more) {
    filter.after = all.jobs.back().id;
    JobPage next = invocation.client().jobs(filter, timeout);
    all.more = next.more && !next.jobs.empty();
    for (JobView& job : next.jobs) all.jobs.push_back(std::move(job));
  }
  return all;
}

/// The time that says most of the job: when it came, began or ended.
std::string when(const JobView& job, WallClock now) {
  if (job.ended != WallClock()) return relative(job.ended, now);
  return relative(job.started != WallClock() ? job.started : job.submitted, now);
}

void print_table(const JobPage& page) {
  const WallClock now = wall_now();
  Table table({"ID", "STATE", "SINCE", "QUEUE", "FUNCTION", "NAME"});
  for (const JobView& job : page.jobs) {
    table.add({job.id.text(), std::string(to_string(job.state)), when(job, now), job.queue, job.function,
               job.name});
  }
  if (!table.empty()) table.print(std::cout);
  if (page.jobs.empty()) std::cerr << "no jobs\n";
  if (page.more) std::cerr << "there are more: --all, or --after " << page.jobs.back().id.text() << '\n';
}

ExitCode jobs(Invocation& invocation) {
  const JobPage page = fetch_page(invocation);
  if (invocation.output() == Output::json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const JobView& job : page.jobs) list.push_back(to_json(job));
    invocation.print_json({{"jobs", std::move(list)}, {"more", page.more}});
  } else if (invocation.output() == Output::quiet) {
    for (const JobView& job : page.jobs) std::cout << job.id.text() << '\n';
  } else {
    print_table(page);
  }
  return ExitCode::fine;
}

}  // namespace

Command jobs_command() {
  Command command{
      "jobs",
      "",
      "List jobs, newest first",
      "Only the jobs that all conditions hold for. A page has 100 jobs unless --page says otherwise.\n",
      0,
      0,
      boost::program_options::options_description("Options"),
      jobs};
  add_repeated(
      command.options, "state", "STATE",
      "scheduled, pending, running, waiting, succeeded, failed, cancelled or expired; may be repeated");
  add_option(command.options, "function", "GLOB", "such as 'report.*'");
  add_option(command.options, "queue", "QUEUE", "in this queue");
  add_option(command.options, "name-prefix", "TEXT", "with a name that begins so");
  add_flag(command.options, "remembered", "only those that have a name");
  add_flag(command.options, "all", "all pages, not only the first");
  add_option(command.options, "page", "N", "jobs in a page");
  add_option(command.options, "after", "ID", "begin with the next older job than this one");
  return command;
}

}  // namespace promised::cli
