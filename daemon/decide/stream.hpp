// SPDX-License-Identifier: Apache-2.0
// What a job reports while it runs: notes, that its clients write too, parts of its result, and what it
// prints; and who follows that. Only jobs that use any of it have one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.hpp"
#include "daemon/flow.hpp"

namespace promised {

/// A client's Follow request.
struct Follower {
  /// What was sent and is not used yet: up to which part or byte, and how many bytes.
  using UnderWay = std::deque<std::pair<std::uint64_t, std::uint64_t>>;

  SessionId session{};
  std::uint64_t number = 0;
  bool progress = false;
  bool parts = false;
  bool due = true;           ///< to be told how things stand, even if nothing is new
  bool progress_due = true;  ///< the latest is not told
  bool last_told = false;
  bool loading = false;    ///< parts come from the store
  std::uint64_t next = 0;  ///< the part that comes next
  UnderWay under_way;
  bool output = false;
  bool output_due = false;        ///< what there is so far has to be asked for
  bool output_loading = false;    ///< it comes from the store
  std::uint64_t output_next = 0;  ///< the byte that comes next
  UnderWay output_under_way;
  std::uint64_t bytes_under_way = 0;  ///< of both
};

struct Stream {
  struct Note {
    std::string encoded;        ///< empty: it is gone, and the worker has not heard that
    std::uint64_t version = 0;  ///< the change that made it so
    bool by_worker = false;
  };

  /// Beside arguments and result, in memory.
  [[nodiscard]] std::uint64_t bytes() const {
    return notes_size + (parts_in_store ? 0 : parts_cost()) + output.size();
  }
  [[nodiscard]] std::uint64_t parts_cost() const { return parts_size + part_count * message::kEntryCost; }
  [[nodiscard]] static std::uint64_t note_size(std::string_view key, std::string_view encoded) {
    return key.size() + encoded.size() + message::kEntryCost;
  }
  /// The chunk that has part `number`, which is one of `parts`.
  [[nodiscard]] const PartChunk& chunk(std::uint64_t number) const;
  /// Null: it does not follow this job any more.
  [[nodiscard]] Follower* follower(SessionId session, std::uint64_t number);

  std::map<std::string, Note, std::less<>> notes;
  std::uint64_t notes_size = 0;
  std::uint64_t notes_version = 0;
  bool notes_unwritten = false;  ///< the store has not been told of the latest

  // Of the attempt that runs.
  bool worker_reads = false;    ///< it has asked for notes
  bool worker_listens = false;  ///< and waits for what comes after `worker_version`
  std::uint64_t worker_version = 0;
  std::uint32_t worker_wrote = 0;  ///< its last write

  std::uint64_t run = 0;  ///< which run of the job parts and output are of; 0: there are none
  std::vector<PartChunk> parts;
  std::uint64_t part_count = 0;
  std::uint64_t parts_size = 0;
  bool parts_in_store = false;   ///< not in memory
  bool parts_read = false;       ///< by the client that submitted the job
  bool outcome_arrived = false;  ///< there; what has no name is kept for its parts alone

  Payload output;                  ///< the last of what it has printed, if it has ended and that is in memory
  std::uint64_t output_size = 0;   ///< of it
  std::uint64_t output_total = 0;  ///< bytes printed; while the job runs, as far as that has been asked for
  bool output_in_store = false;    ///< not in memory
  /// From which byte on the worker's output has been asked for, if that has not been answered.
  std::optional<std::uint64_t> output_asked;

  std::vector<Follower> followers;
  bool in_news = false;       ///< listed in Scheduler::news_
  bool news_delayed = false;  ///< listed in Scheduler::delayed_news_
  Instant told{};             ///< when progress and notes were passed on last
};

}  // namespace promised
