// SPDX-License-Identifier: Apache-2.0
#include "client/notifier.hpp"

#include <utility>

namespace promised::detail {

void Notifier::post(std::function<void()> task) {
  {
    const std::lock_guard lock(shared_->mutex);
    if (!shared_->stopping) {
      shared_->tasks.push_back(std::move(task));
      if (!thread_.joinable()) thread_ = std::thread([shared = shared_] { run(shared); });
      shared_->posted.notify_one();
      return;
    }
  }
  task();
}

void Notifier::stop() {
  std::thread ending;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
    shared_->posted.notify_one();
    ending = std::move(thread_);
  }
  if (!ending.joinable()) return;
  if (ending.get_id() == std::this_thread::get_id()) {
    ending.detach();
  } else {
    ending.join();
  }
}

void Notifier::run(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  while (true) {
    shared->posted.wait(lock, [&] { return shared->stopping || !shared->tasks.empty(); });
    if (shared->tasks.empty()) return;
    {
      const std::function<void()> task = std::move(shared->tasks.front());
      shared->tasks.pop_front();
      lock.unlock();
      task();
    }
    lock.lock();
  }
}

}  // namespace promised::detail
