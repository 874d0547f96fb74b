// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <iostream>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/job_key.hpp"
#include "cli/value_json.hpp"
#include "common/printable.hpp"

namespace promised::cli {
namespace {

using Json = nlohmann::ordered_json;

/// Parts come on this thread, progress on the client's.
class Printer {
 public:
  explicit Printer(Output output) : output_(output) {}

  void part(const Value& part) {
    const std::lock_guard lock(mutex_);
    const auto* text = part.get_if<std::string>();
    if (output_ == Output::json) {
      line({{"format", 1}, {"part", to_json(part)}});
    } else if (text != nullptr) {
      std::cout << printable(*text, Lines::many) << std::endl;
    } else {
      line(to_json(part));
    }
  }

  void progress(const Progress& progress) {
    const std::lock_guard lock(mutex_);
    const bool known = !std::isnan(progress.percent);
    if (output_ == Output::json) {
      line({{"format", 1},
            {"progress", known ? Json(progress.percent) : Json(nullptr)},
            {"message", valid_utf8(progress.message)}});
    } else if (output_ == Output::human) {
      if (known) std::cerr << progress.percent << " % ";
      std::cerr << printable(progress.message) << std::endl;
    }
  }

 private:
  static void line(const Json& document) { std::cout << json_text(document) << std::endl; }

  const Output output_;
  std::mutex mutex_;
};

ExitCode follow(Invocation& invocation) {
  const JobKey key = find_job(invocation.client(), invocation.words().front(), invocation.look_timeout());
  const AnyFuture job = invocation.client().future<Value>(key);
  job.accepted(invocation.look_timeout());
  // Shared with the callback, which the client may still call when this has returned.
  const auto printer = std::make_shared<Printer>(invocation.output());
  job.on_progress([printer](const Progress& progress) { printer->progress(progress); });
  for (const Value& part : job.parts(invocation.end_timeout())) printer->part(part);
  return ExitCode::fine;
}

}  // namespace

Command follow_command() {
  return {
      "follow",
      "JOB",
      "Print what a job streams, and its progress, until it has ended",
      "JOB is an id, the beginning of one, a name, or `last`. Parts go to stdout, a line each, from the "
      "first "
      "on; progress\n"
      "goes to stderr. With --output json both are JSON lines on stdout, with quiet there is no progress.\n"
      "--timeout is the longest wait for one part. A job that does not succeed is an error, after its last "
      "part.\n",
      1,
      1,
      boost::program_options::options_description("Options"),
      follow};
}

}  // namespace promised::cli
