// SPDX-License-Identifier: Apache-2.0
// What all copies of a future share, in one allocation: the request that is out for the job, and its outcome
// once that has arrived. Answers come in under the session's pump lock; application threads wait on the word,
// and read the outcome only after it says that there is one, from when on it never changes.
#pragma once

#include <promised/future.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "client/exchange.hpp"
#include "client/trouble.hpp"
#include "client/wait_word.hpp"

namespace promised::detail {

class Session;

class FutureState final : public Exchange {
 public:
  enum class Origin : std::uint8_t { submitted, by_name, by_id };

  /// A call that follows another job, from the time before the daemon has accepted it.
  struct Following {
    Ref<FutureState> parent;
    Follows follows;
    Options options;
    Payload arguments;  ///< its own
  };
  /// That this is one: where the daemon does not know the other job any more because its outcome is here, the
  /// call is submitted by itself, or has nothing to follow. Before it is posted.
  void follow(Following following) { following_ = std::make_unique<Following>(std::move(following)); }

  /// That this is a unique submission, which may join a job of others: where that job's outcome cannot be had
  /// any more, because it went to its own submitter while this client was away, the call is submitted anew.
  /// Before it is posted.
  void be_unique() { unique_ = true; }

  /// That the daemon cancels the job when this client goes (SEMANTICS S6). Before it is posted.
  void be_tied() { tied_ = true; }

  /// `subject` is the function of a submission, the name of a future asked for by name, or empty.
  FutureState(std::shared_ptr<Session> session, Origin origin, const JobId& id, std::string subject,
              Durability durability);

  void accepted() override;
  void postponed() override;
  void daemon_lost() override;
  [[nodiscard]] Next answer(message::Reply& reply, Payload&& value) override;
  [[nodiscard]] Renewal renew() override;
  void poke() override;
  void give_up(const std::string& code, const std::string& message) override;
  [[nodiscard]] std::optional<Unaccepted> unaccepted() const override;
  /// Not one that has attached to another's job (SEMANTICS R3).
  [[nodiscard]] std::optional<JobId> withdrawable() const override;

  // For application threads.

  /// Waits for acceptance (or the end without it), or for the end; false when `deadline` is over. Throws what
  /// Session::check_alive does.
  [[nodiscard]] bool await_acceptance(WaitWord::Deadline deadline) {
    return await(kAccepted | kDone, deadline);
  }
  [[nodiscard]] bool await_end(WaitWord::Deadline deadline) { return await(kDone, deadline); }
  [[nodiscard]] bool is_accepted() const { return (word_.load() & kAccepted) != 0; }
  /// The daemon cancels the job when this client goes. Not one of another, that it has attached to or joined.
  [[nodiscard]] bool is_tied() const override { return tied_ && id() == id_; }
  [[nodiscard]] bool is_done() const { return (word_.load() & kDone) != 0; }
  /// A daemon that was on its way out did not take it.
  [[nodiscard]] bool is_postponed() const;
  /// Why it has not been accepted so far.
  [[nodiscard]] std::string why_not_accepted() const;
  /// For a wait that has taken long: submits again, under the same id, what was not accepted, or asks how the
  /// job stands. No wait hangs on a lost message (SEMANTICS S7).
  void ask_again();
  /// Whoever asks knows of the trouble now: it need not be logged.
  void seen() { word_.set(kSeen); }

  /// Empty while it is not known.
  [[nodiscard]] JobId id() const { return (word_.load() & (kHolder | kAnew)) == kHolder ? holder_ : id_; }
  /// How requests call the job.
  [[nodiscard]] message::Key key() const;
  /// How messages call it: `report.build (job 0190…)`.
  [[nodiscard]] std::string subject() const;
  /// What becomes of the job for which a wait was too long, for messages.
  [[nodiscard]] std::string what_becomes() const;
  [[nodiscard]] const std::string& function() const { return subject_; }
  [[nodiscard]] Origin origin() const { return origin_; }
  [[nodiscard]] Durability durability() const { return durability_; }
  [[nodiscard]] Session& session() const { return *session_; }
  [[nodiscard]] const std::shared_ptr<Session>& shared_session() const { return session_; }

  // Once is_done().
  /// Null: the job has succeeded.
  [[nodiscard]] const Trouble* trouble() const { return trouble_.get(); }
  [[nodiscard]] const Payload& result() const { return result_; }
  /// What the job has told beside; null: nothing.
  [[nodiscard]] const message::Told* told() const { return told_.get(); }

  /// When an observer is called.
  enum class Tell : std::uint8_t {
    end,           ///< once it is done
    end_or_outage  ///< or once the daemon is declared gone, whichever is first
  };
  /// Has `run` called once; false if it is done already: then it is not called. `run` is called on the
  /// session's thread, under the pump lock; `owner` is for remove_observer.
  [[nodiscard]] bool add_observer(const void* owner, std::function<void()> run, Tell tell = Tell::end);
  /// False if there was none any more.
  bool remove_observer(const void* owner);

 private:
  ~FutureState() override;
  [[nodiscard]] bool await(std::uint32_t wanted, WaitWord::Deadline deadline);
  [[nodiscard]] Next end(message::Ended& ended, Payload&& value);
  [[nodiscard]] std::string why_it_came_to_nothing() const;
  void refuse(message::Refused& refusal);
  [[nodiscard]] bool follows_alone() const;
  [[nodiscard]] Next follow_alone();
  [[nodiscard]] Next submit_anew();
  /// Takes over what the daemon calls the job, when that is another id.
  void adopt(const JobId& id);
  void finish(std::uint32_t flags);
  void drop_request();

  static constexpr std::uint32_t kAccepted = 1;
  static constexpr std::uint32_t kDone = 2;
  static constexpr std::uint32_t kSeen = 4;
  static constexpr std::uint32_t kHolder = 8;  ///< holder_ is set
  static constexpr std::uint32_t kObserved = 16;
  static constexpr std::uint32_t kAcceptanceAwaited = 32;
  static constexpr std::uint32_t kEndAwaited = 64;
  static constexpr std::uint32_t kPostponed = 128;
  static constexpr std::uint32_t kAnew = 256;  ///< submitted once more: holder_ is the job's no longer

  /// Of a submission that has joined another's job: what submits it.
  struct Submission {
    std::string header;
    Payload payload;
  };

  struct Observer {
    const void* owner;
    std::function<void()> run;
    Tell tell;
  };

  WaitWord word_;
  const Origin origin_;
  const Durability durability_;
  const JobId id_;
  JobId holder_;
  const std::string subject_;
  const std::shared_ptr<Session> session_;  ///< futures outlive their client
  Payload result_;
  std::unique_ptr<Trouble> trouble_;
  std::unique_ptr<message::Told> told_;
  std::unique_ptr<Following> following_;
  std::unique_ptr<Submission> joined_with_;
  bool unique_ = false;
  bool tied_ = false;
  std::mutex observers_mutex_;
  std::vector<Observer> observers_;
};

static_assert(sizeof(FutureState) < 400, "a future is to stay small");

/// The way from a future to its state and back.
struct FutureAccess {
  [[nodiscard]] static AnyFuture make(Ref<FutureState> state) { return AnyFuture(std::move(state).leak()); }
  /// Throws Error for an empty future.
  [[nodiscard]] static FutureState& state(const AnyFuture& future);
};

}  // namespace promised::detail
