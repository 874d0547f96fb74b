// SPDX-License-Identifier: Apache-2.0
// Decide: what follows from what has happened. Takes events, keeps the state of every job, worker and
// session, and answers with changes for the store and effects for act. It is a function of (state, event,
// now): no clock, no fd, no SQL, no protobuf. Called by the loop only.
//
// The methods stand in one file per kind of event: on_session, on_submit, on_name, on_watch, on_steer
// (cancel, adjust, withdraw), on_leave (tied jobs), on_store (check, backup, compact), on_reload, on_list,
// on_look (list, show, status), on_explain (why a job waits), on_retry, on_time (delays, starts, pauses),
// on_unique, on_queue and on_clear (how queues and quotas are served), on_link (jobs that follow others),
// room_to_follow (whose turn waits for memory), on_composite, on_become, on_event (subscriptions), on_outcome
// (commands), on_note, on_follow, on_worker, on_attempt, on_wait; what several of them need is in staffing
// (how many workers there are), ending (outcomes), retries, news (what followers are told), output (what jobs
// print), delivery (how outcomes reach clients), dispatch (who runs what next), writing (when the store is
// told), disk (when it is full, slow or gone), backlog (jobs that wait on disk), timers, recovery and
// kin_recovery.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/decide/accounts.hpp"
#include "daemon/decide/clearing.hpp"
#include "daemon/decide/commands.hpp"
#include "daemon/decide/followers.hpp"
#include "daemon/decide/gate.hpp"
#include "daemon/decide/graves.hpp"
#include "daemon/decide/held.hpp"
#include "daemon/decide/id_set.hpp"
#include "daemon/decide/job_table.hpp"
#include "daemon/decide/lanes.hpp"
#include "daemon/decide/names.hpp"
#include "daemon/decide/pools.hpp"
#include "daemon/decide/schedule.hpp"
#include "daemon/decide/sessions.hpp"
#include "daemon/decide/statistics.hpp"
#include "daemon/decide/steering.hpp"
#include "daemon/decide/subscriptions.hpp"
#include "daemon/decide/surroundings.hpp"
#include "daemon/decide/ties.hpp"
#include "daemon/decide/timer.hpp"
#include "daemon/decide/unique.hpp"
#include "daemon/flow.hpp"
#include "daemon/settings.hpp"

namespace promised {

namespace test {
class Audit;
}

class Scheduler {
 public:
  /// `settings` and `around` must outlive this; the loop changes limits and access between events. `self`:
  /// the daemon's own uid. `seed`: secret, for the hash of ids and for chance.
  Scheduler(const Settings& settings, const Surroundings& around, uid_t self, std::uint64_t seed);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// What the store remembers: first what was said of queues and quotas and how jobs hang together, then the
  /// backlog, then all other jobs, in submission order, then all names and tombstones, then start().
  void restore(SteeredQueue queue) { steering_.restore(std::move(queue)); }
  void restore(SteeredQuota quota) { steering_.restore(std::move(quota)); }
  void restore(const RecoveredBacklog& backlog);
  void restore_backlog_id(const JobId& id) { backlog_ids_.insert(id); }
  void restore_known(RecoveredJob job, Now now, Plan& plan);
  void restore(RecoveredJob job, Now now, Plan& plan);
  void restore(RecoveredName name, Now now, Plan& plan);
  /// Before all jobs.
  void restore(const RecoveredLink& link) { recovered_links_.emplace(link.id, link.link); }
  void restore(const RecoveredGrave& grave);
  /// Ends the recovery and starts the pools.
  void start(Now now, Plan& plan);

  void handle(Event event, Now now, Plan& plan);
  /// After the events of one turn: what is due, and jobs for the workers that have room.
  void end_turn(Now now, Plan& plan);
  /// How long until end_turn() has something to do without an event; nothing: for ever.
  [[nodiscard]] std::optional<Nanos> next_due(Now now) const;

  /// Accepts nothing more and lets workers end what they run (SEMANTICS E6).
  void drain(Now now, Plan& plan);
  /// Ends the grace: what still runs is interrupted.
  void stop_now(Plan& plan);
  [[nodiscard]] bool drained() const { return draining_ && workers_.empty() && !maintenance_; }
  /// Tells everybody that the store has failed and why; from now on every request is refused with that.
  void store_failed(const std::string& reason, Plan& plan);
  /// How many jobs run.
  [[nodiscard]] std::uint64_t running() const {
    return accounts_.all().by_state[static_cast<std::size_t>(State::running)];
  }
  /// No pool is in its first start any more: each has been ready, or is failing.
  [[nodiscard]] bool settled() const;
  /// Queues in memory, with some that have no job any more.
  [[nodiscard]] std::size_t known_queues() const { return lanes_.queues().size(); }
  /// Names of functions in memory: those that are offered, or that a lane is for.
  [[nodiscard]] std::size_t known_functions() const { return functions_.size(); }

