// SPDX-License-Identifier: Apache-2.0
#include "daemon/pool/workers.hpp"
#include "daemon/pool/environment.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <variant>

#include "common/wire/utf8.hpp"
#include "daemon/pool/functions.hpp"
#include "daemon/pool/resident_size.hpp"
#include "daemon/pool/workers_impl.hpp"

namespace promised {
namespace {

constexpr std::size_t kTurn = std::size_t{1} << 20;  // read of one channel before the next has its turn
constexpr std::size_t kMostReady = 128;              // descriptors served in one turn
constexpr std::size_t kMaxFailureType = std::size_t{4} << 10;
constexpr std::size_t kMaxFailureMessage = std::size_t{64} << 10;
// Of answers to a worker's questions, which it is to read before it asks on.
constexpr std::size_t kMostUnread = std::size_t{1} << 20;

enum class Source : std::uint32_t { channel, output, spawner, timer };

std::uint64_t tag(Source source, WorkerId worker = {}) {
  return std::uint64_t{static_cast<std::uint32_t>(source)} << 32 | static_cast<std::uint32_t>(worker);
}

std::string cut(const std::string& text, std::size_t most) {
  return std::string(wire::cut_utf8(text, most));
}

}  // namespace

Workers::Impl::Impl(const Settings& s, Spawner& sp)
    : settings(s),
      spawner(sp),
      epoll(::epoll_create1(EPOLL_CLOEXEC)),
      timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  if (!epoll.valid() || !timer.valid()) {
    fault = Problem::system("workers: epoll_create1 or timerfd_create");
    return;
  }
  watch(EPOLL_CTL_ADD, spawner.fd(), tag(Source::spawner), EPOLLIN);
  watch(EPOLL_CTL_ADD, timer.get(), tag(Source::timer), EPOLLIN);
}

// ---- starting and ending ------------------------------------------------------------------------

Result<void> Workers::Impl::launch(const effect::StartWorker& e) {
  const PoolSettings& pool = *e.pool;
  PROMISED_ASSIGN(MappedWorkerPage page, MappedWorkerPage::make());
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Problem::system("start a worker: socketpair");
  }
  Fd channel(ends[0]);
  const Fd channel_of_worker(ends[1]);
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Problem::system("start a worker: pipe");
  Fd output_end(ends[0]);
  const Fd output_of_worker(ends[1]);
  if (::fcntl(output_end.get(), F_SETFL, O_NONBLOCK) != 0) return Problem::system("start a worker: fcntl");
  const SpawnRequest request{.program = pool.program,
                             .arguments = pool.arguments,
                             .environment = worker_environment(settings, pool),
                             .directory = pool.directory,
                             .user = pool.user,
                             .memory_limit = pool.memory_limit,
                             .open_files = pool.open_files,
                             .processes = pool.processes,
                             .core_size = pool.core_size,
                             .nice = pool.nice,
                             .sandbox = pool.sandbox};
  PROMISED_TRY(
      spawner.spawn(e.worker, request, channel_of_worker.get(), page.file().get(), output_of_worker.get()));
  page.close_file();
  const auto [at, is_new] = workers.try_emplace(e.worker, std::move(page), std::move(channel),
                                                std::move(output_end), settings.limits, pool.isolation);
  queue(e.worker, at->second,
        message::WorkerWelcome{message::kWorkerProtocol, pool.name, settings.limits.max_result,
                               settings.limits.max_parts, settings.limits.max_notes, pool.isolation,
                               static_cast<std::uint64_t>(pool.cpu_time.count())});
  return {};
}

// Only now is the worker listened to, so that nothing it says comes before the news that it exists.
void Workers::Impl::on(const Spawned& report, std::vector<Event>& events) {
  WorkerProcess* worker = find(report.worker);
  if (worker == nullptr) return;
  worker->pid = report.pid;
  worker->started = std::chrono::steady_clock::now();
  worker->listening = true;
  watch(EPOLL_CTL_ADD, worker->channel.get(), tag(Source::channel, report.worker),
        worker->awaits_room ? EPOLLIN | EPOLLOUT : EPOLLIN);
  watch(EPOLL_CTL_ADD, worker->output.fd(), tag(Source::output, report.worker), EPOLLIN);
  events.push_back(event::WorkerStarted{report.worker, report.pid});
}

