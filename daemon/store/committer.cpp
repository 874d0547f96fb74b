// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/committer.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <system_error>
#include <utility>

#include "daemon/store/sqlite.hpp"

namespace promised {
namespace {

/// How long a commit may be kept waiting by what is to be loaded.
constexpr std::chrono::milliseconds kLoadFor{5};
/// Between two looks for space on a full disk: the first pause, and what it grows to.
constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::milliseconds kLongestPause{1000};

/// On the store's own disk; a backup to a place that somebody has named is mostly on another.
bool needs_room(const effect::MaintainStore& what) {
  return what.task != StoreTask::backup || what.path.empty();
}

}  // namespace

Committer::Committer(std::unique_ptr<Store> store)
    : store_(std::move(store)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_.valid()) throw std::system_error(errno, std::generic_category(), "cannot make an eventfd");
  news_.facts = store_->facts();
  thread_ = std::thread([this] { run(); });
}

Committer::~Committer() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_one();
  thread_.join();
}

int Committer::fd() const {
  return wake_.get();
}

std::uint64_t Committer::submit(std::vector<Change>& changes) {
  std::unique_lock lock(mutex_);
  if (changes.empty()) return submitted_;
  const bool had_work = has_work();
  const std::uint64_t batch = ++submitted_;
  if (failed_) {
    changes.clear();
    return batch;
  }
  pending_.add(changes);
  count();
  lock.unlock();
  if (!had_work) work_.notify_one();
  return batch;
}

void Committer::load(LoadRequest what) {
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return;
    wanted_.push_back({std::move(what), submitted_});
  }
  work_.notify_one();
}

void Committer::maintain(effect::MaintainStore what) {
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return;
    to_maintain_ = std::move(what);
  }
  work_.notify_one();
}

void Committer::stop_maintenance() {
  {
    const std::lock_guard lock(mutex_);
    stop_maintenance_ = true;
  }
  work_.notify_one();
}

void Committer::ask_for_turn() {
  {
    const std::lock_guard lock(mutex_);
    turn_wanted_ = true;
  }
  work_.notify_one();
}

Committer::News Committer::collect() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(posted_, false)) {
    eventfd_t count = 0;
    static_cast<void>(
        ::eventfd_read(wake_.get(), &count));  // cannot fail: it was posted, and nobody else reads
  }
  News news;
  news.committed = news_.committed;
  news.answers = std::exchange(news_.answers, {});
  news.failed = std::exchange(news_.failed, std::nullopt);
  news.full = std::exchange(news_.full, std::nullopt);
  news.facts = news_.facts;
  news.facts.committed = news.committed;
  news.facts.unwritten = unwritten();
  return news;
}

void Committer::post() {
  if (std::exchange(posted_, true)) return;
  static_cast<void>(::eventfd_write(wake_.get(), 1));  // cannot fail: the count is zero
}

void Committer::count() {
  unwritten_.store(pending_.bytes() + bytes_taken_, std::memory_order_relaxed);
}

bool Committer::has_work() const {
  return taken_ != submitted_ || !wanted_.empty();
}

bool Committer::has_maintenance() const {
  return to_maintain_ || stop_maintenance_ || turn_wanted_;
}

void Committer::run() {
  // Signals are for the loop.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "committer");
  Work work;
  while (wait(work)) {
    const Result<void> done = carry_out(work);
    if (done.ok()) continue;
    if (done.problem().code != kDiskFull) {
      fail(done.problem());
      break;
    }
    if (!put_off(work, done.problem())) break;
    if (const Result<void> made = make_room(work); !made && made.problem().code != kDiskFull) {
      fail(made.problem());
      break;
    }
  }
  maintenance_.reset();  // before the store, which it may be copying
}

bool Committer::wait(Work& work) {
  std::unique_lock lock(mutex_);
  work.only_read = false;
  if (shortage_.pause.count() != 0) {
    // What was to be done to the store when the disk was found full does not need to wait for space.
    const bool maintains = work.to_maintain || work.stop_maintenance || work.turn;
    work_.wait_until(lock, shortage_.retry_at,
                     [&] { return stop_ || !wanted_.empty() || maintains || has_maintenance(); });
    work.only_read = !stop_ && std::chrono::steady_clock::now() < shortage_.retry_at;
  } else if (tidied_) {
    work_.wait(lock, [this] { return stop_ || has_work() || has_maintenance(); });
  }
  if (stop_ && !has_work() && work.last_batch == 0) return false;
  work.wanted = std::exchange(wanted_, {});
  take_maintenance(work);
  if (work.only_read || work.last_batch != 0) return true;  // what it has comes first
  bytes_taken_ = pending_.bytes();
  std::swap(work.changes, pending_);
  work.last_batch = std::exchange(taken_, submitted_) == submitted_ ? 0 : submitted_;
  return true;
}

void Committer::take_maintenance(Work& work) {
  if (to_maintain_) work.to_maintain = std::exchange(to_maintain_, std::nullopt);
  if (std::exchange(stop_maintenance_, false)) work.stop_maintenance = true;
  if (std::exchange(turn_wanted_, false)) work.turn = true;
}

Result<void> Committer::carry_out(Work& work) {
  const bool maintains = work.to_maintain || work.stop_maintenance || work.turn;
  if (work.only_read) {
    PROMISED_TRY(load_all(work));
    return maintains ? maintain(work) : Result<void>();
  }
  if (work.last_batch == 0 && work.wanted.empty() && !maintains) return tidy();
  if (work.last_batch != 0) PROMISED_TRY(commit(work));
  PROMISED_TRY(load_all(work));
  return maintains ? maintain(work) : Result<void>();
}

