// SPDX-License-Identifier: Apache-2.0
// What subscriptions are to be told (SEMANTICS C9). One that is told everything, and uses it at once, says
// what happens; the others must be told of the same what their filters let through, in its order, each event
// once or as lost, and lost ones in their place. And what happens to a job must have an order that makes
// sense.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "common/messages.hpp"
#include "daemon/nouns.hpp"

namespace promised::test {

class News {
 public:
  /// A subscription by its session and the number of its request.
  using Key = std::pair<SessionId, std::uint64_t>;

  /// From now on. `owner`: of the jobs that the subscriber may see; nothing: all.
  void subscribe(const Key& key, message::Subscribe filter, std::optional<uid_t> owner);
  /// From now on nothing more is to be told but what is on its way.
  void unsubscribe(const Key& key);
  void drop(const Key& key) { readers_.erase(key); }
  void leave(SessionId session);
  /// A daemon has ended: nothing that was told and not heard of counts.
  void begin_anew();

  /// It has happened, in this turn.
  void happened(const JobEvent& event);
  void hear(const Key& key, const message::Events& events);
  /// Up to where the reader has been told, of which it says now that it has used this.
  std::uint64_t use(const Key& key);

  [[nodiscard]] bool contains(const Key& key) const { return readers_.contains(key); }
  [[nodiscard]] bool anything_expected() const;
  /// Calls `f` with the key and the filter of each subscription of the session.
  template <class F>
  void each_of(SessionId session, F&& f) const {
    for (auto it = readers_.lower_bound({session, 0}); it != readers_.end() && it->first.first == session;
         ++it)
      f(it->first, it->second.filter);
  }
  /// A client has been told that the job has come to this.
  void check_end(const JobId& id, State state) const;
  /// Everybody has read everything: nothing may be missing, and no job without an end.
  void nothing_left() const;

  [[nodiscard]] std::uint64_t heard() const { return heard_; }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  struct Reader {
    message::Subscribe filter;
    std::optional<uid_t> owner;
    std::deque<JobEvent> expected;  ///< to be told, or lost
    std::uint64_t next = 0;         ///< the number of the next event
    std::uint64_t used = 0;
    bool answered = false;
    bool leaves = false;
    bool left_some = false;  ///< of what is expected not all was on its way when it left
  };
  /// What was told of a job.
  struct Course {
    std::uint32_t attempts = 0;
    bool accepted = false;
    bool runs = false;
    std::optional<EventKind> end;
  };

  [[nodiscard]] static bool fits(const Reader& reader, const JobEvent& event);
  void follow(const JobEvent& event);

  std::map<Key, Reader> readers_;
  std::unordered_map<JobId, Course> courses_;
  std::uint64_t heard_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace promised::test
