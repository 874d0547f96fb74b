// SPDX-License-Identifier: Apache-2.0
// Real workers of real programs under test, as the daemon has them: a spawner, its workers, and all events so
// far.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <promised/convert.hpp>

#include "daemon/flow.hpp"
#include "daemon/pool/workers.hpp"
#include "daemon/settings.hpp"
#include "daemon/spawner/spawner.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/proc.hpp"

namespace promised::test {

/// A pool of the program tests/workers/`name`.cpp.
[[nodiscard]] PoolSettings pool_of(const std::string& name, std::vector<std::string> arguments = {});

/// The encoded arguments of a call.
[[nodiscard]] Payload encoded(const Value::List& positional,
                              std::vector<std::pair<std::string, Value>> named = {});
template <class... A>
[[nodiscard]] Payload arguments(A&&... given) {
  Value::List list;
  (list.push_back(to_value(std::forward<A>(given))), ...);
  return encoded(list);
}

class PoolFixture {
 public:
  explicit PoolFixture(PoolSettings pool) : PoolFixture(std::vector<PoolSettings>{std::move(pool)}) {}
  /// Limits that all pools share may be changed by `change`.
  explicit PoolFixture(std::vector<PoolSettings> pools, const std::function<void(Settings&)>& change = {});

  [[nodiscard]] Workers& workers() { return *workers_; }
  [[nodiscard]] Spawner& spawner() { return *spawner_; }

  /// Starts a worker; says nothing of how that went.
  WorkerId start(std::uint32_t pool = 0);
  /// The same for a pool that was not there when the spawner was started.
  WorkerId start(const PoolSettings& pool);
  /// Starts a worker and waits until it is ready.
  WorkerId start_ready(std::uint32_t pool = 0);

  /// Puts a call into the worker's channel, without sending it; its sequence number.
  std::uint32_t dispatch(WorkerId worker, const std::string& function, const Payload& arguments,
                         std::uint32_t attempt = 1);
  /// Puts a call into the channel, sends it, and waits for its end.
  event::AttemptEnded call(WorkerId worker, const std::string& function, const Payload& arguments);
  /// The value that the call returns; fails the test if it does not.
  Value value_of(WorkerId worker, const std::string& function, const Payload& arguments);
  std::uint32_t revoke(WorkerId worker);
  void kill(WorkerId worker, int signal) { workers_->kill({worker, signal}); }

  /// Reads what there is, waiting up to `wait` for something; all events are kept.
  void read(std::chrono::milliseconds wait);
  /// Reads until `condition` is true; fails the test, with what has happened, if that takes too long.
  void until(const std::function<bool()>& condition, const std::string& what);

  /// The events of one kind that concern `worker`, in order.
  template <class E>
  [[nodiscard]] std::vector<E> all(WorkerId worker) const {
    std::vector<E> found;
    for (const Event& e : events_) {
      if (const auto* one = std::get_if<E>(&e); one != nullptr && one->worker == worker)
        found.push_back(*one);
    }
    return found;
  }
  template <class E>
  [[nodiscard]] bool has(WorkerId worker) const {
    return !all<E>(worker).empty();
  }
  /// Waits for the first event of one kind that concerns `worker`.
  template <class E>
  E await(WorkerId worker) {
    until([&] { return has<E>(worker); }, "an event");
    return all<E>(worker).front();
  }
  [[nodiscard]] pid_t pid(WorkerId worker) { return await<event::WorkerStarted>(worker).pid; }
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  void forget_events();

 private:
  Settings settings_;
  std::unique_ptr<Spawner> spawner_;
  std::unique_ptr<Workers> workers_;
  std::vector<Event> events_;
  std::map<WorkerId, std::map<std::string, std::uint32_t>> functions_;
  std::map<WorkerId, std::uint32_t> next_sequence_;
  std::uint32_t next_worker_ = 1;
};

/// The result of an attempt as a value.
[[nodiscard]] Value decoded(const Payload& result);
template <class T>
[[nodiscard]] T result_as(const event::AttemptEnded& ended) {
  return from_value<T>(decoded(ended.result));
}

}  // namespace promised::test