 private:
  friend class test::Audit;  ///< looks at everything, and changes nothing (tests/unit/decide/property)

  struct Turn {
    Now now;
    Plan& plan;
  };
  struct Asked;  // a request with its session
  struct HeirOfBacklog;
  /// What is being done to the store, and whom to tell.
  struct Maintenance {
    StoreTask task = StoreTask::check;
    std::uint32_t uid = 0;
    SessionId session{};
    std::uint64_t number = 0;
    Instant began;
  };

  // on_session
  void on(event::Requested&& e, Turn& t);
  void on(event::SessionGone&& e, Turn& t);
  void hello(event::Requested& e, const message::Hello& hello, Turn& t);
  void close_session(Session& session, event::Departure how, Turn& t);
  void refuse(SessionId session, std::uint64_t number, message::Refused refused, Turn& t);
  void reply(SessionId session, std::uint64_t number, decltype(message::Reply::body) body, bool after_commit,
             Turn& t);

  // on_submit
  void on(Asked& asked, message::Submit& submit, Turn& t);
  void resubmit(Asked& asked, Job& job, Turn& t);
  [[nodiscard]] std::optional<message::Refused> check_submit(const Asked& asked,
                                                             const message::Submit& submit);
  [[nodiscard]] std::optional<message::Refused> check_call(const Asked& asked, const message::Submit& submit);
  [[nodiscard]] std::optional<message::Refused> check_room(const Asked& asked, const Options& options) const;
  [[nodiscard]] std::optional<message::Refused> check_new_queues(std::uint64_t count) const;
  [[nodiscard]] static message::Refused id_taken(const JobId& id);
  [[nodiscard]] bool is_known(Asked& asked, const JobId& id, Turn& t);
  [[nodiscard]] bool is_offered(Asked& asked, const std::string& name, const std::string& queue, Turn& t);
  [[nodiscard]] std::optional<std::string> name_for(Asked& asked, const Options& options, const Job* but_not,
                                                    Turn& t);
  [[nodiscard]] message::Refused no_function(const std::string& name) const;
  [[nodiscard]] std::optional<message::Refused> check_quotas(const std::vector<QuotaUse>& quotas) const;
  void accept(Asked& asked, message::Submit& submit, Turn& t);
  Job& make_job(const Asked& asked, const message::Submit& submit, Turn& t);
  WallTime next_submitted(Now now);
  void tell_accepted(Session& session, std::uint64_t number, const JobId& id, Durability durability, Turn& t);
  void flush_accepted(Turn& t);
  /// Keeps the request until the pools have told what they offer.
  void hold(Asked& asked, Turn& t);
  /// What is to be answered if no further request may be kept.
  [[nodiscard]] std::optional<message::Refused> check_held(const Asked& asked) const;
  /// Whether one more request may be kept; it counts then. If not, it has been refused.
  bool count_held(Asked& asked, Turn& t);
  /// What was held is not any more: it does not count.
  void release_held(const std::vector<event::Requested>& held);
  void retry_held(Turn& t);

  // on_name
  void on(Asked& asked, message::Remember& remember, Turn& t);
  void on(Asked& asked, message::Forget& forget, Turn& t);
  /// Whether the name can be given to a new holder; if not, the request has been answered.
  enum class NameAnswer : std::uint8_t { take, go_unnamed, answered };
  NameAnswer settle_name(Asked& asked, const std::string& name, Duplicate duplicate, const Job* but_not,
                         Turn& t);
  [[nodiscard]] message::Refused name_too_long(const std::string& name) const;
  [[nodiscard]] std::optional<message::Refused> check_name(const Asked& asked, std::uint32_t owner,
                                                           const std::string& name,
                                                           const std::optional<Millis>& lifespan);
  [[nodiscard]] std::optional<message::Refused> check_lifespan(const std::optional<Millis>& lifespan) const;
  [[nodiscard]] static message::Refused name_not_permitted(const Asked& asked, const std::string& name,
                                                           NameUse use);
  void give_name(Job& job, const std::string& name, std::optional<Millis> lifespan, Turn& t);
  void take_name(Job& job, State tombstone, Turn& t);
  Job* keep_known_outcome(Asked& asked, message::Remember& remember, Turn& t);

  // on_watch
  void on(Asked& asked, message::Watch& watch, Turn& t);
  void add_watcher(Job& job, Session& session, Watcher watcher);

  // on_steer
  void on(Asked& asked, message::Cancel& cancel, Turn& t);
  void on(Asked& asked, message::Adjust& adjust, Turn& t);
  void on(Asked& asked, message::Withdraw& withdraw, Turn& t);
  enum class Haste : std::uint8_t { none, now };
  /// Of a job that has not ended: at once where it is queued; where a worker has it, when it has stopped.
  void cancel(Job& job, std::string reason, Haste haste, Turn& t);
  void stop_cancelled(Worker& worker, Turn& t);
  /// Cancels it unless it has begun.
  void withdraw(Job& job, const std::string& reason, Turn& t);

