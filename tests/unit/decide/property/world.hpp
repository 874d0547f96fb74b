// SPDX-License-Identifier: Apache-2.0
// The scheduler with a world around it that a story moves: clients that come back, workers that die, a disk
// that takes its time, and daemons that are killed. It knows what clients were told, and throws a Violation
// as soon as a promise is broken:
//   - a job that was accepted is not lost (a durable one: not by a kill either), and ends exactly once;
//   - a job is in one worker's channel at a time, of a pool that serves it, and in the order of its queue;
//   - no pool runs more jobs than its size, and no at-most-once job begins twice;
//   - no job begins before its moment, and what follows another begins with what that has come to;
//   - a worker with nothing to do does not stand beside a job that it could take;
//   - who has subscribed to events misses none and is told none twice (news.hpp), and none of them is of what
//     could still be taken back;
//   - each outcome that a command is configured for makes one job of that, and is told when both are on disk;
//   - of a queue that is cleared nothing is left that had not begun, and nothing goes that came later;
//   - why a job does not run is told at any moment, and is so (audit_explain.cpp);
//   - what is counted is what there is (audit.hpp), and nothing is due in the past for ever;
//   - in the end all have ended, all clients have been told, and nothing is left.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/unit/decide/property/audit.hpp"
#include "tests/unit/decide/property/model_store.hpp"
#include "tests/unit/decide/property/news.hpp"
#include "tests/unit/decide/property/story.hpp"

namespace promised::test {

inline constexpr std::array<const char*, 3> kQueues{"default", "q1", "q2"};
inline constexpr std::array<const char*, 2> kQuotas{"qa", "qb"};
/// The user that the daemon runs as.
inline constexpr uid_t kDaemon = 999;

/// The numbers of a tree's nodes: the first has the step's, and no step has theirs.
constexpr std::uint32_t number_of(std::uint32_t root, std::uint32_t place) {
  return root + (place << 20U);
}

/// What a command is given, as a text: its program, the job and what has happened to that.
Payload exec_arguments_as_text(const std::vector<std::string>& words,
                               const std::map<std::string, std::string>& variables, const std::string& input);
/// Outcomes as text that a test can look into.
extern const OutcomeFormat kOutcomes;

/// What the story's world counts, so that a test can say that all of it happens.
struct Tally {
  std::uint64_t events = 0;  ///< that the scheduler was given
  std::uint64_t jobs = 0;
  std::uint64_t outcomes = 0;
  std::uint64_t dispatches = 0;
  std::uint64_t restarts = 0;
  std::uint64_t waits = 0;
  std::uint64_t spoilt = 0;     ///< workers, by a job
  std::uint64_t from_disk = 0;  ///< jobs that came in from the backlog
  std::uint64_t interrupted = 0;
  std::uint64_t retried = 0;
  std::uint64_t joined = 0;  ///< unique submissions that did
  std::uint64_t followed = 0;
  std::uint64_t composites = 0;
  std::uint64_t explained = 0;  ///< times that it was said why a job does not run
  std::uint64_t news = 0;       ///< events that were told to those who have subscribed
  std::uint64_t cleared = 0;    ///< jobs, with their queues
  std::uint64_t commands = 0;   ///< jobs that follow outcomes
  std::uint64_t lost_news = 0;  ///< of which they were told that there were so many more
  void add(const Tally& other);
};

class World {
 public:
  explicit World(std::uint64_t setup);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void perform(const Step& step);
  /// Everybody does what is left to do; then nothing may be left.
  void settle();
  [[nodiscard]] const Tally& tally() const { return tally_; }

