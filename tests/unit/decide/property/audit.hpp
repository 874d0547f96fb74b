// SPDX-License-Identifier: Apache-2.0
// Looks into a scheduler between two turns, changes nothing, and throws a Violation where what is counted is
// not what there is, or what must be so is not.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/unit/decide/property/model_store.hpp"

namespace promised::test {

/// How many jobs each pool ran after the turn before, and how many had each quota.
using RunningBefore = std::map<const void*, std::size_t>;

class Audit {
 public:
  Audit(const Scheduler& scheduler, const Settings& settings, Now now)
      : s_(scheduler), settings_(settings), now_(now) {}

  /// After each turn: what is quick to see.
  void each_turn(RunningBefore& running) const;
  /// All that is counted, counted again.
  void thorough() const;
  /// Of a job that was dispatched in the turn that is over: none that waits should have gone before it.
  void went_first(const JobId& id, const WorkerId& worker) const;
  /// When an answer to Explain was given.
  enum class Moment : std::uint8_t {
    between_turns,  ///< all that was to be done is done
    within_turn
  };
  /// What was said of a job in this moment is what holds, and all of it; and who asks may know of whom it
  /// names.
  void explains(const Explanation& said, uid_t asker, Moment moment) const;
  /// When everything has ended.
  void nothing_left() const;
  /// It has not ended: one that a worker has may come back while its queue is searched for what is to be
  /// cleared.
  [[nodiscard]] bool may_be_cleared(const JobId& id) const;
  /// It waits in its queue: nothing keeps it from being cancelled.
  [[nodiscard]] bool must_be_cleared(const JobId& id) const;
  /// A job, as a sentence for who reads a violation.
  [[nodiscard]] std::string describe(const JobId& id) const;
  [[nodiscard]] std::size_t jobs() const { return s_.jobs_.size(); }
  [[nodiscard]] bool any_active() const;
  [[nodiscard]] std::size_t on_disk() const { return s_.backlog_ids_.size(); }

  [[nodiscard]] static std::string describe(const Pool& pool);
  [[nodiscard]] std::string describe_pools() const;

 private:
  class Truth;
  void slots(RunningBefore& running) const;
  void nobody_idles() const;
  [[nodiscard]] bool may_begin(const Pool& pool, const Worker& worker, const Job& job) const;
  void channels() const;
  void stands_somewhere(const Job& job) const;
  void timing() const;
  void lanes() const;
  void heaps() const;
  void quotas() const;
  void caps(const RunningBefore& before, RunningBefore& after) const;
  void line(const Pool& pool) const;
  void seats(const Lane& lane) const;
  void baton(const Lane& lane) const;
  [[nodiscard]] bool held_up(const Lane& lane, const Pool& pool) const;
  [[nodiscard]] static std::size_t running(const Pool& pool);
  void accounts() const;
  static void check(bool holds, const std::string& what);

  const Scheduler& s_;
  const Settings& settings_;
  Now now_;
};

}  // namespace promised::test