  // on_queue
  void on(Asked& asked, message::SteerQueue& steer, Turn& t);
  void on(Asked& asked, message::SteerQuota& steer, Turn& t);
  [[nodiscard]] bool may_steer_queues(const Asked& asked, Turn& t);
  [[nodiscard]] message::Refused no_quota(const std::string& name) const;
  void apply_rule(const std::string& queue);
  void leave_rule(Queue& queue, Turn& t);
  void take_back_ready(Turn& t);
  void apply_quotas();
  void apply_steering(Turn& t);
  /// What is to be answered if the queue takes no more jobs now.
  [[nodiscard]] std::optional<message::Refused> check_queue(const Options& options,
                                                            std::uint64_t before = 0) const;
  [[nodiscard]] std::optional<message::Refused> check_queues(
      const std::vector<message::SubmitTree::Node>& nodes) const;

  // on_clear
  void clear(const Asked& asked, const std::string& queue_name, Turn& t);
  void withdraw_ready(const Queue& queue, Clearing& clearing, Turn& t);
  void settle_withdrawn(Clearing& clearing);
  void go_on_clearing(Turn& t);
  void clear(Job& job, Clearing& clearing, Turn& t);
  void search_to_clear(Clearing& clearing, Turn& t);
  void found_to_clear(BacklogSearch& search, Turn& t);

  // on_leave
  void tie(Job& job, std::uint64_t tag, Millis grace, std::optional<Instant> gone_since = {});
  void untie(Job& job);
  void client_is_back(const Session& session);
  void client_has_gone(std::uint64_t tag, std::uint32_t owner, event::Departure how, Turn& t);

  // on_store
  void on(Asked& asked, message::StoreCommand& command, Turn& t);
  void on(event::StoreMaintained&& e, Turn& t);
  [[nodiscard]] std::string still_at_it(Now now) const;

  // on_list
  void on(Asked& asked, message::List& list, Turn& t);
  void on(Asked& asked, message::Show& show, Turn& t);
  void search(Asked& asked, BacklogSearch search, Turn& t);
  void on(event::FoundInBacklog&& e, Turn& t);
  void found(Asked& asked, const std::vector<RecoveredJob>& on_disk, Turn& t);
  void answer(Asked& asked, const message::List& list, const std::vector<RecoveredJob>& on_disk, Turn& t);
  void answer(Asked& asked, const message::Show& show, const std::vector<RecoveredJob>& on_disk, Turn& t);
  void count(Asked& asked, const message::List& list, std::uint64_t on_disk, Turn& t);
  /// Calls `take` with each job that the list is about; of those behind the asker's names, which come the
  /// newest first, only until it returns false.
  template <class Take>
  void each_listed(const Asked& asked, const message::List& list, Take&& take) const;
  [[nodiscard]] bool finds_by_name(const Asked& asked, const Job& job) const;

  // on_look
  class Explainer;
  void on(Asked& asked, message::Explain& explain, Turn& t);
  void on(Asked& asked, message::StatusQuery& query, Turn& t);
  [[nodiscard]] JobView view(const Job& job) const;
  [[nodiscard]] JobView shown(const Asked& asked, const Job& job) const;
  [[nodiscard]] static JobView view(const RecoveredJob& job);
  [[nodiscard]] PoolView view(const Pool& pool, Now now) const;
  [[nodiscard]] std::vector<QueueView> view_queues(Now now) const;
  [[nodiscard]] static QueueView view(const Queue& queue, Now now);
  [[nodiscard]] std::vector<const Queue*> longest_queues() const;
  [[nodiscard]] std::vector<QuotaView> view_quotas() const;

  /// The one way from a client's key to a job: the job, if it is there and the asker may touch it; else the
  /// request has been refused in a way that does not tell other owners' jobs from none.
  enum class Touch : std::uint8_t {
    look,   ///< see it, and fetch what it came to: also by a shared name that may be read
    name,   ///< take and forget its name: also a shared one that may be written
    steer,  ///< the owner and administrators
  };
  Job* find(Asked& asked, const message::Key& key, Touch touch, Turn& t);
  [[nodiscard]] bool may(const Asked& asked, const Job& job, Touch touch) const;

  // on_worker
  void on(event::WorkerStarted&& e, Turn& t);
  void on(event::WorkerReady&& e, Turn& t);
  void on(event::WorkerStartFailed&& e, Turn& t);
  void on(event::WorkerGone&& e, Turn& t);
  [[nodiscard]] std::shared_ptr<const Offer> make_offer(std::vector<FunctionView> registered,
                                                        const PoolSettings& settings);
  [[nodiscard]] static std::string nothing_offered(const Offer& offer, const PoolSettings& settings);
  void adopt_offer(Pool& pool, std::shared_ptr<const Offer> offer);
  void let_go(std::shared_ptr<const Offer> offer);
  [[nodiscard]] bool judge_begun(const Worker& worker, const event::WorkerGone& gone);
  void tell_fault(Pool& pool, const Worker& worker, const std::string& fault, Turn& t);
  static void tell_recovered(Pool& pool, Turn& t);
  void pool_failed(Pool& pool, std::string reason, Turn& t);
  void remove_worker(Worker& worker);
  void kill(Worker& worker, KillReason reason, Turn& t);
  void kill_for_fault(Worker& worker, std::string fault, Turn& t);
  void kill_hard(Worker& worker, KillReason reason, Turn& t);

