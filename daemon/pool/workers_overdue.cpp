// SPDX-License-Identifier: Apache-2.0
// Giving up on a worker: one whose channel cannot be read any further, or that says nothing where more has to
// come.
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <utility>

#include "daemon/pool/workers_impl.hpp"

namespace promised {
namespace {

// Between a worker's closing its channel and its end. One that just exits needs some microseconds.
constexpr std::chrono::seconds kEndGrace{1};
// Between two pieces of one frame, which a worker sends at once.
constexpr std::chrono::seconds kFrameGrace{5};

}  // namespace

void Workers::Impl::stop_listening(WorkerProcess& worker) {
  worker.more_by.reset();
  if (std::exchange(worker.listening, false)) watch(EPOLL_CTL_DEL, worker.channel.get(), 0, 0);
  worker.outbox.clear();
}

void Workers::Impl::condemn(WorkerId id, WorkerProcess& worker, std::string why) {
  stop_listening(worker);
  worker.protocol_error = std::move(why);
  note(spawner.kill(id, SIGKILL));
}

// A worker's process ends with its channel. If it does not, nobody can reach it any more.
void Workers::Impl::expect_end(WorkerProcess& worker) {
  stop_listening(worker);
  worker.must_end_by = std::chrono::steady_clock::now() + kEndGrace;
  set_timer();
}

// What comes behind a torn frame cannot be understood: without an end to this wait, neither job nor worker
// would ever end. The timer is set only for the first piece; when it comes too early, it is set again.
void Workers::Impl::expect_more(WorkerProcess& worker) {
  if (!worker.inbox.awaits_more()) return worker.more_by.reset();
  const bool waits_already = worker.more_by.has_value();
  worker.more_by = std::chrono::steady_clock::now() + kFrameGrace;
  if (!waits_already) set_timer();
}

void Workers::Impl::end_overdue() {
  std::uint64_t expirations = 0;
  static_cast<void>(!::read(timer.get(), &expirations, sizeof expirations));  // EAGAIN: it was set again
  const Instant now = std::chrono::steady_clock::now();
  for (auto& [id, worker] : workers) {
    if (worker.must_end_by && *worker.must_end_by <= now) {
      worker.must_end_by.reset();
      condemn(id, worker, "it closed its channel (fd 3) and went on running");
      worker.ends_late = true;
    } else if (worker.more_by && *worker.more_by <= now) {
      worker.more_by.reset();
      char next = 0;
      if (::recv(worker.channel.get(), &next, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
        continue;  // this side is late
      condemn(id, worker, "it stopped in the middle of a frame on its channel (fd 3)");
    }
  }
  set_timer();
}

// To the first moment at which a worker is overdue; off where none is awaited.
void Workers::Impl::set_timer() {
  std::optional<Instant> first;
  for (const auto& [id, worker] : workers) {
    for (const std::optional<Instant>& end : {worker.must_end_by, worker.more_by})
      if (end && (!first || *end < *first)) first = end;
  }
  itimerspec when{};
  if (first) {
    const Nanos since_start = first->time_since_epoch();
    when.it_value.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(since_start).count();
    when.it_value.tv_nsec = (since_start % std::chrono::seconds(1)).count();
  }
  if (::timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &when, nullptr) != 0) {
    note(Problem::system("workers: timerfd_settime"));
  }
}

}  // namespace promised