void Workers::Impl::on(const SpawnFailed& report, std::vector<Event>& events) {
  if (workers.erase(report.worker) > 0)
    events.push_back(event::WorkerStartFailed{report.worker, report.reason});
}

void Workers::Impl::on(const Exited& report, std::vector<Event>& events) {
  WorkerProcess* worker = find(report.worker);
  if (worker == nullptr) return;
  // All that it has said is here by now, and no more than its socket's buffer holds.
  constexpr std::size_t kAll = std::size_t{64} << 20;
  if (worker->listening) read_channel(report.worker, *worker, kAll, events);
  // The same of its output, which what it has started may still hold, and go on writing to.
  for (std::size_t turns = kTurn / output.size(); turns > 0; --turns)
    if (read_output(*worker) == WorkerOutput::Read::nothing) break;
  tell_output(*worker, events);
  // It had ended by itself, and that was told late.
  if (worker->ends_late && report.signal != SIGKILL) worker->protocol_error.clear();
  const WorkerPage& page = *worker->page;
  events.push_back(event::WorkerGone{
      report.worker, page.claims.claimed(), report.signal, report.exit_code, report.peak_memory,
      worker->output.last_words(), std::move(worker->protocol_error), report.user, report.system,
      report.out_of_memory || page.crash.out_of_memory(), page.crash.backtrace(), worker->output.end()});
  workers.erase(report.worker);
}

Result<void> Workers::Impl::read_spawner(std::vector<Event>& events) {
  reports.clear();
  const Result<void> read = spawner.read(reports);
  for (const SpawnerReport& report : reports) {
    std::visit([&](const auto& r) { on(r, events); }, report);
  }
  return read;
}

// ---- listening ----------------------------------------------------------------------------------

Result<void> Workers::Impl::read(std::vector<Event>& events) {
  std::array<epoll_event, kMostReady> ready;
  const int n = ::epoll_wait(epoll.get(), ready.data(), static_cast<int>(ready.size()), 0);
  if (n < 0 && errno != EINTR) return Problem::system("workers: epoll_wait");
  Result<void> result;
  for (int i = 0; i < n; ++i) {
    const epoll_event& e = ready[static_cast<std::size_t>(i)];
    const auto source = static_cast<Source>(e.data.u64 >> 32);
    const auto id = static_cast<WorkerId>(static_cast<std::uint32_t>(e.data.u64));
    if (source == Source::spawner) {
      result = read_spawner(events);
    } else if (source == Source::timer) {
      end_overdue();
    } else if (WorkerProcess* worker = find(id); worker != nullptr) {
      if (source == Source::output) read_output(*worker);
      if (source == Source::channel && (e.events & EPOLLOUT) != 0) send(id, *worker);
      if (source == Source::channel && (e.events & ~EPOLLOUT) != 0) read_channel(id, *worker, kTurn, events);
      tell_output(*worker, events);
    }
  }
  watch_spawner();
  if (fault) return *std::exchange(fault, {});
  return result;
}

void Workers::Impl::read_channel(WorkerId id, WorkerProcess& worker, std::size_t most,
                                 std::vector<Event>& events) {
  for (std::size_t have = 0; have < most && worker.listening;) {
    const Inbox::Received received = worker.inbox.receive(worker.channel.get(), shared);
    // What was printed before these frames were sent is in the pipe by now, and not more than fits into it.
    if (received.size > 0) read_output(worker);
    const Result<void> parsed = worker.inbox.parse([&](message::FromWorker&& message, Payload&& payload) {
      return take(id, worker, std::move(message), std::move(payload), events);
    });
    if (!parsed.ok()) return condemn(id, worker, parsed.problem().message);
    if (received.end == Inbox::Received::End::closed) return expect_end(worker);
    if (received.end == Inbox::Received::End::empty) break;
    have += received.size;
  }
  expect_more(worker);
}