 private:
  /// What is known of a job outside.
  struct Entry {
    std::uint32_t number = 0;
    std::uint32_t client = 0;
    JobId id;
    std::string function;
    Options options;
    std::string arguments;
    WallTime made{};           ///< when it was first submitted
    std::uint32_t parent = 0;  ///< the number of the job that it follows,
    Follows follows = Follows::nothing;
    std::vector<message::SubmitTree::Node> nodes;  ///< of a composite
    bool accepted = false;
    bool refused = false;
    bool orphan = false;         ///< its client has gone for good
    bool may_be_lost = false;    ///< it was in memory when a daemon ended
    bool may_lapse = false;      ///< it has, or had, a lifespan
    bool may_run_again = false;  ///< its end was not on disk when a daemon ended, and did not have to be
    bool cancel_told = false;
    bool part = false;     ///< of a composite: nobody is told how it ends
    bool retried = false;  ///< somebody has said that it is to run again
    bool became = false;   ///< what another job comes to
    bool command = false;  ///< the daemon has submitted it, to follow an outcome
    std::optional<State> outcome;
    std::uint32_t starts = 0;
    std::uint32_t successes = 0;

    [[nodiscard]] bool durable() const { return options.durability() == Durability::durable; }
    [[nodiscard]] bool is_open() const { return !refused && !outcome && !orphan && !part; }
  };
  struct Client {
    uid_t uid = 0;
    JobId id;
    std::optional<SessionId> session;
    std::uint64_t received = 0;                              ///< the last delivery that it has
    std::uint64_t number = 0;                                ///< its last request
    std::unordered_map<std::uint64_t, std::uint32_t> asked;  ///< request to job
    std::vector<message::Subscribe> subscriptions{};         ///< that it had when its session was lost
  };
  struct Hand {
    WorkerId id{};
    std::shared_ptr<const PoolSettings> pool;
    bool ready = false;
    std::deque<message::Run> channel;
    std::uint32_t claimed = 0;        ///< the first sequence that has not begun
    std::uint32_t revoked_below = 0;  ///< what is dispatched with a lower sequence comes too late
    int signal = 0;                   ///< the hardest that it got
    bool told_to_stop = false;
    bool leaves = false;  ///< and begins no other job
    bool waiting = false;

    [[nodiscard]] bool runs() const { return !channel.empty() && channel.front().sequence < claimed; }
    [[nodiscard]] bool can_claim() const;
    [[nodiscard]] bool can_finish() const { return runs() && !waiting; }
    [[nodiscard]] bool can_obey() const;
  };
  /// What the committer has been given.
  struct Batch {
    std::uint64_t number = 0;
    std::vector<Change> changes;
    std::vector<Effect> after;
    std::vector<Effect> reads;
  };

  // world: the loop
  void begin_daemon();
  void restart(std::uint64_t detail);
  void tell(Event event);
  void turn();
  void one_turn();
  void commit();
  void carry_out(std::vector<Effect>& effects);
  void read(const Effect& effect);
  void pass(Nanos duration);
  void reconfigure(std::uint64_t choice);
  void everything_is_offered();
  void check_dispatches(const std::vector<const effect::Dispatch*>& dispatches);

  // world_clients
  void submit(const Step& step);
  /// Nothing is asked if its client is not there.
  [[nodiscard]] Entry* new_entry(const Step& step);
  void choose_timing(Options& options, Dice& dice) const;
  [[nodiscard]] Options options_of(const Step& step);
  void send_submit(Client& client, Entry& entry);
  void come_back(Client& client);
  void ask_again(Client& client);
  void leave(Client& client, std::uint64_t detail);
  void steer(const Step& step);
  void ask(Client& client, const Entry* about, decltype(message::Request::body) body,
           const std::string& payload = {});
  void hear(SessionId session, const message::Reply& reply, const Payload& payload);
  void hear_refused(Entry& entry, const message::Refused& refused);
  void hear_outcome(const message::Ended& ended, const Payload& result);
  [[nodiscard]] Entry* entry(std::uint32_t number);
  [[nodiscard]] Entry& entry(const JobId& id);

  // world_kin
  void follow(const Step& step);
  void tree(const Step& step);
  void send_kin(Client& client, Entry& entry);
  void check_result(const Entry& of, std::string_view result);
  void check_arguments(const Entry& of, std::string_view arguments);

