// SPDX-License-Identifier: Apache-2.0
#include "cli/call.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <utility>

#include "cli/command.hpp"
#include "cli/composite.hpp"
#include "cli/job_key.hpp"
#include "cli/job_options.hpp"
#include "cli/usage_error.hpp"
#include "cli/value_json.hpp"
#include "common/printable.hpp"

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

promised::Call read_function(const Invocation& invocation) {
  if (invocation.words().empty())
    throw UsageError("expected a function and its arguments, or --composite FILE, found neither");
  const std::string& function = invocation.words().front();
  if (function.empty()) throw UsageError("expected the name of a function, found nothing");
  return {function, read_job_options(invocation), read_arguments(invocation)};
}

/// Of a document; what the command line says of the job, it says of the whole.
promised::Call read_whole(const Invocation& invocation, const std::string& path) {
  for (const auto& option : invocation.ordered()) {
    const bool argument = option.string_key == "text" || option.string_key == "text-file" ||
                          option.string_key == "bytes-file" || option.string_key == "named";
    if (argument || option.position_key >= 0) {
      throw UsageError("--composite: functions and arguments stand in the document, so that " +
                       (argument ? "--" + option.string_key : "'" + option.value.front() + "'") +
                       " is too much");
    }
    check_option_of_whole(option.string_key);
  }
  const std::string source = path == "-" ? "stdin" : path;
  promised::Call call = read_composite(content(path), source);
  const Options options = read_job_options(invocation);
  if (options == Options()) return call;
  if (call.options() != Options())
    throw UsageError(source +
                     ": the command line has options for the composite, and the document has at its "
                     "top; give them in one of the two");
  return call.options(options);
}

std::optional<Followed> read_followed(const Invocation& invocation) {
  std::optional<Followed> followed;
  for (const auto& [option, how] :
       {std::pair{"after", Follows::done}, std::pair{"after-success", Follows::success},
        std::pair{"after-failure", Follows::failure}}) {
    const auto job = invocation.text(option);
    if (!job) continue;
    if (followed) throw UsageError("--after, --after-success and --after-failure exclude each other");
    if (job->empty()) throw UsageError("--" + std::string(option) + ": expected a job, found nothing");
    followed = Followed{*job, how};
  }
  return followed;
}

}  // namespace

boost::program_options::options_description call_options() {
  boost::program_options::options_description options("Options");
  add_job_options(options);
  add_option(options, "after", "JOB",
             "begin when that job has ended; what it came to is the first argument, before the others");
  add_option(options, "after-success", "JOB", "the same when it has succeeded; else this one is cancelled");
  add_option(options, "after-failure", "JOB", "the same when it has failed or expired");
  add_option(options, "composite", "FILE",
             "a job that is made of others, as a JSON document describes it (- is stdin)");
  add_repeated(options, "text", "ARG", "an argument that is text, whatever it looks like");
  add_repeated(options, "text-file", "FILE", "an argument: the file's content as text (- is stdin)");
  add_repeated(options, "bytes-file", "FILE", "an argument: the file's content as bytes (- is stdin)");
  add_repeated(options, "named", "KEY=ARG", "an argument by name");
  return options;
}

const char* call_words() {
  return "FUNCTION [ARG]... | --composite FILE";
}

const char* call_help() {
  return "An ARG is JSON where it is JSON (42, 1.5, true, null, [1,2], {\"a\":1}, \"text\"), else text. Put "
         "-- before\n"
         "words that begin with --. What --composite reads is described in docs/promisectl.md.\n";
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

Submission read_submission(const Invocation& invocation) {
  const auto composite = invocation.text("composite");
  Submission submission{composite ? read_whole(invocation, *composite) : read_function(invocation),
                        read_followed(invocation)};
  if (!submission.followed) return submission;
  if (composite)
    throw UsageError(
        "--composite: only a call can follow another job, not a composite; have a function follow that "
        "submits it");
  if (invocation.flag("memory"))
    throw UsageError("--memory: what follows another job is as durable as that, and cannot say it of itself");
  return submission;
}

AnyFuture submit(Invocation& invocation, const Submission& submission, std::chrono::milliseconds timeout) {
  if (submission.followed) invocation.leave_outcomes();  // what the other job comes to is for others
  Client& client = invocation.client();
  AnyFuture future;
  if (!submission.followed) {
    future = client.submit_call(submission.call);
  } else {
    const AnyFuture other = client.future(find_job(client, submission.followed->job, timeout));
    switch (submission.followed->how) {
      case Follows::success:
        future = other.on_success(submission.call);
        break;
      case Follows::failure:
        future = other.on_failure(submission.call);
        break;
      default:
        future = other.on_done(submission.call);
    }
  }
  future.accepted(timeout);
  return future;
}

}  // namespace promised::cli
