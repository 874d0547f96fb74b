// SPDX-License-Identifier: Apache-2.0
// The thread on which an application's callbacks run, so that one that blocks holds up other callbacks and
// nothing else. Started with the first callback.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace promised::detail {

class Notifier {
 public:
  Notifier() : shared_(std::make_shared<Shared>()) {}
  /// stop().
  ~Notifier() { stop(); }
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// Runs `task`, which does not throw, after those posted before. After stop() it runs on the calling
  /// thread.
  void post(std::function<void()> task);
  /// Lets the thread run what was posted, and waits for its end; from a task on that very thread it does not
  /// wait.
  void stop();

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable posted;
    std::deque<std::function<void()>> tasks;
    bool stopping = false;
  };
  static void run(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;  ///< with the thread, which may outlive this by the task that destroys it
  std::thread thread_;              ///< guarded by shared_->mutex
};

}  // namespace promised::detail
