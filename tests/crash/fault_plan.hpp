// SPDX-License-Identifier: Apache-2.0
// What a test and the fault library in its daemon have in common: the plan, which goes in through the
// environment, and the record of what the daemon did to its state directory, a file that both have mapped and
// that outlives a SIGKILL.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace promised::test {

/// The plan's variable: words KEY=VALUE, separated by blanks.
///   below=DIR     the state directory; nothing else is touched
///   record=FILE   a FaultRecord
///   synced=DIR    keep there what a power cut would leave (see SyncedCopy); none: do not
///   act=WHAT      kill_before, kill_after, kill_half (of a write), fail, short; none: only count
///   at=N          at the Nth operation, from 1; 0: never
///   chance=P      at one of P operations instead, by `seed`; 0: never
///   error=N       the errno of a failure
///   stays=1       what fails once fails from then on; of a full disk only the writes
///   seed=N
inline constexpr std::string_view kFaultsVariable = "PROMISED_FAULTS";

enum class Operation : std::uint8_t { write, sync, truncate, unlink, rename };
/// directory: the state directory, or that of the results.
enum class Place : std::uint8_t { database, log, unfinished, lock, directory, results, other };

inline constexpr std::array<std::string_view, 5> kOperationNames{"write", "sync", "truncate", "unlink",
                                                                 "rename"};
inline constexpr std::array<std::string_view, 7> kPlaceNames{
    "promised.db", "promised.db-wal", "promised.db.new*", "lock", "the directory", "results", "other"};

/// What the test makes of the disk while the daemon runs, whatever the plan says.
enum class Disk : std::uint32_t {
  by_plan,
  full,         ///< every write fails with ENOSPC
  unremovable,  ///< every unlink fails with ENOSPC: where files are never written over, that takes space too
  too_full_for_results,  ///< every sync of a result's file fails with ENOSPC: the space is only sought then
  whole                  ///< nothing fails any more
};

struct FaultRecord {
  static constexpr std::size_t kMost = 1 << 16;

  std::atomic<std::uint32_t> operations;  ///< begun so far
  std::atomic<std::uint32_t> struck;      ///< the first that was acted upon; 0: none
  std::atomic<Disk> disk;
  std::array<Operation, kMost> operation;  ///< of the first kMost, from index 1
  std::array<Place, kMost> place;
};

}  // namespace promised::test
