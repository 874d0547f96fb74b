// SPDX-License-Identifier: Apache-2.0
// One run of one command: its options, its words, the connection, and where its answers go.
#pragma once

#include <promised/client.hpp>

#include <algorithm>
#include <boost/program_options/option.hpp>
#include <boost/program_options/variables_map.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace promised::cli {

enum class Output { human, json, quiet };

/// Time enough for an answer of a daemon that is well: nobody is kept waiting for one any shorter than this
/// where the wait is not for the answer itself.
inline constexpr std::chrono::milliseconds kLeastLook{1'000};

class Invocation {
 public:
  /// `ordered` are the options and words as they stood on the command line.
  Invocation(boost::program_options::variables_map options,
             std::vector<boost::program_options::option> ordered, std::vector<std::string> words);

  [[nodiscard]] Output output() const { return output_; }
  /// How long to wait for a job's end: --timeout, else as long as it takes.
  [[nodiscard]] std::chrono::milliseconds end_timeout() const { return timeout_.value_or(kForever); }
  /// How long to wait for the daemon's answer: --timeout. 0 says only not to wait for a job's end.
  [[nodiscard]] std::chrono::milliseconds answer_timeout() const {
    const bool given = timeout_ && timeout_->count() != 0;
    return given ? *timeout_ : kAnswerTimeout;
  }
  /// The same where --timeout is meant for the end of a job: it is not too short for one answer.
  [[nodiscard]] std::chrono::milliseconds look_timeout() const {
    return std::max(answer_timeout(), kLeastLook);
  }

  /// The words after the command's name that belong to no option.
  [[nodiscard]] const std::vector<std::string>& words() const { return words_; }
  [[nodiscard]] const std::vector<boost::program_options::option>& ordered() const { return ordered_; }

  [[nodiscard]] bool flag(const char* name) const;
  [[nodiscard]] std::optional<std::string> text(const char* name) const;
  [[nodiscard]] std::vector<std::string> texts(const char* name) const;
  /// These throw UsageError naming the option.
  [[nodiscard]] std::optional<std::chrono::milliseconds> duration(const char* name) const;
  [[nodiscard]] std::optional<std::int64_t> integer(const char* name, std::int64_t least,
                                                    std::int64_t most) const;

  /// What the jobs that this command submits come to is for others; to be said before client().
  void leave_outcomes() { leave_outcomes_ = true; }
  /// The first call connects, and waits until the daemon has answered: a daemon that is not there is a
  /// DisconnectedError, however short --timeout is, and never a TimeoutError.
  [[nodiscard]] Client& client();
  /// Disconnects, after waiting for the acceptance of what was submitted for at most `patience` (none: as the
  /// client does); what was not accepted.
  [[nodiscard]] std::vector<Unaccepted> close(std::optional<std::chrono::milliseconds> patience = {});
  /// What the client had to say by itself, after close().
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_->lines; }

  /// One JSON document and a line end on stdout, with "format": 1 in front.
  void print_json(const nlohmann::ordered_json& document) const;

 private:
  boost::program_options::variables_map options_;
  std::vector<boost::program_options::option> ordered_;
  std::vector<std::string> words_;
  Output output_ = Output::human;
  /// The client's log: it may come from any thread.
  struct Warnings {
    std::mutex mutex;
    std::vector<std::string> lines;
  };

  std::optional<std::chrono::milliseconds> timeout_;
  std::optional<std::chrono::milliseconds> connect_timeout_;
  std::unique_ptr<Warnings> warnings_ = std::make_unique<Warnings>();
  std::unique_ptr<Client> client_;
  bool leave_outcomes_ = false;
};

/// --output's values; throws UsageError.
[[nodiscard]] Output parse_output(const std::string& text);

}  // namespace promised::cli