Result<void> Committer::maintain(Work& work) {
  work.turn = false;
  if (auto what = std::exchange(work.to_maintain, std::nullopt)) {
    needs_room_ = needs_room(*what);
    store_->hold_results();
    maintenance_ = std::make_unique<Maintenance>(
        *std::move(what), store_->state_directory(), [this] { ask_for_turn(); }, maintenance_percent_);
  }
  const bool stop = std::exchange(work.stop_maintenance, false);
  if (maintenance_ == nullptr) return {};
  if (stop) maintenance_->stop();
  const auto turn = maintenance_->take_turn(*store_);
  if (!turn || *turn == Maintenance::Turn::again) ask_for_turn();
  PROMISED_TRY(turn);
  if (*turn != Maintenance::Turn::done) return {};
  event::StoreMaintained outcome = maintenance_->outcome();
  if (std::exchange(short_of_room_, false) && outcome.problem && outcome.problem->code == "interrupted") {
    outcome.problem = Problem::of("store", "the disk of " + store_->state_directory() +
                                               " became full, and what had been begun was given up, so that "
                                               "its room is there for jobs; free space there and ask again");
  }
  maintenance_.reset();
  store_->release_results();
  tidied_ = false;
  const std::lock_guard lock(mutex_);
  turn_wanted_ = false;
  take_facts();
  news_.answers.emplace_back(std::move(outcome));
  post();
  return {};
}

/// What the disk is full of may be the daemon's own: files of results that are gone, a copy that is being
/// made.
Result<void> Committer::make_room(Work& work) {
  for (bool more = true; more;) {
    PROMISED_ASSIGN(more, store_->remove_gone_results());
  }
  if (work.to_maintain) needs_room_ = needs_room(*work.to_maintain);
  if ((maintenance_ == nullptr && !work.to_maintain) || !needs_room_) return {};
  short_of_room_ = true;
  work.stop_maintenance = true;
  return maintain(work);
}

Result<void> Committer::commit(Work& work) {
  if (!work.changes.empty()) work.taken = work.changes.take();
  const bool applies = !work.taken.empty();
  if (applies) {
    PROMISED_TRY(store_->apply(work.taken));
    work.taken = {};
    tidied_ = false;
  }
  tell_committed(work);
  // A little with each: under load there is never nothing else to do.
  if (applies) PROMISED_TRY(store_->remove_gone_results());
  return {};
}

void Committer::tell_committed(Work& work) {
  work.wanted.insert(work.wanted.begin(), std::make_move_iterator(work.parked.begin()),
                     std::make_move_iterator(work.parked.end()));
  work.parked.clear();
  const std::lock_guard lock(mutex_);
  bytes_taken_ = 0;
  count();
  news_.committed = std::exchange(work.last_batch, 0);
  note_space();
  take_facts();
  post();
}

/// As much as fits between two commits; the rest is for the next time.
Result<void> Committer::load_all(Work& work) {
  const auto until = std::chrono::steady_clock::now() + kLoadFor;
  while (!work.wanted.empty() && std::chrono::steady_clock::now() < until) {
    PROMISED_ASSIGN(std::optional<Event> found, answer(*store_, work.wanted.front().what));
    Wanted asked = std::move(work.wanted.front());
    work.wanted.pop_front();
    if (!found) {
      work.wanted.push_back(std::move(asked));  // the others first
      continue;
    }
    const std::lock_guard lock(mutex_);
    if (asked.after > news_.committed && !is_whole(asked.what, *found)) {
      work.parked.push_back(std::move(asked));
      continue;
    }
    news_.answers.push_back(*std::move(found));
    post();
  }
  want_again(work);
  return {};
}

/// What has not been loaded comes before what was asked for meanwhile.
void Committer::want_again(Work& work) {
  const std::lock_guard lock(mutex_);
  std::move(wanted_.begin(), wanted_.end(), std::back_inserter(work.wanted));
  wanted_ = std::exchange(work.wanted, {});
}

Result<void> Committer::tidy() {
  PROMISED_ASSIGN(const bool more, store_->tidy());
  tidied_ = !more;
  const std::lock_guard lock(mutex_);
  note_space();
  take_facts();
  return {};
}

bool Committer::put_off(Work& work, const Problem& problem) {
  want_again(work);
  const std::lock_guard lock(mutex_);
  if (stop_) return false;
  shortage_.eased = false;
  shortage_.pause = shortage_.pause.count() == 0 ? kFirstPause : std::min(shortage_.pause * 2, kLongestPause);
  shortage_.retry_at = std::chrono::steady_clock::now() + shortage_.pause;
  if (full_since_ != WallTime()) return true;
  full_since_ = Now::read().wall;
  news_.full = problem;
  take_facts();
  post();
  return true;
}

/// The end of it is told when nothing is left to write, or when there was room a second time.
void Committer::note_space() {
  if (shortage_.pause.count() == 0) return;
  shortage_.retry_at = {};
  if (taken_ != submitted_ && !std::exchange(shortage_.eased, true)) return;
  shortage_ = {};
  full_since_ = {};
  take_facts();
  post();
}

void Committer::take_facts() {
  news_.facts = store_->facts();
  news_.facts.full_since = full_since_;
}

void Committer::fail(const Problem& problem) {
  const std::lock_guard lock(mutex_);
  failed_ = true;
  pending_ = {};
  bytes_taken_ = 0;
  count();
  wanted_ = {};
  news_.failed = problem;
  post();
}

}  // namespace promised
