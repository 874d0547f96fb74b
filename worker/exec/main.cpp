// SPDX-License-Identifier: Apache-2.0
// promised-exec, the worker program of pools with `builtin = exec` (SEMANTICS I8): its function runs a
// command line as a job, with all that holds for a job: limits, time, sandbox, cancelling.
#include <signal.h>
#include <promised/worker.hpp>

#include <cstdlib>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "worker/exec/command.hpp"

namespace {

using promised::Value;

std::string text_of(const std::string& name, const Value& value) {
  if (const auto* text = value.get_if<std::string>()) return *text;
  const auto* bytes = value.get_if<promised::Bytes>();
  if (bytes == nullptr) {
    throw std::invalid_argument("exec: " + name + ": expected text, found " +
                                std::string(promised::to_string(value.kind())));
  }
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

// The system would take what is before it for the whole.
void check_text(const std::string& name, const std::string& text) {
  if (text.find('\0') != std::string::npos)
    throw std::invalid_argument("exec: " + name + ": a zero byte cannot be in it");
}

struct Call {
  promised::exec::Command command;
  bool check = false;  ///< a status other than 0 is a failure
};

Call call_of(std::vector<std::string> words, const std::map<std::string, Value>& named) {
  if (words.empty() || words.front().empty())
    throw std::invalid_argument("exec: expected a program and its arguments, found nothing");
  for (const std::string& word : words) check_text("the command", word);
  Call call{{std::move(words), {}, {}, {}, {}}};
  promised::exec::Command& command = call.command;
  for (const auto& [name, value] : named) {
    if (name == "cwd") {
      const std::string directory = text_of(name, value);
      check_text(name, directory);
      if (directory.empty()) throw std::invalid_argument("exec: cwd: expected a directory, found nothing");
      command.directory = directory;
    } else if (name == "env") {
      command.environment = promised::from_value<std::map<std::string, std::string>>(value);
      for (const auto& [variable, text] : command.environment) {
        if (variable.empty() || variable.find('=') != std::string::npos)
          throw std::invalid_argument("exec: env: expected names of variables, found '" + variable + "'");
        check_text("env", variable);
        check_text("env", text);
      }
    } else if (name == "stdin") {
      command.input = text_of(name, value);
    } else if (name == "check") {
      call.check = promised::from_value<bool>(value);
    } else {
      throw std::invalid_argument("exec: expected cwd, env, stdin or check by name, found " + name);
    }
  }
  return call;
}

// For who has asked for that: throws where it has not ended well.
void check(const std::string& program, const promised::exec::Finished& finished) {
  if (finished.signal == 0 && finished.exit_status == 0) return;
  const std::string how = finished.signal != 0 ? "was killed by signal " + std::to_string(finished.signal)
                                               : "exited with status " + std::to_string(finished.exit_status);
  std::string words = finished.err.empty() ? finished.out : finished.err;
  while (!words.empty() && (words.back() == '\n' || words.back() == ' ')) words.pop_back();
  constexpr std::size_t kMost = 1024;
  if (words.size() > kMost) words.erase(0, words.size() - kMost);
  throw std::runtime_error("exec: " + program + " " + how + (words.empty() ? "" : "; it wrote: " + words));
}

// The end that this process would come to if the time had been its own.
[[noreturn]] void end_over_cpu_time() {
  ::signal(SIGXCPU, SIG_DFL);
  ::raise(SIGXCPU);
  std::abort();  // the signal was blocked
}

// How the command ended is its result: a status other than 0 is the command's word, not a failure of the job,
// unless the caller has said that it is.
std::map<std::string, Value> exec(promised::Job& job, std::vector<std::string> words,
                                  std::optional<std::map<std::string, Value>> named) {
  Call call = call_of(std::move(words), named.value_or(std::map<std::string, Value>()));
  call.command.cpu_time = job.cpu_time();
  promised::exec::Finished finished =
      promised::exec::run(call.command, [&](std::span<pollfd> fds) { return job.poll(fds); });
  if (finished.signal == SIGXCPU && job.cpu_time().count() > 0) end_over_cpu_time();
  if (call.check) check(call.command.words.front(), finished);
  std::map<std::string, Value> result{{"stdout", Value(std::move(finished.out))},
                                      {"stderr", Value(std::move(finished.err))}};
  if (finished.signal != 0) {
    result.emplace("signal", Value(std::int64_t{finished.signal}));
  } else {
    result.emplace("exit_status", Value(std::int64_t{finished.exit_status}));
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  // A command that does not read its stdin is no reason to end.
  ::signal(SIGPIPE, SIG_IGN);
  promised::Worker worker(argc, argv);
  worker.define("exec", exec);
  return worker.run();
}