Result<void> Workers::Impl::take(WorkerId id, WorkerProcess& worker, message::FromWorker&& message,
                                 Payload&& payload, std::vector<Event>& events) {
  if (auto* ready = std::get_if<message::Ready>(&message))
    return take_ready(id, worker, std::move(*ready), events);
  if (!worker.ready)
    return Problem::of("protocol", "expected the worker's functions first, found something else");
  if (!std::holds_alternative<message::AttemptEnded>(message))
    return worker.reports.take(id, std::move(message), std::move(payload), events);
  auto& ended = std::get<message::AttemptEnded>(message);
  PROMISED_TRY(worker.reports.check(ended.failure.cause));
  const OutputMarks& marks = worker.page->output;
  tell_output(worker, events);  // there may be more than what is kept
  Failure failure;
  if (ended.failure.cause != Cause::none) {
    failure.cause = ended.failure.cause;
    failure.type = cut(ended.failure.type, kMaxFailureType);
    failure.message = cut(ended.failure.message, kMaxFailureMessage);
    failure.signal = ended.failure.signal;
    failure.exit_code = ended.failure.exit_code;
    failure.permanent = ended.failure.permanent;
    failure.retry_after = ended.failure.retry_after;
    failure.user = ended.failure.user;
    failure.system = ended.failure.system;
    failure.peak_memory = ended.failure.peak_memory;
    failure.backtrace = cut(ended.failure.backtrace, kMaxFailureMessage);
    failure.output = worker.output.last_words(marks, ended.sequence);
    failure.pid = worker.pid;
    payload = Payload();
  }
  const Nanos ran = std::min<Nanos>(ended.ran, std::chrono::steady_clock::now() - worker.started);
  events.push_back(event::AttemptEnded{id, ended.sequence, std::move(failure), ran, std::move(payload),
                                       worker.output.end_job(marks, ended.sequence), ended.becomes});
  return {};
}

Result<void> Workers::Impl::take_ready(WorkerId id, WorkerProcess& worker, message::Ready&& ready,
                                       std::vector<Event>& events) {
  if (worker.ready) return Problem::of("protocol", "expected the worker's functions once, found them again");
  if (ready.protocol != message::kWorkerProtocol) {
    return Problem::of("protocol", "expected version " + std::to_string(message::kWorkerProtocol) +
                                       " of the worker protocol, found " + std::to_string(ready.protocol) +
                                       ": build the worker program against this version of promised");
  }
  PROMISED_TRY(check_functions(ready.functions));
  worker.ready = true;
  worker.output.begin_jobs();
  events.push_back(event::WorkerReady{id, std::move(ready.functions)});
  return {};
}

// ---- talking ------------------------------------------------------------------------------------

void Workers::Impl::queue(WorkerId id, WorkerProcess& worker, const message::ToWorker& message,
                          const Payload& payload) {
  if (worker.pid != 0 && !worker.listening) return;  // it is on its way out
  worker.outbox.add(message, payload);
  if (!std::exchange(worker.unsent, true)) unsent.push_back(id);
}

void Workers::Impl::answer(WorkerId id, WorkerProcess& worker, const message::ToWorker& message,
                           std::size_t size) {
  queue(id, worker, message);
  worker.unread += size;
  if (worker.unread > kMostUnread && worker.listening)
    condemn(id, worker, "it asks on its channel (fd 3), and does not read the answers");
}