  // staffing
  void start_workers(Pool& pool, Turn& t);
  void grow(Pool& pool, Turn& t);
  void shrink(Pool& pool, Turn& t);
  void trim(Pool& pool, Turn& t);
  void retire(Worker& worker, Turn& t);
  void await_exit(Worker& worker, Turn& t);
  void wear_out(Worker& worker, Turn& t);
  void between_jobs(Worker& worker, Turn& t);
  void rest(Worker& worker, Turn& t);
  void watch_rest(Worker& worker, Turn& t);
  void watch_surplus(Pool& pool, Turn& t);
  void rested(Worker& worker, Turn& t);
  void on(event::WorkerMeasured&& e, Turn& t);
  void on(event::WorkerLeaves&& e, Turn& t);

  // on_reload
  void on(Asked& asked, message::Reload& reload, Turn& t);
  void on(event::Reconfigured&& e, Turn& t);
  void reconsider_sessions(Turn& t);
  void reconfigure(const std::vector<std::shared_ptr<const PoolSettings>>& wanted, Turn& t);
  void change_pool(Pool& pool, const std::shared_ptr<const PoolSettings>& wanted, Turn& t);
  void serve_queues(Pool& pool);
  void renew_offers(Pool& pool, Turn& t);
  void adopt_current_offer(Pool& pool);
  void offer_nothing(Pool& pool, Turn& t);
  void remove_pool(Pool& pool, Turn& t);

  // on_attempt
  void on(event::AttemptEnded&& e, Turn& t);
  void on(event::AttemptProgress&& e, Turn& t);
  void on(event::Revoked&& e, Turn& t);
  void give_back(Worker& worker, std::uint32_t first_unclaimed, Turn& t);
  void next_after_report(Worker& worker, Turn& t);
  void kill_for_stale(Worker& worker, std::uint32_t sequence, Turn& t);
  void see_whether_it_begins(Worker& worker, Turn& t);
  void lost_with_its_process(const WorkerChannel::Slot& slot, Worker& worker, Failure failure, Turn& t);
  void lost_with_worker(const WorkerChannel::Slot& slot, const Worker& worker, const event::WorkerGone& gone,
                        Turn& t);
  struct Loss;
  void lost(const WorkerChannel::Slot& slot, const Worker& worker, Loss loss, Turn& t);
  static void describe(Loss& loss, Nanos ran, const PoolSettings& pool);
  [[nodiscard]] bool came_too_late(const Worker& worker, const event::AttemptEnded& report,
                                   const Job& job) const;
  void interrupt(Job& job, Turn& t);

  // on_unique
  [[nodiscard]] Job* find_equal(const Asked& asked, const message::Submit& submit) const;
  void join(Asked& asked, const message::Submit& submit, const std::string& name, Job& job, Turn& t);
  void hold_unique(Job& job);

  // on_retry
  void on(Asked& asked, message::RetryJob& retry, Turn& t);
  void on(event::ArgumentsLoaded&& e, Turn& t);
  [[nodiscard]] std::optional<message::Refused> check_retry(const Job& job) const;
  void run_again(Job& job, Payload arguments, Turn& t);
  void let_go_of_arguments(Job& job);

  // retries
  void attempt_failed(Job& job, Failure failure, Turn& t);
  void crashed(Job& job, Failure failure, Turn& t);
  [[nodiscard]] std::uint64_t random_for(const Job& job) const;
  void try_again(Job& job, Failure failure, Millis rest, Turn& t);
  void take_from_run(Job& job);
  void tell_requeued(Job& job, Turn& t);
  void put_back(Job& job, Turn& t);

  // on_wait
  void on(event::AttemptWaits&& e, Turn& t);
  [[nodiscard]] std::optional<message::Resume> refuse_wait(const Worker& worker,
                                                           const std::vector<JobId>& ids) const;
  [[nodiscard]] bool may_wait_for(const Worker& worker, const Job& job, const Job& target) const;
  [[nodiscard]] bool may_wait_for(bool as_daemon, pid_t session, const Job& job, const Job& target) const;
  [[nodiscard]] std::vector<const Job*> circle(const Job& job, const std::vector<JobId>& ids) const;
  [[nodiscard]] std::string closed_circle(const Job& job, const JobId& id) const;
  void begin_waiting(Worker& worker, std::vector<JobId> ids, Turn& t);
  void wake_waiting(Job& ended, Turn& t);
  void found_in_backlog(const JobId& id, Turn& t);
  enum class Turned : std::uint8_t { last, first };
  void end_wait(Worker& worker, message::Resume resume, Turned turned);
  void leave_waited(Worker& worker);
  void give_up_wait(Worker& worker, const Job& job);
  void resume_waiting(Pool& pool, Turn& t);
  void go_on(Worker& worker, Turn& t);
  void take_quotas_again();
  [[nodiscard]] static bool has_free_slot(const Pool& pool);

