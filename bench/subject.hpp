// SPDX-License-Identifier: Apache-2.0
// A daemon that a benchmark measures alone: the real program with a configuration of the benchmark's own.
#pragma once

#include <filesystem>
#include <memory>
#include <promised/client.hpp>
#include <string>

#include "bench/child.hpp"

namespace promised::bench {

inline constexpr std::chrono::seconds kPatience{60};

class Subject {
 public:
  /// Begins it in `folder`, with these pool sections. Throws std::runtime_error where it cannot.
  Subject(std::filesystem::path folder, const std::string& pools);

  /// After kill().
  void start();
  void kill();
  [[nodiscard]] pid_t pid() const { return daemon_->pid(); }
  [[nodiscard]] std::filesystem::path state() const { return folder_ / "state"; }
  [[nodiscard]] Client client() const;
  /// Throws std::runtime_error, with the end of its log, once it has ended.
  void expect_alive() { daemon_->expect_alive(); }

 private:
  std::filesystem::path folder_;
  std::string endpoint_;
  std::unique_ptr<Child> daemon_;
};

/// Until all workers of all pools serve.
void wait_for_workers(Client& client);

/// Of sorted values, that below which `part` of them lie.
[[nodiscard]] double percentile(const std::vector<double>& sorted, double part);

}  // namespace promised::bench