void Workers::Impl::send(WorkerId id, WorkerProcess& worker) {
  const bool awaits_room = worker.outbox.send(worker.channel.get()) == Outbox::Sent::some;
  if (!awaits_room) worker.unread = 0;
  if (std::exchange(worker.awaits_room, awaits_room) == awaits_room || !worker.listening) return;
  watch(EPOLL_CTL_MOD, worker.channel.get(), tag(Source::channel, id),
        awaits_room ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void Workers::Impl::watch(int operation, int fd, std::uint64_t data, std::uint32_t events) {
  epoll_event e{};
  e.events = events;
  e.data.u64 = data;
  if (::epoll_ctl(epoll.get(), operation, fd, &e) != 0) note(Problem::system("workers: epoll_ctl"));
}

/// For room too, while orders wait for it.
void Workers::Impl::watch_spawner() {
  const bool for_room = spawner.has_unsent();
  if (std::exchange(spawner_awaits_room, for_room) == for_room) return;
  watch(EPOLL_CTL_MOD, spawner.fd(), tag(Source::spawner), for_room ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void Workers::Impl::note(const Result<void>& result) {
  if (!result.ok() && !fault) fault = result.problem();
}

WorkerProcess* Workers::Impl::find(WorkerId id) {
  const auto found = workers.find(id);
  return found == workers.end() ? nullptr : &found->second;
}

// ---- the interface ------------------------------------------------------------------------------

Workers::Workers(const Settings& settings, Spawner& spawner)
    : impl_(std::make_unique<Impl>(settings, spawner)) {}

Workers::~Workers() = default;

int Workers::fd() const {
  return impl_->epoll.get();
}

bool Workers::empty() const {
  return impl_->workers.empty();
}

Result<void> Workers::read(std::vector<Event>& events) {
  return impl_->read(events);
}

void Workers::start(const effect::StartWorker& e, std::vector<Event>& events) {
  const Result<void> launched = impl_->launch(e);
  if (!launched.ok()) events.push_back(event::WorkerStartFailed{e.worker, launched.problem().message});
}

// A worker that is not there any more has its WorkerGone on the way to decide: whatever was meant for it goes
// back.
void Workers::dispatch(const effect::Dispatch& e) {
  if (WorkerProcess* worker = impl_->find(e.worker)) impl_->queue(e.worker, *worker, e.run, e.arguments);
}

void Workers::tell(const effect::SendNotes& e) {
  std::size_t size = sizeof e.notes;
  for (const NoteView& note : e.notes.notes) size += note.key.size() + note.encoded.size();
  if (WorkerProcess* worker = impl_->find(e.worker)) impl_->answer(e.worker, *worker, e.notes, size);
}

void Workers::tell(const effect::SendResume& e) {
  const std::size_t size = sizeof e.resume + e.resume.message.size();
  if (WorkerProcess* worker = impl_->find(e.worker)) impl_->answer(e.worker, *worker, e.resume, size);
}

void Workers::mark(const effect::MarkCancelled& e) {
  WorkerProcess* worker = impl_->find(e.worker);
  if (worker == nullptr) return;
  worker->page->cancelled.set(e.sequence);
  const message::Resume wake{e.sequence, "cancelled", "the job was cancelled"};
  impl_->answer(e.worker, *worker, wake, sizeof wake + wake.message.size());
}

void Workers::read_output(const effect::ReadOutput& e, std::vector<Event>& events) {
  WorkerProcess* worker = impl_->find(e.worker);
  if (worker == nullptr) return;
  worker->output.ask(e);
  Impl::tell_output(*worker, events);
}

void Workers::revoke(const effect::RevokeUnclaimed& e, std::vector<Event>& events) {
  WorkerProcess* worker = impl_->find(e.worker);
  if (worker != nullptr) events.push_back(event::Revoked{e.worker, worker->page->claims.revoke(e.sent)});
}

Result<void> Workers::measure(const effect::MeasureWorker& e, std::vector<Event>& events) {
  const WorkerProcess* worker = impl_->find(e.worker);
  if (worker == nullptr) return {};
  PROMISED_ASSIGN(const auto resident, resident_size(worker->pid));
  if (resident) events.push_back(event::WorkerMeasured{e.worker, *resident});
  return {};
}

void Workers::kill(const effect::KillWorker& e) {
  if (impl_->find(e.worker) != nullptr) impl_->note(impl_->spawner.kill(e.worker, e.signal));
}

void Workers::stop(const effect::StopWorker& e) {
  if (WorkerProcess* worker = impl_->find(e.worker)) impl_->queue(e.worker, *worker, message::Stop{});
}

void Workers::flush() {
  for (const WorkerId id : impl_->unsent) {
    WorkerProcess* worker = impl_->find(id);
    if (worker == nullptr) continue;
    worker->unsent = false;
    if (!worker->awaits_room) impl_->send(id, *worker);
  }
  impl_->unsent.clear();
  impl_->watch_spawner();
}

}  // namespace promised