  // on_link
  void on(Asked& asked, message::AddCallback& add, Turn& t);
  void accept_callback(Asked& asked, message::Submit& submit, const std::string& name, Follows follows,
                       Job& parent, Turn& t);
  Kin& kin_of(Job& job);
  [[nodiscard]] std::string encode_outcome(const Job& job, const Payload& result) const;
  [[nodiscard]] static bool waits_for_kin(const Job& job);
  [[nodiscard]] std::vector<JobId> awaited_by(const Job& job) const;
  void has_ended(const Job& job);
  void pass_ends_on(Turn& t);
  void pass_on(Job& job, const Payload& result, Turn& t);
  void follow(Job& job, Job& parent, const Payload& result, Turn& t);
  void pass_over(Job& job, const std::string& why, Turn& t);
  void fail_too_large(Job& job, std::uint64_t given, Turn& t);
  void submit_anew(Job& job, Turn& t);
  void set_going(Job& job, Payload arguments, Turn& t);
  void inherit(Job& heir, Job& from, const Payload& result, Turn& t);
  void want_result(Job& of, const Job& by, Turn& t);
  void result_came(Job& job, const event::ResultLoaded& e, Turn& t);
  [[nodiscard]] bool kept_for_kin(const Job& job) const;
  void add_related(const Asked& asked, const Job& job, JobView& view) const;

  // room_to_follow
  [[nodiscard]] bool has_room_to_follow(const Job& job, const Job& parent) const;
  void wait_for_room(const Job& job, Job& parent);
  void take_room(const Job& job, Job& parent, Turn& t);
  void leave_followers(Followers& followers, WallTime submitted, Turn& t);
  [[nodiscard]] bool can_go_on(const Followers& followers) const;
  [[nodiscard]] bool is_over(const JobId& beyond) const;
  void go_on_following(Turn& t);

  // on_composite
  void on(Asked& asked, message::SubmitTree& tree, Turn& t);
  [[nodiscard]] std::optional<message::Refused> check_tree(const Asked& asked,
                                                           const message::SubmitTree& tree);
  void accept_tree(Asked& asked, message::SubmitTree& tree, const std::string& name, Turn& t);
  Job& make_node(const Asked& asked, message::SubmitTree::Node& node, std::string_view arguments,
                 const std::vector<Job*>& before, Turn& t);
  static void start_course(Kin& kin);
  void begin_course(Job& composite, Turn& t);
  void take_step(Job& composite, const Course::Step& step, Turn& t);
  void member_ended(Job& composite, const Job& member, Turn& t);
  void stop_members(Job& composite, Turn& t);
  void withdraw_members(const Job& composite, const std::string& why, Turn& t);
  void withdraw_part(const JobId& id, const std::string& why, Turn& t);
  void members_over(Job& composite, Turn& t);
  void end_too_large(Job& composite, std::uint64_t bytes, Turn& t);
  [[nodiscard]] Failure member_failure(const Job& composite) const;
  void gather(Job& composite, const Job& member, const Payload& result, Turn& t);
  void have_gathered(Job& composite, Turn& t);
  void cancel_members(Job& composite, std::string reason, Haste haste, Turn& t);
  void leave_members(Job& composite, Turn& t);

  // on_become
  void become(Job& job, const Worker& worker, const JobId& id, Turn& t);
  void await_heritage(Job& job, Job& from, Turn& t);
  void await_backlog(const JobId& id, HeirOfBacklog heir, Turn& t);
  void write_heritage(Job& job, Turn& t);
  void found_for_heirs(const JobId& id, Turn& t);
  [[nodiscard]] Worker* runner_behind(const Session& session);
  void keep_child(Worker& worker, const JobId& id, Turn& t);
  void release_children(Worker& worker, Turn& t);

  // kin_recovery
  void adopt_link(Job& job);
  [[nodiscard]] static bool is_of_kin(const Job& job);
  void wait_again(Job& job, RecoveredJob& recovered);
  void restore_kin(Turn& t);
  void restore_child(Job& job);
  void find_course(Kin& kin);
  void restore_course(Job& composite, Turn& t);
  void restore_follower(Job& job, Turn& t);

  // dispatch
  void fill(Pool& pool, Turn& t);
  [[nodiscard]] Worker* choose(const Pool& pool, const Job& job, const Turn& t) const;
  [[nodiscard]] static bool can_begin(const Pool& pool, const Function& function);
  void dispatch(Worker& worker, LaneSeat& seat, Turn& t);
  void begin(Worker& worker, Turn& t);
  void enqueue(Job& job, Turn& t);
  void revoke(Worker& worker, Turn& t);
  Function& function(const std::string& name);
  Lane& lane(const std::string& queue, Function& function, const std::string& quotas);
  void drop_stale_lanes(Turn& t);
  void forget_unused(const Function& function);
  static Nanos usual_run(const Job& job);

