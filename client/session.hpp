// SPDX-License-Identifier: Apache-2.0
// A client's life with its daemon: one background thread that connects and reconnects, says Hello, sends what
// was posted, hands out the answers, acknowledges deliveries, and declares the daemon gone when it has been
// for too long.
//
// Who holds the pump lock may use the connection and the ledger. That is the thread, in turns; and, while it
// sleeps, an application thread that posts something: it sends at once, which saves a wake-up of the thread
// on the way out.
#pragma once

#include <promised/client.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "client/connection.hpp"
#include "client/fork_guard.hpp"
#include "client/ledger.hpp"
#include "client/notifier.hpp"
#include "client/outage.hpp"
#include "client/outbox.hpp"
#include "client/wait_word.hpp"
#include "common/clock.hpp"
#include "common/fd.hpp"
#include "common/messages.hpp"

namespace promised::detail {

class Call;

/// The code of give_up() when the client is closed.
inline constexpr const char* kClosed = "closed";
/// A wait that has taken so long asks the daemon again: no wait hangs on a lost message (SEMANTICS S7).
inline constexpr std::chrono::milliseconds kAskAgainAfter{10'000};

class Session {
 public:
  /// Starts to connect. Throws Error when the endpoint is not one.
  [[nodiscard]] static std::shared_ptr<Session> start(ClientOptions options);
  explicit Session(ClientOptions options);
  ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Hands over a request, to be sent in the order of posting; one that is out already is sent again. Throws
  /// Error after close() and in a forked child.
  void post(Ref<Exchange> exchange);
  /// Likewise; close() waits for its submission_settled().
  void post_submission(Ref<Exchange> exchange);
  void submission_settled();
  /// The job has ended, or nobody will be told of its end.
  void submission_ended();
  /// Sends a request and waits for its answer. Throws what a Refused stands for, and TimeoutError in whose
  /// message `what` says what was asked, as in "cancelling job 0190…". `resent` becomes true when the request
  /// was sent again after a reconnect: the answer may be about what it did the first time.
  [[nodiscard]] message::Reply call(message::Request request, Payload payload,
                                    std::chrono::milliseconds timeout, const std::string& what,
                                    bool* resent = nullptr);
  /// The same for what is to be done once, however long it takes: it is not sent again, and RefusedError with
  /// the code "interrupted" says that the daemon went before it had answered, and `what_is_left` (a literal)
  /// how far it may have come, and what to do.
  [[nodiscard]] message::Reply call_once(message::Request request, std::chrono::milliseconds timeout,
                                         const std::string& what, std::string_view what_is_left);
  [[nodiscard]] std::uint64_t next_number() { return numbers_.fetch_add(1, std::memory_order_relaxed); }

  /// Sleeps until `word` is not `seen` any more, at most until `deadline`; may return for no reason. Receives
  /// the answer itself if it is the only one that is out.
  void wait(WaitWord& word, std::uint32_t seen, WaitWord::Deadline deadline);

  /// See Client::reach.
  void reach(std::chrono::milliseconds timeout);

  /// Throws DisconnectedError if the daemon has been gone for too long, RefusedError if it does not want this
  /// client, and Error in a forked child.
  void check_alive() const;
  /// Why the daemon went, if it has said so and no other has come since; else empty.
  [[nodiscard]] std::string last_word() const { return outage_.announcement(); }
  [[nodiscard]] bool in_forked_child() const { return guard_.in_child(); }

  /// Has `word` poked when the daemon is declared gone.
  void add_listener(WaitWord* word);
  void remove_listener(WaitWord* word);

  /// Runs an application's callback on the thread for that.
  void notify(std::function<void()> task) { notifier_.post(std::move(task)); }
  void log(std::string_view text) const noexcept;
  /// Logs a submission that was refused with nobody looking, and keeps it for close().
  void report_unseen(Unaccepted unseen);

  /// See Client::shutdown: from now on post_submission throws.
  void refuse_submissions() { refusing_.store(true); }
  [[nodiscard]] bool refuses_submissions() const { return refusing_.load(); }
  /// Asks the daemon to cancel what has been submitted here and has not begun; waits for its answer.
  void withdraw_all();
  /// Those of the jobs whose end is still to come that the daemon cancels when this client goes.
  [[nodiscard]] std::size_t count_tied();
  /// Waits until all that was submitted has ended.
  void await_ends(std::chrono::milliseconds timeout, WaitWord::Deadline deadline);

  /// See Client::close. What was not accepted.
  struct Left {
    std::vector<Unaccepted> unseen;      ///< refused, and logged, with nobody looking
    std::vector<Unaccepted> unanswered;  ///< by now
  };
  [[nodiscard]] Left close(std::chrono::milliseconds timeout);
  [[nodiscard]] const ClientOptions& options() const { return options_; }

 private:
  void await(Call& call, std::chrono::milliseconds timeout, const std::string& what);
  void run();
  void turn(Instant now);
  void keep_connected(Instant now);
  void connect();
  void disconnect(Instant now);
  void receive(Instant now);
  /// False when the connection is of no more use.
  [[nodiscard]] bool handle(message::Reply& reply, Payload&& payload, Instant now);
  void greeted(const message::Welcome& welcome, Instant now);
  void unwanted(message::Refused& refusal, Instant now);
  void watch_outage(Instant now);
  void poke_waiters();
  void send_posted();
  [[nodiscard]] bool nothing_to_do() const;
  [[nodiscard]] Instant next_deadline() const;
  void sleep(std::unique_lock<std::mutex>& pump);
  [[nodiscard]] bool lead(WaitWord& word, std::uint32_t seen, WaitWord::Deadline deadline);
  [[nodiscard]] bool may_lead() const;
  [[nodiscard]] bool lead_goes_on() const;
  void receive_until(std::unique_lock<std::mutex>& pump, Instant deadline);
  void follow(std::unique_lock<std::mutex>& pump, Instant deadline);
  /// For who changes something while another thread leads.
  void tell_leader();
  /// Until when the thread leaves the connection to leaders; in the past if it does not.
  [[nodiscard]] Instant lent_until(Instant now);
  void wake();
  void farewell();

  const ForkGuard guard_;
  const ClientOptions options_;
  const JobId client_id_;
  std::atomic<std::uint64_t> numbers_{1};
  Outbox outbox_;
  std::atomic<bool> asleep_{false};  ///< the thread: with Outbox::waiting(), neither misses the other
  std::atomic<bool> woken_{false};   ///< the event fd is written and not yet read
  Fd event_fd_;
  Fd leader_fd_;
  Outage outage_;

  std::atomic<std::uint64_t> unsettled_{0};  ///< submissions neither accepted nor refused
  std::atomic<std::uint64_t> unended_{0};    ///< submissions whose end is still to come
  std::atomic<bool> refusing_{false};        ///< submissions
  std::atomic<bool> closing_{false};
  std::atomic<bool> stopping_{false};
  WaitWord greeted_;  ///< poked when the daemon has said Welcome, and when it is gone
  WaitWord ended_;    ///< poked when unended_ falls to zero after refuse_submissions(), and when it is gone
  WaitWord settled_;  ///< poked when unsettled_ falls to zero while closing, and when the daemon is gone

  std::mutex pump_mutex_;
  // The rest of this paragraph: under the pump lock.
  std::optional<Context> context_;  ///< until the farewell
  std::unique_ptr<Connection> connection_;
  Ledger ledger_;
  Incoming incoming_;
  std::vector<Ref<Exchange>> taken_;
  std::uint64_t hello_number_ = 0;
  bool may_send_ = true;   ///< at first before it is connected, to save a round trip; later only then
  bool welcomed_ = false;  ///< on this connection
  bool reached_ = false;   ///< a daemon may have read what was sent on the connection before
  bool garbage_logged_ = false;
  Instant welcomed_at_{};
  Instant retry_at_{};
  std::chrono::milliseconds pause_{0};  ///< before the next try to connect
  Instant linger_until_{};
  std::uint64_t connections_ = 0;      ///< counts their beginnings and ends
  bool thread_watches_ = false;        ///< the thread sleeps on the connection
  bool thread_sleeps_deeply_ = false;  ///< and is to be woken when the leader goes
  WaitWord* led_for_ = nullptr;        ///< what the leader waits for; null: nobody leads
  std::uint32_t led_seen_ = 0;
  std::uint64_t led_connection_ = 0;
  std::uint64_t leads_ = 0;       ///< counts them
  std::uint64_t leads_seen_ = 0;  ///< by the thread, before its last sleep
  Instant led_at_{};              ///< the end of the last

  mutable std::mutex side_mutex_;
  std::vector<WaitWord*> listeners_;
  std::vector<Unaccepted> unseen_;    ///< the first kMostUnseen
  std::vector<Unaccepted> leftover_;  ///< what the farewell found not accepted

  std::mutex close_mutex_;
  Notifier notifier_;
  std::thread thread_;
};

}  // namespace promised::detail
