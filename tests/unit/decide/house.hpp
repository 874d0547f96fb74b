// SPDX-License-Identifier: Apache-2.0
// The scheduler with a manual clock and nobody else in the house: the test says what clients and workers do,
// and reads what would be sent, dispatched and written.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "daemon/decide/scheduler.hpp"

namespace promised::test {

/// A pool of one worker of /bin/true, which says that it has the functions that the test wants.
Settings one_pool(std::uint32_t size = 1);
/// Likewise, and the channel of a worker has at most so many jobs.
Settings prefetching(std::uint32_t jobs, std::uint32_t size = 1);

class House {
 public:
  /// `recover` is called before the pools are started, to restore what a store remembers.
  explicit House(Settings settings = one_pool(), const std::function<void(House&)>& recover = {});

  // ---- clients ----
  /// A connection of `uid` that has said Hello; with `client`, the same client over a new connection.
  SessionId connect(uid_t uid = 1000, std::optional<JobId> client = {});
  /// A connection from the worker's process.
  SessionId connect_from(WorkerId worker);
  /// Says something and returns its request number; what comes of it is in replies().
  template <class Body>
  std::uint64_t ask(SessionId session, Body body, std::string payload = {}, std::uint64_t received = 0) {
    message::Request request{++number_, received, std::move(body)};
    handle(event::Requested{session, who_[session], std::move(request), Payload(payload)});
    return number_;
  }
  JobId submit(SessionId session, const std::string& function = "f", Options options = {},
               std::string arguments = "args");
  void disconnect(SessionId session) { handle(event::SessionGone{session}); }

  struct Sent {
    message::Reply reply;
    std::string payload;
  };
  /// The last reply to this session that is an R; fails the test if there is none.
  template <class R>
  const R& last(SessionId session) {
    for (auto it = sent_[session].rbegin(); it != sent_[session].rend(); ++it) {
      if (const auto* r = std::get_if<R>(&it->reply.body)) return *r;
    }
    throw std::runtime_error("no such reply was sent");
  }
  template <class R>
  std::size_t count(SessionId session) {
    std::size_t n = 0;
    for (const auto& s : sent_[session]) n += std::holds_alternative<R>(s.reply.body) ? 1 : 0;
    return n;
  }
  std::vector<Sent>& sent(SessionId session) { return sent_[session]; }
  /// How the job ended, as this session was told; nothing if it was not.
  std::optional<message::Ended> ended(SessionId session, const JobId& id);
  JobView show(SessionId session, const JobId& id);
  StatusView status(SessionId session);

  // ---- workers ----
  struct Hand {
    WorkerId id{};
    std::shared_ptr<const PoolSettings> pool;  ///< that it was started with
    pid_t pid = 0;                             ///< 0: not ready yet
    std::deque<message::Run> channel;          ///< dispatched, not reported
    std::uint32_t claimed = 0;                 ///< the first sequence that has not begun
    std::vector<int> signals;
    std::vector<message::Notes> notes;      ///< told to it
    std::vector<effect::ReadOutput> reads;  ///< of its output that were asked for
    bool told_to_stop = false;
    std::optional<std::uint32_t> told_cancelled;  ///< the sequence that is marked
    std::vector<message::Resume> resumed;
  };
  /// The workers that were asked for, in order, and are there.
  std::vector<WorkerId> workers() const;
  Hand& hand(WorkerId id) { return hands_.at(id); }
  void ready(WorkerId id, const std::vector<std::string>& functions = {"f", "g"});
  /// The worker begins the next job of its channel.
  message::Run begin(WorkerId id);
  /// Begins and ends it.
  JobId finish(WorkerId id, const std::string& result = "result", Nanos ran = std::chrono::microseconds(5),
               Printed printed = {});
  JobId fail(WorkerId id, Failure failure);
  void gone(WorkerId id, int signal, int exit_code = 0, const std::string& output = {}, Printed printed = {});
  /// It has begun so many jobs, of whose end nothing could be heard.
  void torn(WorkerId id, std::uint32_t claimed);
  /// The same with all that is told of it but what had begun.
  void gone(event::WorkerGone how);
  /// It has crashed and told of it.
  void crashed(WorkerId id, int signal, const std::string& backtrace, bool out_of_memory,
               std::uint64_t peak_memory = 0);
  /// What a worker takes when it is asked, in bytes; those of which nothing is said do not answer.
  std::map<WorkerId, std::uint64_t> resident;
  void start_failed(WorkerId id, const std::string& reason) {
    hands_.erase(id);
    handle(event::WorkerStartFailed{id, reason});
  }

  // ---- time and disk ----
  void wait(Nanos duration);
  void jump_wall_clock(std::chrono::microseconds by);
  /// From now on commits are slow: what waits for one waits until commit().
  void hold_commits() { holding_ = true; }
  void commit();
  std::vector<Change> changes;
  /// Where results come from that are not in memory; by default the changes that were written.
  std::function<std::optional<Payload>(const JobId&)> load;
  /// Set: the results that are asked for do not come.
  std::function<void(const JobId&)> load_later;
  /// Where the backlog is; without them nothing comes of it.
  std::function<std::vector<RecoveredJob>(const effect::LoadBacklog&)> load_backlog;
  /// Set: what is asked for of it does not come.
  std::function<void(const effect::LoadBacklog&)> load_backlog_later;
  std::function<std::optional<RecoveredJob>(const JobId&)> load_job;
  /// Where the arguments of jobs that have failed are; by default the changes that were written.
  std::function<Payload(const JobId&)> load_arguments;
  std::function<void(BacklogSearch&)> find_in_backlog;
  /// Where parts are that are not in memory.
  std::function<std::vector<PartChunk>(const effect::LoadParts&)> load_parts;
  /// Where output is that is not in memory; by default the changes that were written.
  std::function<std::string(const effect::LoadOutput&)> load_output;
  std::vector<std::string> dispatched_arguments;
  /// Who has asked for the configuration to be read; the test says what comes of it.
  std::vector<effect::ReadConfiguration> reads;
  /// What was written to the log, "LEVEL: TEXT".
  std::vector<std::string> logged;
  /// It was read anew, because of a signal, and has these pools.
  void reconfigure(const std::vector<PoolSettings>& pools);
  /// What is to be done to the store; the test says what comes of it.
  std::vector<effect::MaintainStore> maintained;
  int maintenance_stops = 0;

  template <class C>
  std::vector<C> written() const {
    std::vector<C> found;
    for (const auto& c : changes) {
      if (const auto* match = std::get_if<C>(&c)) found.push_back(*match);
    }
    return found;
  }

  void handle(Event event);
  void turn();
  void carry_out(std::vector<Effect> effects);

  Settings settings;
  Surroundings around;
  Scheduler scheduler;
  Now now{Instant(std::chrono::hours(1)), WallTime(std::chrono::hours(500'000))};
  Plan plan;

 private:
  std::map<SessionId, Identity> who_;
  std::map<SessionId, std::vector<Sent>> sent_;
  std::map<WorkerId, Hand> hands_;
  std::deque<Event> pending_;
  std::vector<Effect> held_;
  std::uint64_t number_ = 0;
  std::uint64_t next_session_ = 1;
  bool holding_ = false;
};

/// A house whose workers are ready.
class ReadyHouse : public House {
 public:
  explicit ReadyHouse(Settings s = one_pool()) : House(std::move(s)) {
    ready(workers().front());
    for (const WorkerId id : workers()) ready(id);
  }
};

}  // namespace promised::test