  // ending
  void end_job(Job& job, State state, Failure failure, std::string reason, Payload result, Turn& t);
  void take_outcome(Job& job, State state, Failure failure, std::string reason, Payload result);
  void tell_watchers(Job& job, Turn& t);
  void leave_to_store(Job& job);
  Job& make_job(const JobId& id, std::uint32_t owner, const std::string& function_name,
                const std::string& queue, const std::string& quotas);
  [[nodiscard]] static std::uint64_t kept_bytes(const Job& job);
  void keep_failure(Job& job, Failure failure);
  void keep_or_release(Job& job, Turn& t);
  void release(Job& job, State tombstone, Turn& t);
  void forget_callback(const Job& job);
  void bury(const Job& job, Turn& t);
  void set_state(Job& job, State state);

  // delivery
  void deliver(Job& job, Turn& t);
  void send_outcome(Session& session, const Watcher& to, Job& job, Turn& t);
  void start_sending(Session& session, const Watcher& to, Job& job, Turn& t);
  [[nodiscard]] static message::Refused lapsed(const JobId& id);
  void put_out(Session& session, const Watcher& to, Job& job, const Payload& result, Turn& t);
  void take(const Session& session, std::uint64_t number, Job& job, Turn& t);
  [[nodiscard]] bool is_wanted(const Job& job) const;
  [[nodiscard]] static bool has_taken(const Watcher& asker, const Job& job);
  void refuse_taken(SessionId session, std::uint64_t number, const JobId& id, Turn& t);
  [[nodiscard]] bool has_room(const Session& session, std::uint64_t bytes) const;
  void send_held_back(Session& session, Turn& t);
  void acknowledge(Session& session, std::uint64_t received, Turn& t);
  void has_arrived(const JobId& id, Turn& t);
  void not_arrived(const JobId& id, Turn& t);
  void on(event::ResultLoaded&& e, Turn& t);
  static std::vector<Watcher> take_loading(Job& job);
  void refuse_loading(const std::vector<Watcher>& loading, const message::Refused& refused,
                      std::uint64_t bytes, Turn& t);

  // backlog
  [[nodiscard]] bool goes_to_backlog(const message::Submit& submit, const Lane& lane, Now now) const;
  [[nodiscard]] static bool has_to_be_known(const Options& options);
  void put_in_backlog(Asked& asked, message::Submit& submit, Lane& lane, Turn& t);
  Job& put_known_in_backlog(Asked& asked, message::Submit& submit, Lane& lane, Turn& t);
  void make_known(Job& job, Turn& t);
  void wait_on_disk(Job& job, RecoveredJob& recovered, Turn& t);
  void expire_in_time(Job& job);
  void watch_deadline(Job& job);
  Job& revive(RecoveredJob& recovered, Now now);
  void adopt_crashes(Job& job, const RecoveredJob& recovered) const;
  Job& bring_in(RecoveredJob& recovered, Now now);
  void resume(Job& job, RecoveredJob& recovered, Turn& t);
  [[nodiscard]] bool wait_for_backlog(Asked& asked, Turn& t);
  void fill_from_backlog(Turn& t);
  void on(event::BacklogLoaded&& e, Turn& t);
  void on(event::JobLoaded&& e, Turn& t);

  // on_note
  enum class Writer : std::uint8_t { client, worker };
  void on(Asked& asked, message::SetNote& set, Turn& t);
  void on(event::AttemptNote&& e, Turn& t);
  void on(event::AttemptReadsNotes&& e, Turn& t);
  [[nodiscard]] static std::uint64_t notes_size_with(const Job& job, std::string_view key,
                                                     std::string_view encoded);
  void write_note(Job& job, const std::string& key, std::string encoded, Writer writer);
  static void forget_note(Stream& stream, const std::string& key);
  void forget_gone_notes(Job& job);
  void tell_worker_notes(Job& job, Turn& t);
  [[nodiscard]] static message::Told told(const Job& job);
  void write_told(Job& job, Turn& t);
  [[nodiscard]] Job* reporting(WorkerId id, std::uint32_t sequence, Turn& t);

  // on_follow
  void on(Asked& asked, message::Follow& follow, Turn& t);
  void on(Asked& asked, message::Advance& advance, Turn& t);
  void on(event::AttemptParts&& e, Turn& t);
  [[nodiscard]] static bool has_all(const Follower& follower);
  void remove_follower(Job& job, Follower& follower);
  void leave_followed(const Session& session);
  std::vector<Follower> take_followers(Job& job);
  [[nodiscard]] static bool kept_for_parts(const Job& job);
  [[nodiscard]] std::uint64_t new_run(const Job& job) const;
  void begin_anew(Job& job);
  void drop_stored(Job& job);
  static void restore_told(Job& job, message::Told told);

