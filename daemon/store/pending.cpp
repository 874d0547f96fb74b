// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/pending.hpp"

#include <algorithm>
#include <bit>
#include <type_traits>
#include <utility>
#include <variant>

namespace promised {
namespace {

constexpr std::size_t kFewestBuckets = 256;

/// The job that a change is about; none for those about names, tombstones, queues and quotas.
const JobId* job_of(const Change& change) {
  return std::visit(
      [](const auto& c) -> const JobId* {
        using T = std::decay_t<decltype(c)>;
        if constexpr (std::is_same_v<T, change::SetName> || std::is_same_v<T, change::DropName> ||
                      std::is_same_v<T, change::DeleteName> || std::is_same_v<T, change::BuryId> ||
                      std::is_same_v<T, change::DeleteGrave> || std::is_same_v<T, change::SteerQueue> ||
                      std::is_same_v<T, change::SteerQuota>) {
          return nullptr;
        } else {
          return &c.id;
        }
      },
      change);
}

std::uint64_t weight(const Failure& failure) {
  return failure.message.size() + failure.output.size() + failure.backtrace.size();
}

std::uint64_t weight(const Change& change) {
  if (const auto* insert = std::get_if<change::InsertJob>(&change))
    return sizeof change + insert->arguments.size();
  if (const auto* end = std::get_if<change::EndJob>(&change))
    return sizeof change + end->result.size() + weight(end->failure);
  if (const auto* ready = std::get_if<change::ReadyJob>(&change))
    return sizeof change + ready->arguments.size();
  if (const auto* requeue = std::get_if<change::RequeueJob>(&change))
    return sizeof change + weight(requeue->failure);
  if (const auto* tell = std::get_if<change::TellJob>(&change)) {
    std::uint64_t bytes = sizeof change + tell->told.progress_message.size();
    for (const NoteView& note : tell->told.notes)
      bytes += sizeof note + note.key.size() + note.encoded.size();
    for (const PartChunk& chunk : tell->parts) bytes += sizeof chunk + chunk.bytes.size();
    return bytes + tell->output.size();
  }
  return sizeof change;
}

}  // namespace

void PendingChanges::add(std::vector<Change>& changes) {
  for (Change& change : changes) add_one(std::move(change));
  changes.clear();
}

void PendingChanges::add_one(Change&& change) {
  if (const auto* set = std::get_if<change::SetName>(&change)) {
    if (const Place insert = find_insert(set->id); insert != kNone) entries_[insert].named = true;
    append(std::move(change));
    return;
  }
  const JobId* job = job_of(change);
  const Place insert = job == nullptr ? kNone : find_insert(*job);
  if (insert != kNone) {
    if (std::holds_alternative<change::DeleteJob>(change) && !entries_[insert].named) {
      elide(insert);
    } else {
      link(append(std::move(change)), insert);
    }
    return;
  }
  const bool is_insert = std::holds_alternative<change::InsertJob>(change);
  const Place place = append(std::move(change));
  if (is_insert) index_insert(place);
}

PendingChanges::Place PendingChanges::append(Change&& change) {
  bytes_ += weight(change);
  Place place = kNone;
  if (unused_.empty()) {
    place = static_cast<Place>(entries_.size());
    entries_.emplace_back(std::move(change));
  } else {
    place = unused_.back();
    unused_.pop_back();
    entries_[place] = Entry(std::move(change));
  }
  Entry& entry = entries_[place];
  entry.before = last_;
  (last_ == kNone ? first_ : entries_[last_].after) = place;
  last_ = place;
  ++size_;
  return place;
}

void PendingChanges::link(Place place, Place insert) {
  entries_[place].same_job = std::exchange(entries_[insert].same_job, place);
}

void PendingChanges::drop(Place place) {
  Entry& entry = entries_[place];
  (entry.before == kNone ? first_ : entries_[entry.before].after) = entry.after;
  (entry.after == kNone ? last_ : entries_[entry.after].before) = entry.before;
  bytes_ -= weight(entry.change);
  entry.change = change::DeleteJob{};  // lets go of what the change held
  unused_.push_back(place);
  --size_;
}

void PendingChanges::elide(Place insert) {
  unindex_insert(insert);
  for (Place place = entries_[insert].same_job; place != insert;) {
    drop(std::exchange(place, entries_[place].same_job));
  }
  drop(insert);
}

std::vector<Change> PendingChanges::take() {
  std::vector<Change> all;
  all.reserve(size_);
  for (Place place = first_; place != kNone; place = entries_[place].after) {
    all.push_back(std::move(entries_[place].change));
  }
  clear();
  return all;
}

void PendingChanges::clear() {
  // Memory that this load did not need is not kept for the next.
  if (entries_.capacity() > kFewestBuckets && entries_.capacity() / 8 > entries_.size()) {
    entries_ = {};
    unused_ = {};
  }
  if (buckets_.size() > kFewestBuckets && buckets_.size() / 8 > inserts_) buckets_ = {};
  entries_.clear();
  unused_.clear();
  if (inserts_ > 0) std::fill(buckets_.begin(), buckets_.end(), kNone);
  inserts_ = 0;
  size_ = 0;
  bytes_ = 0;
  first_ = last_ = kNone;
}

const JobId& PendingChanges::job_of_insert(Place place) const {
  return std::get<change::InsertJob>(entries_[place].change).id;
}

std::size_t PendingChanges::bucket_of(const JobId& id) const {
  // The high bits of a product depend on all bits of the hash: those that all ids share leave no bucket
  // empty.
  const std::uint64_t product = std::hash<JobId>()(id) * 0x9e3779b97f4a7c15;
  return static_cast<std::size_t>(product >> (64 - std::countr_zero(buckets_.size())));
}

PendingChanges::Place PendingChanges::find_insert(const JobId& id) const {
  if (inserts_ == 0) return kNone;
  Place place = buckets_[bucket_of(id)];
  while (place != kNone && job_of_insert(place) != id) place = entries_[place].next_in_bucket;
  return place;
}

void PendingChanges::index_insert(Place place) {
  if (inserts_ >= buckets_.size()) grow_index();
  entries_[place].same_job = place;
  entries_[place].next_in_bucket = std::exchange(buckets_[bucket_of(job_of_insert(place))], place);
  ++inserts_;
}

void PendingChanges::unindex_insert(Place place) {
  Place* link = &buckets_[bucket_of(job_of_insert(place))];
  while (*link != place) link = &entries_[*link].next_in_bucket;
  *link = entries_[place].next_in_bucket;
  --inserts_;
}

void PendingChanges::grow_index() {
  std::vector<Place> old = std::exchange(
      buckets_, std::vector<Place>(buckets_.empty() ? kFewestBuckets : buckets_.size() * 2, kNone));
  for (Place place : old) {
    while (place != kNone) {
      const Place next = entries_[place].next_in_bucket;
      entries_[place].next_in_bucket = std::exchange(buckets_[bucket_of(job_of_insert(place))], place);
      place = next;
    }
  }
}

}  // namespace promised
