// SPDX-License-Identifier: Apache-2.0
// What happens to jobs, told as it happens (SEMANTICS C9): what Client::events returns.
#pragma once

#include <promised/export.hpp>
#include <promised/stream.hpp>
#include <promised/views.hpp>

#include <chrono>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace promised {

namespace detail {
class Session;
}

/// Which events are told; all conditions must hold.
struct EventFilter {
  std::vector<EventKind> kinds = {};        ///< empty: any
  std::string function = {};                ///< a glob; empty: any
  std::string queue = {};                   ///< empty: any
  std::string name_prefix = {};             ///< of the name under which the job is remembered; empty: any
  std::optional<std::uint32_t> owner = {};  ///< uid; nothing: of any job that the caller may see
};

/// An input range of events, in the order in which they happened. What is durable is told when it is on disk.
/// Where some are missing there is an event of kind lost in their place: what came faster than it was read,
/// beyond what the daemon keeps (its limit max_events), and what happened while there was no connection. It
/// subscribes again after a reconnect by itself. To be used by one thread at a time.
class PROMISED_EXPORT Events {
 public:
  /// See Client::events.
  Events(std::shared_ptr<detail::Session> session, const EventFilter& filter,
         std::chrono::milliseconds timeout);
  Events(Events&&) noexcept;
  Events& operator=(Events&&) noexcept;
  /// Nothing more is told.
  ~Events();

  /// Waits for the next event; never nothing. Throws TimeoutError when none comes within the timeout (then it
  /// can be asked again), DisconnectedError, RefusedError when the daemon does not want this subscription any
  /// more.
  [[nodiscard]] std::optional<JobEvent> next();
  /// The same, waiting for so long.
  [[nodiscard]] std::optional<JobEvent> next(std::chrono::milliseconds timeout);

  using iterator = detail::PullIterator<Events, JobEvent>;
  /// Goes on for ever: it is left by an exception, or by the reader.
  [[nodiscard]] iterator begin() { return iterator(this); }
  [[nodiscard]] static std::default_sentinel_t end() { return {}; }

 private:
  friend iterator;
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::chrono::milliseconds timeout_;
  std::optional<JobEvent> current_;
};

}  // namespace promised
