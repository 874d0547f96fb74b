// SPDX-License-Identifier: Apache-2.0
// The changes that wait for their commit. A job whose insert and delete meet here was never on disk and need
// never be (write elision): what happened to it in between is dropped with it, at once, so that a slow disk
// does not make the jobs that it has nothing to do with pile up here. A job that a name was given to here is
// always written.
#pragma once

#include <promised/types.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "daemon/flow.hpp"

namespace promised {

class PendingChanges {
 public:
  /// Takes the changes, in order; leaves `changes` empty.
  void add(std::vector<Change>& changes);
  [[nodiscard]] bool empty() const { return first_ == kNone; }
  /// How many there are to write.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// About what they take in memory: themselves, arguments, results and the texts of failures.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// All that is left to write, in order; afterwards this is empty, and keeps some memory for what comes
  /// next.
  [[nodiscard]] std::vector<Change> take();

 private:
  using Place = std::uint32_t;
  static constexpr Place kNone = static_cast<Place>(-1);

  /// A change in its order. The places of elided ones are used again.
  struct Entry {
    explicit Entry(Change&& c) : change(std::move(c)) {}
    Change change;
    Place before = kNone;
    Place after = kNone;
    /// Of an insert: the last change about its job, itself if it is the only one. Of a later change about a
    /// job whose insert is here: the change about it before.
    Place same_job = kNone;
    Place next_in_bucket = kNone;  ///< of an insert
    bool named = false;            ///< of an insert: a name stands for the job
  };

  void add_one(Change&& change);
  Place append(Change&& change);
  void clear();
  void link(Place place, Place insert);
  void drop(Place place);
  void elide(Place insert);
  [[nodiscard]] Place find_insert(const JobId& id) const;
  void index_insert(Place place);
  void unindex_insert(Place place);
  void grow_index();
  [[nodiscard]] std::size_t bucket_of(const JobId& id) const;
  [[nodiscard]] const JobId& job_of_insert(Place place) const;

  std::vector<Entry> entries_;
  std::vector<Place> unused_;
  std::vector<Place> buckets_;  ///< inserts by their job's id; a power of two of chains
  std::size_t inserts_ = 0;
  std::size_t size_ = 0;
  std::uint64_t bytes_ = 0;
  Place first_ = kNone;
  Place last_ = kNone;
};

}  // namespace promised
