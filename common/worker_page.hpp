// SPDX-License-Identifier: Apache-2.0
// The worker page: the memory that the daemon shares with one worker (a sealed memfd, the worker's fd 4).
#pragma once

#include "common/cancel_mark.hpp"
#include "common/claim_page.hpp"
#include "common/crash_report.hpp"
#include "common/output_marks.hpp"

namespace promised {

struct WorkerPage {
  alignas(64) ClaimPage claims;
  alignas(64) OutputMarks output;
  alignas(64) CancelMark cancelled;
  alignas(64) CrashReport crash;
};

}  // namespace promised
