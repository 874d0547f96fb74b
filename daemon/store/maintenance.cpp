// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/maintenance.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "daemon/store/check_copy.hpp"
#include "daemon/store/file_size.hpp"
#include "daemon/store/result_copies.hpp"
#include "daemon/store/room.hpp"

namespace promised {
namespace {

/// Copying takes most of the time; how far a check has come cannot be asked.
constexpr double kPercentOfCopy = 70;
constexpr std::uint32_t kPercentAfterPages = 85;
constexpr std::uint32_t kPercentAfterRows = 95;

/// Makes a database known to stop() for as long as it lives.
class Interruptible {
 public:
  Interruptible(std::mutex& mutex, Database*& place, Database& database) : mutex_(mutex), place_(place) {
    const std::lock_guard lock(mutex_);
    place_ = &database;
  }
  ~Interruptible() {
    const std::lock_guard lock(mutex_);
    place_ = nullptr;
  }
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

 private:
  std::mutex& mutex_;
  Database*& place_;
};

}  // namespace

Maintenance::Maintenance(effect::MaintainStore what, std::string state_directory, std::function<void()> ask,
                         std::atomic<std::uint32_t>& percent)
    : what_(std::move(what)),
      state_directory_(std::move(state_directory)),
      ask_(std::move(ask)),
      percent_(percent),
      copy_(ask_, [this](double part) { percent_ = static_cast<std::uint32_t>(part * kPercentOfCopy); }),
      findings_(report_, stop_) {
  percent_ = 0;
  report_.task = what_.task;
  if (what_.task == StoreTask::compact) {
    ask_();
    return;
  }
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& e) {
    finish(Problem::of("store", std::string("cannot start a thread: ") + e.what()));
  }
}

Maintenance::~Maintenance() {
  stop();
  if (thread_.joinable()) thread_.join();
}

void Maintenance::stop() {
  stop_ = true;
  copy_.stop();
  const std::lock_guard lock(mutex_);
  if (looked_at_ != nullptr) looked_at_->interrupt();
}

Result<Maintenance::Turn> Maintenance::take_turn(Store& store) {
  {
    const std::lock_guard lock(mutex_);
    if (outcome_) return Turn::done;
  }
  if (what_.task == StoreTask::compact) return compact(store);
  return copy_.take_turn(store) ? Turn::again : Turn::wait;
}

event::StoreMaintained Maintenance::outcome() {
  const std::lock_guard lock(mutex_);
  return *std::exchange(outcome_, std::nullopt);
}

void Maintenance::finish(std::optional<Problem> problem) {
  // What the system or SQLite says of a copy is not said of the store.
  if (problem && problem->code != "interrupted") problem->code = "store";
  report_.took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began_);
  {
    const std::lock_guard lock(mutex_);
    outcome_ = event::StoreMaintained{std::move(report_), std::move(problem)};
  }
  ask_();
}

Result<Maintenance::Turn> Maintenance::compact(Store& store) {
  if (!pages_to_return_) {
    report_.bytes_before = store.facts().bytes;
    PROMISED_TRY(store.compact());
    pages_to_return_ = store.left_to_compact();
  }
  if (stop_) {
    finish(Problem::of("interrupted", "the daemon is stopping; what was given back until now is given back"));
    return Turn::done;
  }
  PROMISED_ASSIGN(const bool more, store.tidy());
  const std::uint64_t left = store.left_to_compact();
  if (*pages_to_return_ > 0) {
    percent_ = static_cast<std::uint32_t>((*pages_to_return_ - std::min(left, *pages_to_return_)) * 100 /
                                          *pages_to_return_);
  }
  if (more) return Turn::again;
  report_.bytes = store.facts().bytes;
  finish({});
  return Turn::done;
}

void Maintenance::run() {
  // Signals are for the loop.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "maintenance");
  // The loop and the committer come first. It is this thread alone that yields; where it may not, it is as
  // fast as they are.
  static_cast<void>(::setpriority(PRIO_PROCESS, 0, 10));
  const Result<void> done = what_.task == StoreTask::check ? check() : back_up();
  finish(done ? std::nullopt : std::optional(done.problem()));
}

Result<void> Maintenance::check() {
  PROMISED_ASSIGN(const UnfinishedCopy copy, UnfinishedCopy::for_check(state_directory_));
  PROMISED_TRY(copy_into(copy));
  return look_at(copy, state_directory_);
}

Result<void> Maintenance::back_up() {
  PROMISED_ASSIGN(UnfinishedCopy copy, UnfinishedCopy::for_backup(state_directory_, what_.path));
  PROMISED_TRY(copy_into(copy));
  {
    PROMISED_ASSIGN(Database database, Database::open_unchanging(copy.database()));
    const Result<void> copied = copy_results(database, state_directory_, copy.path(), findings_);
    if (!copied && copied.problem().code != "corrupt") return copied.problem();
  }
  PROMISED_TRY(look_at(copy, copy.path()));
  if (findings_.stopped()) return interrupted();
  using Condition = UnfinishedCopy::Condition;
  PROMISED_ASSIGN(report_.path, copy.publish(report_.damages == 0 ? Condition::sound : Condition::damaged));
  return {};
}

Result<void> Maintenance::look_at(const UnfinishedCopy& copy, const std::string& results_in) {
  report_.bytes = size_of(copy.database());
  PROMISED_ASSIGN(Database database, Database::open_unchanging(copy.database()));
  const Interruptible interruptible(mutex_, looked_at_, database);
  PROMISED_TRY(look_at_pages_and_rows(database));
  const Result<void> results = check_results(database, results_in, findings_);
  // Damage that keeps the rows from being read has been found above.
  if (!results && (results.problem().code != "corrupt" || report_.damages == 0)) return results.problem();
  percent_ = 99;
  return {};
}

Result<void> Maintenance::look_at_pages_and_rows(Database& copy) {
  PROMISED_TRY(check_pages(copy, findings_));
  percent_ = kPercentAfterPages;
  PROMISED_TRY(check_rows(copy, findings_));
  percent_ = kPercentAfterRows;
  return {};
}

Result<void> Maintenance::copy_into(const UnfinishedCopy& copy) {
  const std::string database = state_directory_ + "/promised.db";
  PROMISED_ASSIGN(const Room room, look_for_room(copy.path(), state_directory_));
  std::uint64_t needed = size_of(database) + size_of(database + "-wal");
  if (!room.is_shared) {
    PROMISED_ASSIGN(const std::uint64_t results, size_of_results(state_directory_));
    needed += results;
  }
  PROMISED_TRY(check_room(room, needed, what_.task));
  return copy_.make(copy.database(), [&]() -> Result<void> {
    PROMISED_ASSIGN(const Room now, look_for_room(copy.path(), state_directory_));
    return check_room_left(now);
  });
}

}  // namespace promised
