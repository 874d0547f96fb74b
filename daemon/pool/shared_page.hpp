// SPDX-License-Identifier: Apache-2.0
// The page that the daemon shares with one worker, and the memory file that it lies in. The file's size is
// sealed: a worker that could cut it short could crash the daemon with it.
#pragma once

#include "common/fd.hpp"
#include "common/result.hpp"
#include "common/worker_page.hpp"

namespace promised {

class SharedPage {
 public:
  [[nodiscard]] static Result<SharedPage> make();
  SharedPage(SharedPage&& other) noexcept;
  SharedPage& operator=(SharedPage&& other) = delete;
  SharedPage(const SharedPage&) = delete;
  ~SharedPage();

  [[nodiscard]] WorkerPage& page() const { return *page_; }
  /// The file, until the worker has it.
  [[nodiscard]] const Fd& file() const { return file_; }
  void close_file() { file_.reset(); }

 private:
  SharedPage(Fd file, WorkerPage* page);
  Fd file_;
  WorkerPage* page_;
};

}  // namespace promised
