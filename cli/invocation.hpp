// SPDX-License-Identifier: Apache-2.0
// One run of one command: its options, its words, the connection, and where its answers go.
#pragma once

#include <promised/client.hpp>

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

class Invocation {
 public:
  /// `ordered` are the options and words as they stood on the command line.
  Invocation(boost::program_options::variables_map options,
             std::vector<boost::program_options::option> ordered, std::vector<std::string> words);

  [[nodiscard]] Output output() const { return output_; }
  /// How long to wait for the job or the answer: --timeout, else `otherwise`.
  [[nodiscard]] std::chrono::milliseconds timeout(std::chrono::milliseconds otherwise) const {
    return timeout_.value_or(otherwise);
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

  /// Connects at the first call.
  [[nodiscard]] Client& client();
  /// Disconnects, after waiting for the acceptance of what was submitted; what was not accepted.
  [[nodiscard]] std::vector<Unaccepted> close();
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
};

/// --output's values; throws UsageError.
[[nodiscard]] Output parse_output(const std::string& text);

}  // namespace promised::cli
