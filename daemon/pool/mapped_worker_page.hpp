// SPDX-License-Identifier: Apache-2.0
// The worker page (common/worker_page.hpp) as the daemon has it, and the memory file that it lies in. The
// file's size is sealed: a worker that could cut it short could crash the daemon with it.
#pragma once

#include "common/fd.hpp"
#include "common/result.hpp"
#include "common/worker_page.hpp"

namespace promised {

class MappedWorkerPage {
 public:
  [[nodiscard]] static Result<MappedWorkerPage> make();
  MappedWorkerPage(MappedWorkerPage&& other) noexcept;
  MappedWorkerPage& operator=(MappedWorkerPage&& other) = delete;
  MappedWorkerPage(const MappedWorkerPage&) = delete;
  ~MappedWorkerPage();

  [[nodiscard]] WorkerPage& operator*() const { return *page_; }
  [[nodiscard]] WorkerPage* operator->() const { return page_; }
  /// The file, until the worker has it.
  [[nodiscard]] const Fd& file() const { return file_; }
  void close_file() { file_.reset(); }

 private:
  MappedWorkerPage(Fd file, WorkerPage* page);
  Fd file_;
  WorkerPage* page_;
};

}  // namespace promised
