// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/command.hpp"
#include "cli/job_key.hpp"
#include "cli/value_json.hpp"
#include "common/printable.hpp"

namespace promised::cli {
namespace {

/// Byte for byte, so that it can be piped into a file or a program; a terminal gets nothing that could move
/// its cursor.
void print_bytes(const std::string& bytes) {
  static const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  std::cout << (terminal ? printable(bytes, Lines::many) : bytes) << std::flush;
}

void print_piece(const Invocation& invocation, const OutputPiece& piece) {
  if (invocation.output() == Output::json) {
    const nlohmann::ordered_json document = {
        {"format", 1}, {"output", to_json(Value(piece.bytes))}, {"lost", piece.lost}, {"anew", piece.anew}};
    std::cout << json_text(document) << std::endl;
    return;
  }
  if (invocation.output() == Output::human) {
    if (piece.anew) std::cerr << "promisectl: the run was cut off, and the job runs again from here\n";
    if (piece.lost > 0) std::cerr << "promisectl: " << piece.lost << " bytes before this are not kept\n";
  }
  print_bytes(piece.bytes);
}

ExitCode logs(Invocation& invocation) {
  const JobKey key = find_job(invocation.client(), invocation.words().front(), invocation.look_timeout());
  const AnyFuture job = invocation.client().future<Value>(key);
  job.accepted(invocation.look_timeout());
  if (invocation.flag("follow")) {
    for (const OutputPiece& piece : job.follow_output(invocation.end_timeout()))
      print_piece(invocation, piece);
    return ExitCode::fine;
  }
  const std::string output = job.output(invocation.look_timeout());
  if (invocation.output() == Output::json) {
    invocation.print_json({{"id", job.id().text()}, {"output", to_json(Value(output))}});
  } else {
    print_bytes(output);
  }
  return ExitCode::fine;
}

}  // namespace

Command logs_command() {
  Command command{
      "logs",
      "JOB",
      "Print what a job has written to stdout and stderr",
      "JOB is an id, the beginning of one, a name, or `last`. What is kept of it, or what there is "
      "so far, goes to\n"
      "stdout, byte for byte; with --follow also what comes, until the job has ended. What is not "
      "kept any more\n"
      "is counted on stderr, but not with --output quiet. With --output json it is one document, "
      "with --follow\n"
      "one a line. --timeout is the longest wait for the next. The exit code does not tell how the "
      "job ended.\n",
      1,
      1,
      boost::program_options::options_description("Options"),
      logs};
  add_flag(command.options, "follow", "go on until the job has ended");
  return command;
}

}  // namespace promised::cli
