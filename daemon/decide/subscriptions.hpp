// SPDX-License-Identifier: Apache-2.0
// Who is told what happens to jobs (SEMANTICS C9), and what waits to be told. Each subscription keeps events
// in order; so many are on their way to its client, and the others wait here until the client has used some.
// What waits is bounded: what comes faster than it is used is counted instead of kept, and told as a number
// in its place.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/messages.hpp"
#include "daemon/decide/accounts.hpp"
#include "daemon/flow.hpp"

namespace promised {

/// Events of one subscription that are on their way, or lie with its client unused, at most; and their bytes,
/// if they are more than one event.
inline constexpr std::uint64_t kEventWindow = 1024;
inline constexpr std::uint64_t kEventWindowBytes = std::uint64_t{1} << 20;

class Subscriptions {
 public:
  /// A subscription by its session and the number of its request.
  using Key = std::pair<SessionId, std::uint64_t>;
  /// Whose jobs it is told of.
  struct Scope {
    std::uint32_t subscriber;            ///< uid: for what waits it pays
    std::optional<std::uint32_t> owner;  ///< of the jobs; nothing: anybody
  };

  /// Both must outlive this; what waits counts as bytes of the subscriber.
  Subscriptions(const Limits& limits, Accounts& accounts) : limits_(limits), accounts_(accounts) {}

  /// Whether anybody wants events of this kind: one is not even made if nobody does.
  [[nodiscard]] bool want(EventKind kind) const { return (wanted_ & bit(kind)) != 0; }
  [[nodiscard]] bool contains(const Key& key) const { return all_.contains(key); }
  void add(const Key& key, message::Subscribe filter, Scope scope);
  void remove(const Key& key);
  /// The session is gone.
  void leave(SessionId session);
  /// What its user may see has changed.
  void rescope(SessionId session, bool sees_all);

  /// It has happened: keeps it for everybody who wants it, and says whether anybody does.
  // NOLINTNEXTLINE(modernize-use-nodiscard): said for its effect
  bool publish(const JobEvent& event);
  /// The client has used all events before this number.
  void used(const Key& key, std::uint64_t before);

  /// What may be sent now, and to whom.
  struct Outgoing {
    Key to;
    message::Events events;
  };
  [[nodiscard]] std::vector<Outgoing> take();
  /// take() has something to give.
  [[nodiscard]] bool due() const { return !due_.empty(); }

 private:
  struct Waiting {
    JobEvent event;
    std::uint64_t lost;   ///< before it
    std::uint64_t bytes;  ///< that it counts for
  };
  struct Subscription {
    message::Subscribe filter;
    Scope scope;
    std::deque<Waiting> waiting;
    std::uint64_t bytes_waiting = 0;
    std::uint64_t lost = 0;  ///< after the last that waits
    std::uint64_t next = 0;  ///< the number of the first that waits
    /// What was sent and is not used yet: its number, and its bytes.
    std::deque<std::pair<std::uint64_t, std::uint64_t>> under_way;
    std::uint64_t bytes_under_way = 0;
    bool is_due = false;  ///< listed in due_
  };

  [[nodiscard]] static constexpr std::uint32_t bit(EventKind kind) {
    return 1U << static_cast<unsigned>(kind);
  }
  [[nodiscard]] static bool fits(const Subscription& subscription, const JobEvent& event);
  [[nodiscard]] static bool has_room(const Subscription& subscription);
  [[nodiscard]] static bool fits_window(std::uint64_t count, std::uint64_t bytes);
  [[nodiscard]] message::Events next_batch(Subscription& subscription);
  void keep(const Key& key, Subscription& subscription, const JobEvent& event);
  void make_due(const Key& key, Subscription& subscription);
  void drop(Subscription& subscription);
  void count_wanted();

  const Limits& limits_;
  Accounts& accounts_;
  std::map<Key, Subscription> all_;
  std::uint32_t wanted_ = 0;  ///< the kinds that anybody wants
  std::vector<Key> due_;      ///< those with something to send, and room for it
};

}  // namespace promised
