// SPDX-License-Identifier: Apache-2.0
// co_await of a future, in a coroutine of any type (SEMANTICS S8). Included by <promised/client.hpp> where
// the compiler has C++20 coroutines.
#pragma once

#include <promised/future.hpp>

#include <atomic>
#include <chrono>
#include <concepts>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <utility>

namespace promised {

/// Where the coroutine goes on: on the thread that the client keeps for callbacks.
struct OnCallbackThread {
  void operator()(const std::function<void()>& resume) const { resume(); }
};

/// What `co_await future` and `co_await future.on(executor)` wait with. The result is that of
/// Future::result(): the value, or what is thrown; DisconnectedError when the daemon has been gone for longer
/// than the client's connect_timeout. A future that is done does not suspend. A coroutine that is destroyed
/// while it waits is not resumed.
template <class R, class Executor = OnCallbackThread>
class FutureAwaiter {
 public:
  explicit FutureAwaiter(Future<R> future, Executor executor = {})
      : future_(std::move(future)), executor_(std::move(executor)) {}
  FutureAwaiter(FutureAwaiter&&) noexcept = default;
  FutureAwaiter& operator=(FutureAwaiter&&) = delete;
  ~FutureAwaiter() {
    if (wait_) wait_->coroutine.store(nullptr);
  }

  [[nodiscard]] bool await_ready() const { return future_.done(); }
  bool await_suspend(std::coroutine_handle<> coroutine) {
    wait_ = std::make_shared<Wait>();
    wait_->coroutine.store(coroutine.address());
    // The coroutine may go on, and this object be gone, before `settle` returns.
    return detail::settle(future_, [wait = wait_, executor = executor_](std::exception_ptr gone) {
      wait->gone = std::move(gone);
      executor([wait] {
        if (void* const address = wait->coroutine.exchange(nullptr)) {
          std::coroutine_handle<>::from_address(address).resume();
        }
      });
    });
  }
  R await_resume() {
    if (wait_ && wait_->gone) std::rethrow_exception(wait_->gone);
    return future_.result(std::chrono::milliseconds(0));
  }

 private:
  struct Wait {
    std::atomic<void*> coroutine{nullptr};
    std::exception_ptr gone;
  };
  Future<R> future_;
  Executor executor_;
  std::shared_ptr<Wait> wait_;  ///< with the callback, which may come when the coroutine is gone
};

template <class R>
[[nodiscard]] FutureAwaiter<R> operator co_await(const Future<R>& future) {
  return FutureAwaiter<R>(future);
}

template <class R>
template <class Executor>
auto Future<R>::on(Executor executor) const {
  return FutureAwaiter<R, Executor>(*this, std::move(executor));
}

}  // namespace promised
