// SPDX-License-Identifier: Apache-2.0
// Act: carries out the effects, each by the one module that can, and holds back those that wait for a commit
// until it is on disk.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "daemon/door/door.hpp"
#include "daemon/flow.hpp"
#include "daemon/pool/workers.hpp"
#include "daemon/reload.hpp"
#include "daemon/store/committer.hpp"

namespace promised {

class Act {
 public:
  /// All must outlive this.
  Act(Door& door, Workers& workers, Committer& committer, Reloader& reloader)
      : door_(door), workers_(workers), committer_(committer), reloader_(reloader) {}

  /// Carries out what may go now; hands the changes to the committer, and keeps what waits for them. The plan
  /// is empty afterwards. Appends what came of it to `events`.
  void carry_out(Plan& plan, std::vector<Event>& events);
  /// Every batch up to here is on disk: what waited for it goes.
  void committed(std::uint64_t batch, std::vector<Event>& events);
  /// Sends what carry_out has gathered for the workers.
  void flush() { workers_.flush(); }
  /// The batch that the committer was given last.
  [[nodiscard]] std::uint64_t submitted() const { return submitted_; }
  /// About what the effects take in memory that wait for a commit.
  [[nodiscard]] std::uint64_t waiting_bytes() const { return effects_waiting_ * sizeof(Effect); }
  /// Everything that was handed over is on disk.
  [[nodiscard]] bool idle() const { return committed_ == submitted_ && waiting_.empty(); }

 private:
  struct Waiting {
    std::uint64_t batch;
    std::vector<Effect> effects;
  };
  void carry_out(std::vector<Effect>& effects, std::vector<Event>& events);
  void measure(const effect::MeasureWorker& e, std::vector<Event>& events);

  Door& door_;
  Workers& workers_;
  Committer& committer_;
  Reloader& reloader_;
  std::uint64_t submitted_ = 0;
  std::uint64_t committed_ = 0;
  std::deque<Waiting> waiting_;
  std::uint64_t effects_waiting_ = 0;
  bool told_unmeasured_ = false;
};

}  // namespace promised
