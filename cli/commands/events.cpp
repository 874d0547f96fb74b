// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <iostream>
#include <limits>
#include <string>

#include "cli/command.hpp"
#include "cli/queue_name.hpp"
#include "cli/times.hpp"
#include "cli/usage_error.hpp"
#include "common/event_json.hpp"
#include "common/nearest.hpp"
#include "common/printable.hpp"

namespace promised::cli {
namespace {

EventKind parse_kind(const std::string& text) {
  std::vector<std::string> known;
  for (int i = static_cast<int>(EventKind::accepted); i <= static_cast<int>(EventKind::expired); ++i) {
    known.emplace_back(to_string(static_cast<EventKind>(i)));
    if (known.back() == text) return static_cast<EventKind>(i);
  }
  throw UsageError("--kind: there is no kind of event '" + text + "'" + did_you_mean(text, known));
}

EventFilter read_event_filter(const Invocation& invocation) {
  EventFilter filter;
  for (const std::string& kind : invocation.texts("kind")) filter.kinds.push_back(parse_kind(kind));
  filter.function = invocation.text("function").value_or("");
  filter.queue = queue_option(invocation).value_or("");
  filter.name_prefix = invocation.text("name-prefix").value_or("");
  constexpr std::int64_t kMostUid = std::numeric_limits<std::uint32_t>::max() - 1;
  if (const auto owner = invocation.integer("owner", 0, kMostUid))
    filter.owner = static_cast<std::uint32_t>(*owner);
  return filter;
}

/// What is told beside the job itself.
std::string details(const JobEvent& event) {
  if (event.kind == EventKind::progress) {
    const bool known = event.progress && !std::isnan(*event.progress);
    std::string text = known ? std::to_string(std::lround(*event.progress)) + " %" : "";
    if (!event.progress_message.empty()) text += (text.empty() ? "" : " ") + event.progress_message;
    return text;
  }
  if (event.failure.cause != Cause::none)
    return std::string(to_string(event.failure.cause)) + ": " + event.failure.message;
  return event.reason;
}

void print_human(const JobEvent& event) {
  if (event.kind == EventKind::lost) {
    const std::string what = event.lost > 0
                                 ? std::to_string(event.lost) + (event.lost == 1 ? " event" : " events") +
                                       " came faster than they were read"
                                 : "the connection to the daemon broke: what happened until it was back";
    std::cerr << "promisectl: " << what << ", and " << (event.lost > 1 ? "are" : "is") << " missing here"
              << std::endl;
    return;
  }
  std::string line = rfc3339(event.at) + "  " + std::string(to_string(event.kind)) + "  " + event.id.text() +
                     "  " + event.function + "  " + event.queue;
  if (!event.name.empty()) line += "  \"" + event.name + "\"";
  if (const std::string more = details(event); !more.empty()) line += "  " + more;
  std::cout << printable(line) << std::endl;
}

void print(Output output, const JobEvent& event) {
  if (output == Output::json) {
    std::cout << event_json(event) << std::endl;
  } else if (output == Output::human || event.kind == EventKind::lost) {
    print_human(event);
  } else {
    std::cout << event.id.text() << std::endl;
  }
}

ExitCode events(Invocation& invocation) {
  const EventFilter filter = read_event_filter(invocation);
  const auto most = invocation.integer("count", 1, std::numeric_limits<std::int64_t>::max());
  Events stream = invocation.client().events(filter, invocation.end_timeout());
  if (invocation.output() == Output::human) std::cerr << "promisectl: watching" << std::endl;
  for (std::int64_t seen = 0; !most || seen < *most;) {
    const JobEvent event = *stream.next();
    print(invocation.output(), event);
    if (event.kind != EventKind::lost) ++seen;
  }
  return ExitCode::fine;
}

}  // namespace

Command events_command() {
  Command command{"events",
                  "",
                  "Print what happens to jobs, as it happens",
                  "The own jobs; for administrators, all. Only the events that all conditions hold for, from "
                  "now on: once the\n"
                  "daemon has answered, which `human` says on stderr, none is missed. Where events come "
                  "faster than they are\n"
                  "read, or the daemon was restarted, it says how many are missing. --timeout is the longest "
                  "wait for one.\n",
                  0,
                  0,
                  boost::program_options::options_description("Options"),
                  events};
  add_repeated(
      command.options, "kind", "KIND",
      "accepted, started, progress, retried, interrupted, succeeded, failed, cancelled or expired; may "
      "be repeated");
  add_option(command.options, "function", "GLOB", "such as 'report.*'");
  add_option(command.options, "queue", "QUEUE", "in this queue");
  add_option(command.options, "name-prefix", "TEXT", "with a name that begins so");
  add_option(command.options, "owner", "UID", "of this user");
  add_option(command.options, "count", "N", "end after so many");
  return command;
}

}  // namespace promised::cli