  // news
  [[nodiscard]] static std::optional<double> progress_of(const Job& job);
  void have_news(Job& job);
  void have_new_progress(Job& job);
  void wake_followers(Session& session);
  void tell_news(Turn& t);
  void tell_news(Job& job, Turn& t);
  void tell_follower(Job& job, Follower& follower, bool may_tell_progress, Turn& t);
  [[nodiscard]] bool has_room(Session& session, const Follower& follower,
                              const Follower::UnderWay& under_way) const;
  [[nodiscard]] bool has_room_for_output(Session& session, const Follower& follower) const;
  void send_parts(const Stream& stream, Follower& follower, Session& session, const PartChunk& chunk,
                  Turn& t);
  void on(event::PartsLoaded&& e, Turn& t);

  // output
  void keep_printed(Job& job, Printed&& printed);
  [[nodiscard]] static Worker* runner_of(const Job& job);
  void ask_for_output(Job& job, Turn& t);
  void on(event::AttemptOutput&& e, Turn& t);
  void tell_output(Job& job, Follower& follower, Session& session, Turn& t);
  void on(event::OutputLoaded&& e, Turn& t);
  void send_output(const Stream& stream, Follower& follower, Session& session, std::uint64_t first,
                   std::string_view bytes, Turn& t);
  [[nodiscard]] static bool has_output(const Job& job, const Follower& follower);
  [[nodiscard]] static bool kept_for_output(const Job& job);

  // on_event
  void on(Asked& asked, message::Subscribe& subscribe, Turn& t);
  void on(Asked& asked, message::Unsubscribe& unsubscribe, Turn& t);
  /// Tells who has subscribed. Costs nothing where nobody has.
  void happened(EventKind kind, Job& job, Turn& t) {
    if (subscriptions_.want(kind)) tell_event(kind, job, t);
  }
  void tell_event(EventKind kind, Job& job, Turn& t);
  void tell_accepted_on_disk(const Asked& asked, const message::Submit& submit, Turn& t);
  void tell_events(Turn& t);
  [[nodiscard]] static JobEvent event_of(EventKind kind, const Job& job, Now now);

  // on_outcome
  void follow_outcome(Job& job, Turn& t);
  void follow_recovered(Turn& t);
  void run_command(const CommandSettings& command, const JobEvent& outcome, Turn& t);
  void not_run(const CommandSettings& command, const JobEvent& outcome, const std::string& why, Turn& t);

  // writing
  void write_soon(Job& job, const Session& submitter, Turn& t);
  [[nodiscard]] bool ends_soon(const Job& job, Now now) const;
  void write(Job& job, Turn& t);
  void write_end(Job& job, Turn& t);
  [[nodiscard]] static WallTime place_apart(const Job& job);
  [[nodiscard]] static change::RequeueJob requeued(const Job& job);
  void write_due(Instant until, Turn& t);
  /// The batch that the changes of this turn will be.
  [[nodiscard]] std::uint64_t next_batch() const { return around_.submitted + 1; }
  /// All that has been told to the store of the job itself, its end and its name.
  [[nodiscard]] bool is_on_disk(const Job& job) const { return job.batch <= around_.store.committed; }
  /// It has a name that counts on the disk, others hang on it, so that all are to hear of the same outcome,
  /// or a command follows it; and that is not on it.
  [[nodiscard]] bool waits_for_disk(const Job& job) const {
    const bool has_command = job.detail && job.detail->has_command;
    const bool binds = job.durable() && (job.name != nullptr || job.kin() != nullptr);
    return (binds || has_command) && !is_on_disk(job);
  }

  // disk
  /// What is to be answered if the disk cannot take another durable job of so many bytes now.
  [[nodiscard]] std::optional<message::Refused> check_disk(std::uint64_t bytes) const;
  [[nodiscard]] std::optional<message::Refused> check_disk(const Job& job) const;
  /// Bytes that wait for the disk, with those of this turn.
  [[nodiscard]] std::uint64_t unwritten() const { return around_.store.unwritten + handed_over_; }
  /// So much waits for the disk that no further job may begin.
  [[nodiscard]] bool is_stalled() const { return unwritten() >= settings_.limits.max_unwritten; }
  /// Refuses what would only be answered when the disk has taken it, if too much waits for that already.
  [[nodiscard]] bool refuse_stalled(const Asked& asked, const Job& job, Turn& t);
  [[nodiscard]] message::Refused too_much_unwritten() const;
  void watch_disk(Turn& t);
  void view_disk(StatusView& view) const;

