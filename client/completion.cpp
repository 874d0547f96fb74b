// SPDX-License-Identifier: Apache-2.0
// Waiting for many futures at once: each, when done, puts its index into the queue of the one who waits. No
// thread.
#include <promised/error.hpp>
#include <promised/future.hpp>

#include <algorithm>
#include <deque>
#include <mutex>
#include <utility>

#include "client/future_state.hpp"
#include "client/session.hpp"
#include "client/trouble.hpp"
#include "client/wait_word.hpp"

namespace promised::detail {
namespace {

/// What the futures know of the queue; the last of them or the queue drops it.
struct Hub {
  std::mutex mutex;
  std::deque<std::size_t> done;
  WaitWord word;

  void push(std::size_t index) {
    {
      const std::lock_guard lock(mutex);
      done.push_back(index);
    }
    word.poke();
  }
};

}  // namespace

struct CompletionQueue::Impl {
  explicit Impl(std::vector<AnyFuture> all) : futures(std::move(all)), out(futures.size()) {
    for (std::size_t i = 0; i < futures.size(); ++i) {
      FutureState& state = FutureAccess::state(futures[i]);
      if (std::find(sessions.begin(), sessions.end(), &state.session()) == sessions.end()) {
        sessions.push_back(&state.session());
      }
    }
    for (Session* const session : sessions) session->add_listener(&hub->word);
    for (std::size_t i = 0; i < futures.size(); ++i) {
      const bool later =
          FutureAccess::state(futures[i]).add_observer(hub.get(), [h = hub, i] { h->push(i); });
      if (!later) hub->push(i);
    }
  }
  ~Impl() {
    for (std::size_t i = 0; i < futures.size(); ++i) {
      if (!out[i]) FutureAccess::state(futures[i]).remove_observer(hub.get());
    }
    for (Session* const session : sessions) session->remove_listener(&hub->word);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] std::optional<std::size_t> pop() {
    const std::lock_guard lock(hub->mutex);
    if (hub->done.empty()) return std::nullopt;
    const std::size_t index = hub->done.front();
    hub->done.pop_front();
    out[index] = true;
    return index;
  }
  /// Throws when a future that is waited for has lost its daemon for too long.
  void check_alive() const {
    for (const Session* const session : sessions) session->check_alive();
  }
  /// No wait hangs on a lost message (SEMANTICS S7).
  void ask_again() const {
    for (std::size_t i = 0; i < futures.size(); ++i) {
      FutureState& state = FutureAccess::state(futures[i]);
      if (!out[i] && !state.is_done()) state.ask_again();
    }
  }

  std::vector<AnyFuture> futures;
  std::vector<bool> out;
  std::vector<Session*> sessions;  ///< kept by the futures
  std::shared_ptr<Hub> hub = std::make_shared<Hub>();
};

CompletionQueue::CompletionQueue(const std::vector<AnyFuture>& futures)
    : impl_(std::make_unique<Impl>(futures)) {}
CompletionQueue::CompletionQueue(CompletionQueue&&) noexcept = default;
CompletionQueue& CompletionQueue::operator=(CompletionQueue&&) noexcept = default;
CompletionQueue::~CompletionQueue() = default;

std::optional<std::size_t> CompletionQueue::next(std::chrono::steady_clock::time_point deadline) {
  WaitWord::Deadline ask_again = std::chrono::steady_clock::now() + kAskAgainAfter;
  while (true) {
    const std::uint32_t seen = impl_->hub->word.load();
    if (const std::optional<std::size_t> index = impl_->pop()) return index;
    impl_->check_alive();
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) return std::nullopt;
    if (now >= ask_again) {
      impl_->ask_again();
      ask_again = now + kAskAgainAfter;
    }
    impl_->hub->word.sleep(seen, std::min(deadline, ask_again));
  }
}

std::chrono::steady_clock::time_point deadline_in(std::chrono::milliseconds timeout) {
  return deadline_after(timeout);
}

void CompletionQueue::throw_unfinished() const {
  std::size_t unfinished = 0, tied = 0;
  for (std::size_t i = 0; i < impl_->futures.size(); ++i) {
    if (impl_->out[i]) continue;
    ++unfinished;
    if (FutureAccess::state(impl_->futures[i]).is_tied()) ++tied;
  }
  throw TimeoutError(std::to_string(unfinished) + " of " + std::to_string(impl_->futures.size()) +
                     " futures have not ended in time; " + what_becomes_of(unfinished, tied));
}

std::vector<std::size_t> wait_for(const std::vector<AnyFuture>& futures, std::chrono::milliseconds timeout,
                                  When when) {
  const auto deadline = deadline_after(timeout);
  const auto satisfies = [&](std::size_t index) {
    if (when == When::first_completed) return true;
    const FutureState& state = FutureAccess::state(futures[index]);
    return when == When::first_exception && state.trouble() != nullptr;
  };
  CompletionQueue queue(futures);
  std::vector<std::size_t> done;
  bool reached = false;
  while (done.size() < futures.size()) {
    // Once it is reached, only what is there already is taken.
    const auto until = reached ? std::chrono::steady_clock::time_point::min() : deadline;
    const std::optional<std::size_t> index = queue.next(until);
    if (!index) break;
    done.push_back(*index);
    reached = reached || satisfies(*index);
  }
  return done;
}

}  // namespace promised::detail
