// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/shared_copy.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/fd.hpp"

namespace promised {
namespace {

/// How long a commit may be kept waiting by the copy.
constexpr std::chrono::milliseconds kCopyFor{4};
/// Pages of 4 KiB between two looks at the clock: less than a millisecond if the disk need not be asked.
constexpr int kPagesAtOnce = 64;
/// Pages between two syncs of the copy: 8 MiB.
constexpr int kPortion = 2048;

}  // namespace

Problem interrupted() {
  return Problem::of("interrupted", "the daemon is stopping and has given this up; nothing of it is left");
}

Result<void> SharedCopy::make(const std::string& path, const std::function<Result<void>()>& may_go_on) {
  // Held open until SQLite has closed it: closing it earlier would give up SQLite's locks on it.
  const Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return Problem::of("store", Problem::system("cannot make " + path).message);
  {
    const std::lock_guard lock(mutex_);
    path_ = path;
  }
  for (;;) {
    PROMISED_ASSIGN(const Phase phase, await_portion());
    if (::fdatasync(file.get()) != 0)
      return Problem::of("store", Problem::system("cannot sync " + path).message);
    if (phase == Phase::whole) return {};
    PROMISED_TRY(may_go_on());
  }
}

Result<SharedCopy::Phase> SharedCopy::await_portion() {
  {
    const std::lock_guard lock(mutex_);
    phase_ = Phase::wanted;
  }
  ask_();
  std::unique_lock lock(mutex_);
  moved_.wait(lock, [this] { return stopped_ || phase_ != Phase::wanted; });
  if (stopped_) return interrupted();
  if (phase_ == Phase::failed) return *problem_;
  return phase_;
}

void SharedCopy::end_portion(Phase phase, std::optional<Problem> problem) {
  if (phase != Phase::portion_done) copy_.reset();
  portion_ = 0;
  {
    const std::lock_guard lock(mutex_);
    phase_ = phase;
    problem_ = std::move(problem);
  }
  moved_.notify_one();
}

bool SharedCopy::take_turn(Store& store) {
  std::string path;
  {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::wanted || stopped_) return false;
    path = path_;
  }
  if (!copy_) {
    Result<DatabaseCopy> begun = store.copy_to(path);
    if (!begun) {
      end_portion(Phase::failed, begun.problem());
      return false;
    }
    copy_.emplace(*std::move(begun));
  }
  const auto until = std::chrono::steady_clock::now() + kCopyFor;
  do {
    const Result<bool> more = copy_->step(kPagesAtOnce);
    if (!more) {
      end_portion(Phase::failed, more.problem());
      return false;
    }
    progress_(static_cast<double>(copy_->copied()) /
              static_cast<double>(std::max<std::uint64_t>(copy_->pages(), 1)));
    portion_ += kPagesAtOnce;
    if (!*more || portion_ >= kPortion) {
      end_portion(*more ? Phase::portion_done : Phase::whole);
      return false;
    }
  } while (std::chrono::steady_clock::now() < until);
  return true;
}

void SharedCopy::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  moved_.notify_one();
}

}  // namespace promised
