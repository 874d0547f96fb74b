// SPDX-License-Identifier: Apache-2.0
// What workers leave behind and is in nobody's cgroup: orphans, which the kernel makes children of the
// spawner (SEMANTICS I4).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "common/result.hpp"
#include "daemon/nouns.hpp"
#include "daemon/spawner/killed.hpp"

namespace promised {

/// Spares an orphan while its worker is there, and ends it when that has gone. Which that was is told by its
/// session, or by the environment that it was started with. One that has changed both may be of any worker
/// that was there before it: it goes when the last of these has gone.
///
/// Of the thread that is the workers' parent. Reaps nobody but orphans, and does all in steps of bounded
/// length, so that orders and ends of workers are looked at in between.
class Strays {
 public:
  /// From now on children that are not workers are strays. Called before the next step once a worker has been
  /// started, and before it is reaped.
  void add(WorkerId worker, pid_t pid);
  /// Called when it has been reaped. The next step kills what it left, unless that is very much.
  void remove(WorkerId worker, pid_t pid);
  /// Something that this worker left has been killed, and lives yet. Once it is told of, it is forgotten.
  [[nodiscard]] bool leaves_dying(WorkerId worker);
  void forget(WorkerId worker) { dying_.erase(worker); }

  /// Children have come or ended: the next step looks who is there.
  void look_again() { look_ = true; }

  enum class Step : std::uint8_t {
    went_on,
    reaped  ///< all that are dead, if there are any: what they were in may be empty
  };
  /// A step, if there is one to make. A Problem: it cannot be told who is there; after look_again() it is
  /// tried once more.
  [[nodiscard]] Result<Step> step();
  /// Milliseconds after which reap_dead() is called if nothing has happened, 0 where the next step is due;
  /// -1: there is nothing to wait for.
  [[nodiscard]] int patience() const;
  /// One that does not die is not to hold the places of the others.
  void reap_dead();

 private:
  struct Leader {
    WorkerId worker{};
    std::uint64_t started = 0;  ///< see started_at()
  };
  /// Whose an orphan is: found out once, because it may change what tells it.
  struct Owner {
    std::optional<WorkerId> worker;
    std::uint64_t started = 0;  ///< where there is no telling: when it was started
  };

  [[nodiscard]] Result<Step> look();
  void judge();
  [[nodiscard]] std::optional<Owner> owner_of(pid_t stray) const;
  [[nodiscard]] bool is_there(const Owner& owner) const;

  std::map<pid_t, Leader> leaders_;  ///< the workers: each leads a session of its own
  std::set<WorkerId> workers_;
  /// Leaders that have gone: no other session has their numbers as long as somebody is in theirs. Until all
  /// that they left is found.
  std::map<pid_t, WorkerId> gone_;
  std::map<WorkerId, std::vector<pid_t>> dying_;  ///< left by workers that have been removed, not forgotten
  bool look_ = false;                             ///< some may have come
  std::vector<pid_t> unjudged_;
  std::map<pid_t, Owner> spared_;
  std::set<pid_t> refused_;  ///< of other users, where this may not kill them
  Killed killed_;
};

}  // namespace promised
