// SPDX-License-Identifier: Apache-2.0
#include "cli/invocation.hpp"

#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/usage_error.hpp"
#include "cli/value_json.hpp"
#include "common/nearest.hpp"
#include "common/units.hpp"

namespace promised::cli {
namespace {

/// How long somebody at a shell is kept waiting where nobody listens at all: a daemon that is about to listen
/// is given the chance, but not the library's patience.
constexpr std::chrono::milliseconds kAbsentTimeout{1'000};

}  // namespace

Invocation::Invocation(boost::program_options::variables_map options,
                       std::vector<boost::program_options::option> ordered, std::vector<std::string> words)
    : options_(std::move(options)), ordered_(std::move(ordered)), words_(std::move(words)) {
  output_ = parse_output(text("output").value_or("human"));
  timeout_ = duration("timeout");
  connect_timeout_ = duration("connect-timeout");
  if (connect_timeout_ == std::chrono::milliseconds(0)) {
    throw UsageError("--connect-timeout: expected a duration above zero, such as 500ms or 1min, found '" +
                     *text("connect-timeout") + "'");
  }
}

bool Invocation::flag(const char* name) const {
  return options_.count(name) != 0 && options_[name].as<bool>();
}

std::optional<std::string> Invocation::text(const char* name) const {
  if (options_.count(name) == 0) return std::nullopt;
  return options_[name].as<std::string>();
}

std::vector<std::string> Invocation::texts(const char* name) const {
  if (options_.count(name) == 0) return {};
  return options_[name].as<std::vector<std::string>>();
}

std::optional<std::chrono::milliseconds> Invocation::duration(const char* name) const {
  const auto given = text(name);
  if (!given) return std::nullopt;
  const auto parsed = parse_duration(*given);
  if (!parsed) throw UsageError("--" + std::string(name) + ": " + parsed.problem().message);
  return *parsed;
}

std::optional<std::int64_t> Invocation::integer(const char* name, std::int64_t least,
                                                std::int64_t most) const {
  const auto given = text(name);
  if (!given) return std::nullopt;
  const auto parsed = parse_integer(*given, least, most);
  if (!parsed) throw UsageError("--" + std::string(name) + ": " + parsed.problem().message);
  return *parsed;
}

Client& Invocation::client() {
  if (client_ == nullptr) {
    ClientOptions options;
    options.endpoint = text("endpoint").value_or("");
    options.program = "promisectl";
    options.leave_outcomes = leave_outcomes_;
    options.absent_timeout = kAbsentTimeout;
    if (connect_timeout_) options.connect_timeout = *(options.absent_timeout = connect_timeout_);
    options.log = [warnings = warnings_.get()](std::string_view line) {
      const std::lock_guard lock(warnings->mutex);
      warnings->lines.emplace_back(line);
    };
    client_ = std::make_unique<Client>(options);
    client_->reach(look_timeout());
  }
  return *client_;
}

std::vector<Unaccepted> Invocation::close(std::optional<std::chrono::milliseconds> patience) {
  if (client_ == nullptr) return {};
  std::vector<Unaccepted> unaccepted = client_->close(patience);
  client_.reset();
  return unaccepted;
}

void Invocation::print_json(const nlohmann::ordered_json& document) const {
  nlohmann::ordered_json with_format = {{"format", 1}};
  with_format.update(document);
  std::cout << json_text(with_format, 2) << '\n';
}

Output parse_output(const std::string& text) {
  if (text == "human") return Output::human;
  if (text == "json") return Output::json;
  if (text == "quiet") return Output::quiet;
  throw UsageError("--output: expected human, json or quiet, found '" + text + "'" +
                   did_you_mean(text, {"human", "json", "quiet"}));
}

}  // namespace promised::cli