  // timers
  void set_timer(Timer& timer, Instant due);
  void set_wall_timer(Timer& timer, WallTime due);
  void clear_timer(Timer& timer);
  void fire(Timer& timer, Turn& t);
  void due(Job& job, Turn& t);
  void due(Worker& worker, Turn& t);
  void due(Pool& pool, Turn& t);
  void due(Tie& tie, Turn& t);
  void due(Queue& queue, Turn& t);
  void arm(Worker& worker, Turn& t);
  /// A limit of the time of the job that a worker runs, and when it is over.
  struct TimeLimit {
    Instant over;
    KillReason which;
  };
  [[nodiscard]] static std::optional<TimeLimit> next_limit(const Worker& worker, const Job& job);
  [[nodiscard]] static Millis run_limit(const Worker& worker, const Job& job);
  [[nodiscard]] static Millis silence_limit(const Worker& worker, const Job& job);
  [[nodiscard]] static Failure timed_out(const Job& job, KillReason which, Millis limit);
  [[nodiscard]] static Failure timed_out(const Worker& worker, const Job& job);
  void end_overdue(Job& job, Turn& t);

  // on_time
  static void adopt_options(Job& job, const Options& options);
  void admit(Job& job, Turn& t);
  static void count_wait(Job& job, Now now);
  [[nodiscard]] static bool must_begin(const Job& job);
  void pause(Job& job, std::chrono::microseconds length, Turn& t);
  void take_due(Turn& t);
  static void view_timing(const Job& job, JobView& view);

  [[nodiscard]] Worker* find_worker(WorkerId id);

  const Settings& settings_;
  const Surroundings& around_;
  const std::uint32_t self_;  ///< the daemon's own uid
  Gate gate_;
  const std::uint64_t seed_;

  Accounts accounts_;
  JobTable jobs_;
  NameTable names_;
  Graves graves_;
  Ties ties_;
  Lanes lanes_;
  Steering steering_;
  Sessions sessions_;
  Subscriptions subscriptions_;
  Commands commands_;
  /// Jobs that have ended in the recovery: what follows that waits until their names are known too.
  std::optional<std::vector<JobId>> ended_in_recovery_{std::in_place};
  std::list<Pool> pools_;
  std::unordered_map<WorkerId, std::unique_ptr<Worker>> workers_;
  std::map<std::string, std::unique_ptr<Function>, std::less<>> functions_;
  TimerHeap timers_;
  TimerHeap wall_timers_;
  Schedule schedule_;
  UniqueJobs unique_;

  /// Workers whose jobs have waited for others and are to go on, once their quotas are free.
  std::vector<Worker*> want_quotas_;

  Held held_;
  /// Durable jobs that the store has not been told of, with the moment when it will be; some have ended, or
  /// been written for another reason.
  std::deque<std::pair<Instant, JobId>> unwritten_;
  Instant last_insert_{};
  /// Jobs of which there is something to tell: at the end of this turn, and later.
  std::vector<JobId> news_;
  std::deque<std::pair<Instant, JobId>> delayed_news_;
  /// Jobs that are on disk alone, and what was asked about those of them that are being read.
  IdSet backlog_ids_;
  std::unordered_map<JobId, std::vector<event::Requested>> waiting_for_backlog_;
  std::unordered_map<JobId, std::vector<WorkerId>> jobs_wait_for_backlog_;
  std::deque<Clearing> clearings_;
  std::uint64_t last_clearing_ = 0;
  /// Jobs that are to come to what a job of the backlog comes to.
  struct HeirOfBacklog {
    JobId heir;
    bool as_daemon = false;  ///< its process could see the jobs of the daemon's own user
    pid_t session = 0;       ///< of that process; 0: not known any more
  };
  std::unordered_map<JobId, std::vector<HeirOfBacklog>> heirs_wait_for_backlog_;
  /// Jobs that have ended, with their results, and whose ends are to be passed on to those that hang on them.
  struct EndedKin {
    JobId id;
    Payload result;
  };
  std::deque<EndedKin> ended_kin_;
  std::map<std::uint32_t, Followers> followers_;     ///< by the owner of the callbacks
  std::unordered_map<JobId, Link> recovered_links_;  ///< until start()
  std::vector<JobId> recovered_kin_;                 ///< likewise: the jobs that have one, in their order
  /// Sessions with something in accepted or accepted_durable.
  std::vector<SessionId> to_tell_;
  std::optional<Instant> tell_memory_at_;

  WallTime last_submitted_{};
  std::uint32_t next_worker_ = 1;
  std::uint64_t accepted_ = 0, finished_ = 0, refused_ = 0, stale_reports_ = 0;
  RecentDurations waited_, ran_;
  bool draining_ = false;
  std::optional<Maintenance> maintenance_;
  bool stalled_ = false;           ///< as fill() saw it last
  std::uint64_t handed_over_ = 0;  ///< bytes for the store, in this turn
  std::string store_failure_;      ///< not empty: nothing goes any more
};

/// A request on its way through a handler.
struct Scheduler::Asked {
  event::Requested& event;
  Session& session;

  [[nodiscard]] std::uint64_t number() const { return event.request.number; }
  [[nodiscard]] std::uint32_t uid() const { return session.who.uid; }
};

}  // namespace promised
