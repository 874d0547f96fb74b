// SPDX-License-Identifier: Apache-2.0
// What the daemon holds of one worker process: its ends of channel and output pipe, and what is on its way
// through them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "common/clock.hpp"
#include "common/fd.hpp"
#include "daemon/pool/inbox.hpp"
#include "daemon/pool/mapped_worker_page.hpp"
#include "daemon/pool/outbox.hpp"
#include "daemon/pool/reports.hpp"
#include "daemon/pool/worker_output.hpp"
#include "daemon/settings.hpp"

namespace promised {

struct WorkerProcess {
  /// `limits` must outlive this.
  WorkerProcess(MappedWorkerPage worker_page, Fd channel_end, Fd output_end, const Limits& limits,
                Isolation isolation)
      : page(std::move(worker_page)),
        channel(std::move(channel_end)),
        output(std::move(output_end), limits.max_output),
        inbox(limits.max_result),
        reports(limits, isolation) {}

  MappedWorkerPage page;
  Fd channel;
  WorkerOutput output;
  Inbox inbox;
  Reports reports;
  Outbox outbox;
  pid_t pid = 0;  ///< 0: not started yet, and not heard
  Instant started{};
  bool ready = false;      ///< it has said what it can run
  bool listening = false;  ///< its channel is still read
  bool unsent = false;     ///< in the list that flush() goes through
  bool awaits_room = false;
  std::size_t unread = 0;  ///< bytes of answers that it has not made room for
  /// It has closed its channel: by then its process must have ended.
  std::optional<Instant> must_end_by;
  /// A frame of it has begun to come: by then more of it must have come.
  std::optional<Instant> more_by;
  std::string protocol_error;
  bool ends_late = false;  ///< all that protocol_error says is that its end was not told in time
};

}  // namespace promised
