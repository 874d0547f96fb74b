// SPDX-License-Identifier: Apache-2.0
// The hands of the daemon: worker processes and their channels. Carries out the effects that concern workers
// and turns what comes back into events. Decides nothing: which job goes where is decide's business.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/result.hpp"
#include "daemon/flow.hpp"
#include "daemon/settings.hpp"
#include "daemon/spawner/spawner.hpp"

namespace promised {

class Workers {
 public:
  /// Both must outlive this.
  Workers(const Settings& settings, Spawner& spawner);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// Readable when read() has events (an epoll fd over all channels, output pipes and the spawner).
  [[nodiscard]] int fd() const;

  /// No worker is there, on its way, or not yet known to be gone.
  [[nodiscard]] bool empty() const;

  /// Appends what the workers have said and what became of them. Reads each ready channel until it is empty
  /// or 1 MiB was read, so that one chatty worker does not starve the others. After a Problem nothing can be
  /// relied on here: the spawner is gone, or epoll or the timer has failed.
  [[nodiscard]] Result<void> read(std::vector<Event>& events);

  void start(const effect::StartWorker& e, std::vector<Event>& events);
  /// Appends to the worker's outgoing buffer; flush() sends.
  void dispatch(const effect::Dispatch& e);
  void tell(const effect::SendNotes& e);
  void tell(const effect::SendResume& e);
  /// On the worker page, at once.
  void mark(const effect::MarkCancelled& e);
  /// Appends event::AttemptOutput now or, by read(), when there is some.
  void read_output(const effect::ReadOutput& e, std::vector<Event>& events);
  /// Appends event::Revoked.
  void revoke(const effect::RevokeUnclaimed& e, std::vector<Event>& events);
  /// Appends event::WorkerMeasured, unless the worker is gone.
  [[nodiscard]] Result<void> measure(const effect::MeasureWorker& e, std::vector<Event>& events);
  void kill(const effect::KillWorker& e);
  void stop(const effect::StopWorker& e);

  /// Sends what dispatch() and stop() have gathered: one system call a worker where the socket has room; what
  /// it has not room for goes when it is writable again.
  void flush();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace promised
