// SPDX-License-Identifier: Apache-2.0
// What is behind Workers: the processes, and the descriptors by which they are heard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/fd.hpp"
#include "daemon/pool/worker_process.hpp"
#include "daemon/pool/workers.hpp"

namespace promised {

struct Workers::Impl {
  Impl(const Settings& s, Spawner& sp);

  // What start() does, up to the point where the worker is on its way.
  [[nodiscard]] Result<void> launch(const effect::StartWorker& e);

  void watch(int operation, int fd, std::uint64_t data, std::uint32_t events);
  void watch_spawner();
  void note(const Result<void>& result);
  [[nodiscard]] WorkerProcess* find(WorkerId id);

  [[nodiscard]] Result<void> read(std::vector<Event>& events);
  [[nodiscard]] Result<void> read_spawner(std::vector<Event>& events);
  void on(const Spawned& report, std::vector<Event>& events);
  void on(const SpawnFailed& report, std::vector<Event>& events);
  void on(const Exited& report, std::vector<Event>& events);

  void read_channel(WorkerId id, WorkerProcess& worker, std::size_t most, std::vector<Event>& events);
  WorkerOutput::Read read_output(WorkerProcess& worker) {
    return worker.output.read(worker.page->output, output);
  }
  /// To who has asked for it: what has come in this turn, together.
  static void tell_output(WorkerProcess& worker, std::vector<Event>& events) {
    if (auto told = worker.output.answer(worker.page->output)) events.emplace_back(*std::move(told));
  }
  [[nodiscard]] Result<void> take(WorkerId id, WorkerProcess& worker, message::FromWorker&& message,
                                  Payload&& payload, std::vector<Event>& events);
  [[nodiscard]] static Result<void> take_ready(WorkerId id, WorkerProcess& worker, message::Ready&& ready,
                                               std::vector<Event>& events);

  void stop_listening(WorkerProcess& worker);
  void condemn(WorkerId id, WorkerProcess& worker, std::string why);
  void expect_end(WorkerProcess& worker);
  void expect_more(WorkerProcess& worker);
  void end_overdue();
  void set_timer();

  void queue(WorkerId id, WorkerProcess& worker, const message::ToWorker& message,
             const Payload& payload = {});
  void answer(WorkerId id, WorkerProcess& worker, const message::ToWorker& message, std::size_t size);
  void send(WorkerId id, WorkerProcess& worker);

  const Settings& settings;
  Spawner& spawner;
  Fd epoll;
  Fd timer;
  std::unordered_map<WorkerId, WorkerProcess> workers;
  bool spawner_awaits_room = false;
  std::vector<WorkerId> unsent;
  std::vector<SpawnerReport> reports;
  std::vector<char> shared = std::vector<char>(Inbox::kShared);
  std::vector<char> output = std::vector<char>(std::size_t{64} << 10);  ///< all that a pipe holds
  std::optional<Problem> fault;                                         ///< for the next read() to tell
};

}  // namespace promised