  // world_look
  void explain(Client& client, const Step& step);
  void check_explained(std::size_t first, Audit::Moment moment);
  void check_explained(const Entry& of, const Explanation& said);

  // world_news
  void begin_witness();
  void take_news(const Plan& plan);
  void check_event(const JobEvent& event);
  void subscribe(Client& client, const Step& step);
  void subscribe(Client& client, message::Subscribe filter);
  void subscribe_again(Client& client);
  void read(Client& client);
  void read_everything();
  void hear_events(SessionId session, std::uint64_t number, const message::Events& events);
  [[nodiscard]] bool hear_refused_subscription(const Client& client, SessionId session,
                                               const message::Reply& reply);
  void lose_session(Client& client);

  // world_queues
  void steer_queues(const Step& step);
  void clear(const Step& step);
  [[nodiscard]] bool hear_cleared(std::uint64_t number, const message::Reply& reply);
  void take_cleared(const Plan& plan);
  [[nodiscard]] static std::vector<QueueSettings> queues_of(std::uint64_t choice);

  // world_commands
  void have_commands(Dice& dice);
  [[nodiscard]] static bool follows(const CommandSettings& command, const Entry& of, State outcome);
  void take_commands(const Plan& plan);
  void lose_commands();
  JobId add_command(const change::InsertJob& insert);
  void check_commands(const Entry& of, State outcome) const;

  // world_workers
  void work(const Step& step);
  void start_worker(Hand& hand, std::uint64_t detail);
  void claim(Hand& hand);
  void finish(Hand& hand, std::uint64_t detail);
  void leave(Hand& hand);
  void gone(Hand& hand, int signal, int exit_code);
  void obey(Hand& hand);
  void wait_for(Hand& hand, const Step& step);
  void report_progress(Hand& hand, std::uint64_t detail);
  void dispatched(const effect::Dispatch& dispatch);
  template <class May>
  [[nodiscard]] Hand* choose(std::uint32_t who, May may);

  // settling
  bool everybody_works();
  [[nodiscard]] bool all_have_ended() const;
  void check_nothing_left();

  const std::uint64_t setup_;
  Settings settings_;
  Surroundings around_;
  std::unique_ptr<Scheduler> scheduler_;
  Now now_{Instant(std::chrono::hours(1)), WallTime(std::chrono::hours(500'000))};
  Plan plan_;
  std::deque<Event> pending_;
  ModelStore store_;
  std::deque<Batch> disk_;
  bool narrow_ = false;  ///< nearly all jobs stand in one lane, which is longer than memory allows
  bool slow_disk_ = false;
  std::vector<Client> clients_;
  std::map<std::uint32_t, Entry> entries_;  ///< by the job's number
  std::unordered_map<JobId, std::uint32_t> numbers_;
  std::unordered_map<SessionId, std::size_t> sessions_;
  std::map<WorkerId, Hand> hands_;
  std::uint64_t next_session_ = 1;
  std::optional<SessionId> witness_;  ///< who is told of everything, in some stories
  std::uint64_t witnessed_ = 0;       ///< events that it was told,
  std::uint64_t witness_used_ = 0;    ///< and that it has said to have used
  bool watched_ = false;
  bool bursts_ = false;  ///< some jobs report their progress very often
  News news_;
  /// A job that has ended, and a command.
  using Run = std::pair<JobId, std::string>;
  struct Runs {
    JobId last{};  ///< empty: it could not be made
    std::uint32_t made = 0;
  };
  std::map<Run, Runs> commands_;
  std::uint32_t commands_made_ = 0;
  struct Clearing {
    std::vector<JobId> must_go;
  };
  std::map<std::uint64_t, Clearing> clearings_;  ///< by the request of the first client
  std::set<JobId> may_be_cleared_;
  std::uint64_t turns_ = 0;
  std::optional<Now> still_since_;  ///< all that was to be done has been done then
  RunningBefore running_;
  Tally tally_;
};

/// The story from its beginning to an end in which nothing is left.
Tally live(const Story& story);

}  // namespace promised::test
