// SPDX-License-Identifier: Apache-2.0
// What the daemon says of its store, beside what it tells clients: in the log, to systemd, and in the note
// that it leaves for the daemon after it. Used by the loop.
#pragma once

#include <optional>
#include <string>

#include "daemon/decide/scheduler.hpp"
#include "daemon/settings.hpp"
#include "daemon/store/committer.hpp"
#include "daemon/store/failure_note.hpp"

namespace promised {

class StoreWatch {
 public:
  /// Both must outlive this. `around` is kept true of the store.
  StoreWatch(const Settings& settings, Surroundings& around)
      : settings_(settings), around_(around), note_(settings.state_dir) {}

  /// At the start: what an earlier daemon has left is told, now and in every status of this one.
  void start();
  /// Takes over the facts; says when the disk is full and when it is not any more, which results are lost,
  /// and what maintenance has come to. Once this daemon has written something, the note of the earlier one
  /// has had its time.
  void heard(const Committer::News& news);
  /// The daemon cannot go on: says so, and leaves a note.
  void failed(const Problem& problem);

 private:
  void told_full(const Problem& problem);
  void told_space(Instant since);
  void remove_note();

  const Settings& settings_;
  Surroundings& around_;
  FailureNote note_;
  bool has_note_ = false;
  std::optional<Instant> full_since_;
};

}  // namespace promised
