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

namespace promised {
namespace {

/// How long a commit may be kept waiting by what is to be loaded.
constexpr std::chrono::milliseconds kLoadFor{5};

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
  lock.unlock();
  if (!had_work) work_.notify_one();
  return batch;
}

void Committer::load(Load what) {
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return;
    wanted_.push_back(std::move(what));
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
  news.facts = news_.facts;
  return news;
}

void Committer::post() {
  if (std::exchange(posted_, true)) return;
  static_cast<void>(::eventfd_write(wake_.get(), 1));  // cannot fail: the count is zero
}

bool Committer::has_work() const {
  return taken_ != submitted_ || !wanted_.empty();
}

void Committer::run() {
  // Signals are for the loop.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "committer");
  Work work;
  while (wait(work)) {
    if (const Result<void> done = carry_out(work); !done.ok()) {
      fail(done.problem());
      return;
    }
  }
}

bool Committer::wait(Work& work) {
  std::unique_lock lock(mutex_);
  if (tidied_) {
    work_.wait(lock, [this] { return stop_ || has_work(); });
  }
  if (stop_ && !has_work()) return false;
  std::swap(work.changes, pending_);
  work.wanted = std::exchange(wanted_, {});
  work.last_batch = std::exchange(taken_, submitted_) == submitted_ ? 0 : submitted_;
  return true;
}

Result<void> Committer::carry_out(Work& work) {
  if (work.last_batch == 0 && work.wanted.empty()) return tidy();
  if (work.last_batch != 0) PROMISED_TRY(commit(work));
  return load_all(work.wanted);
}

Result<void> Committer::commit(Work& work) {
  if (!work.changes.empty()) {
    const std::vector<Change> changes = work.changes.take();
    PROMISED_TRY(store_->apply(changes));
    tidied_ = false;
  }
  const std::lock_guard lock(mutex_);
  news_.committed = work.last_batch;
  news_.facts = store_->facts();
  post();
  return {};
}

/// As much as fits between two commits; the rest is for the next time.
Result<void> Committer::load_all(std::vector<Load>& wanted) {
  const auto until = std::chrono::steady_clock::now() + kLoadFor;
  std::size_t done = 0;
  while (done < wanted.size() && std::chrono::steady_clock::now() < until) {
    PROMISED_ASSIGN(std::optional<Event> found, answer(wanted[done]));
    if (!found) {
      // The others first.
      std::rotate(wanted.begin() + static_cast<std::ptrdiff_t>(done),
                  wanted.begin() + static_cast<std::ptrdiff_t>(done) + 1, wanted.end());
      continue;
    }
    ++done;
    const std::lock_guard lock(mutex_);
    news_.answers.push_back(*std::move(found));
    post();
  }
  const std::lock_guard lock(mutex_);
  wanted_.insert(wanted_.begin(), std::make_move_iterator(wanted.begin() + static_cast<std::ptrdiff_t>(done)),
                 std::make_move_iterator(wanted.end()));
  return {};
}

Result<std::optional<Event>> Committer::answer(Load& what) {
  using Answer = std::optional<Event>;
  if (const auto* result = std::get_if<effect::LoadResult>(&what)) {
    PROMISED_ASSIGN(std::optional<Payload> payload, store_->load_result(result->job));
    const bool found = payload.has_value();
    return Answer(event::ResultLoaded{result->job, found, std::move(payload).value_or(Payload())});
  }
  if (const auto* job = std::get_if<effect::LoadJob>(&what)) {
    PROMISED_ASSIGN(std::optional<RecoveredJob> found, store_->load_job(job->id));
    return Answer(event::JobLoaded{job->id, std::move(found)});
  }
  if (const auto* page = std::get_if<effect::LoadBacklog>(&what)) {
    PROMISED_ASSIGN(std::vector<RecoveredJob> jobs, store_->load_backlog(*page));
    return Answer(event::BacklogLoaded{page->queue, page->function, page->priority, std::move(jobs)});
  }
  if (const auto* parts = std::get_if<effect::LoadParts>(&what)) {
    PROMISED_ASSIGN(std::vector<PartChunk> found, store_->load_parts(*parts));
    return Answer(event::PartsLoaded{parts->job, parts->session, parts->follow, std::move(found)});
  }
  BacklogSearch& search = std::get<effect::FindInBacklog>(what).search;
  PROMISED_ASSIGN(const bool more, store_->find_in_backlog(search));
  if (more) return Answer();
  return Answer(event::FoundInBacklog{std::move(search)});
}

Result<void> Committer::tidy() {
  PROMISED_ASSIGN(const bool more, store_->tidy());
  tidied_ = !more;
  const std::lock_guard lock(mutex_);
  news_.facts = store_->facts();
  return {};
}

void Committer::fail(const Problem& problem) {
  const std::lock_guard lock(mutex_);
  failed_ = true;
  pending_ = {};
  wanted_ = {};
  news_.failed = problem;
  post();
}

}  // namespace promised
