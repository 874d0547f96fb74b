// SPDX-License-Identifier: Apache-2.0
// A claim page with the memory file that it lies in. The file's size is sealed: a worker that could cut it
// short could crash the daemon with it.
#pragma once

#include "common/claim_page.hpp"
#include "common/fd.hpp"
#include "common/result.hpp"

namespace promised {

class ClaimMemory {
 public:
  [[nodiscard]] static Result<ClaimMemory> make();
  ClaimMemory(ClaimMemory&& other) noexcept;
  ClaimMemory& operator=(ClaimMemory&& other) = delete;
  ClaimMemory(const ClaimMemory&) = delete;
  ~ClaimMemory();

  [[nodiscard]] ClaimPage& page() const { return *page_; }
  /// The file, until the worker has it.
  [[nodiscard]] const Fd& file() const { return file_; }
  void close_file() { file_.reset(); }

 private:
  ClaimMemory(Fd file, ClaimPage* page);
  Fd file_;
  ClaimPage* page_;
};

}  // namespace promised
