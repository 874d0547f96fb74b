// SPDX-License-Identifier: Apache-2.0
// What is measured: systems that run a job which returns its argument, on two worker processes, and systems
// that take jobs into their keeping. Each is started once, on loopback or ipc, and stays up while the others
// are measured.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/child.hpp"

namespace promised::bench {

/// Jobs that one client keeps under way at once where it does not wait for each.
inline constexpr std::size_t kWindow = 2000;

class EchoSystem {
 public:
  virtual ~EchoSystem() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  /// Submits one job, waits for its result and returns it.
  [[nodiscard]] virtual std::string round_trip(const std::string& payload) = 0;
  /// Keeps at most kWindow jobs under way until `end`, then waits for the rest. Returns how many were done.
  [[nodiscard]] virtual std::uint64_t pipeline(const std::string& payload, Clock::time_point end) = 0;
  /// False for a mode that has no round trip: nobody tells the client of the result.
  [[nodiscard]] virtual bool answers() const { return true; }
};

class AcceptSystem {
 public:
  virtual ~AcceptSystem() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  /// Has jobs accepted until `end`; returns how many were.
  [[nodiscard]] virtual std::uint64_t accept(const std::string& payload, Clock::time_point end) = 0;
};

struct Systems {
  std::vector<std::unique_ptr<EchoSystem>> echo;
  std::vector<std::unique_ptr<AcceptSystem>> accept;
  /// Each throws, with the end of a log, if a process that is measured has ended: why a measurement failed.
  std::vector<std::function<void()>> alive;
  std::vector<std::string> missing;  ///< sentences: which peer is not here, and why
};

inline constexpr std::string_view kPromisedMemory = "promised, memory";
inline constexpr std::string_view kPromisedDurable = "promised, durable";
inline constexpr std::string_view kGearmand = "gearmand, foreground tasks";
inline constexpr std::string_view kGearmandBackground = "gearmand, background tasks";
inline constexpr std::string_view kPromisedAccept = "promised, pipelined";
/// What the names of its modes begin with.
inline constexpr std::string_view kBeanstalkdAlways = "beanstalkd -f0";
inline constexpr std::string_view kBeanstalkdSometimes = "beanstalkd -f50";
inline constexpr std::string_view kGearmandPrefix = "gearmand";

// Each adds itself; or, where it is not installed, a sentence to `missing`.
void add_promised(Systems& systems, const std::filesystem::path& folder);
void add_zeromq_chain(Systems& systems, const std::filesystem::path& folder);
void add_gearmand(Systems& systems, const std::filesystem::path& folder);
void add_beanstalkd(Systems& systems, const std::filesystem::path& folder);

/// What a child process of this program does: "zeromq-broker", "zeromq-worker", "gearman-worker" and their
/// arguments. Returns when its channel is gone; otherwise it is killed.
int run_zeromq_role(const std::vector<std::string>& arguments);
int run_gearman_role(const std::vector<std::string>& arguments);

}  // namespace promised::bench
