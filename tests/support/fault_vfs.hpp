// SPDX-License-Identifier: Apache-2.0
// SQLite's way to the disk with a hand on it: counts, delays and fails what SQLite writes, and forgets what
// was not synced, as a power cut does. While one of these lives every database of the process goes through
// it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>

namespace promised::test {

class FaultVfs {
 public:
  FaultVfs();
  /// Every database that was opened through it must be closed.
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  enum class File { database, log };
  enum class Call { write, sync, truncate };
  enum class Fault {
    full,      ///< SQLITE_FULL
    quota,     ///< the SQLITE_IOERR of the call, with EDQUOT
    io,        ///< the SQLITE_IOERR of the call
    part_only  ///< io, after half of the bytes were written
  };

  /// The `n`th such call from now (1 is the next) fails, and all that follow it, of any kind, until heal().
  /// Only in files whose path contains `where`.
  void fail(File file, Call call, std::uint64_t n, Fault fault, const std::string& where = {});
  void heal();
  /// True if the call that was to fail came.
  [[nodiscard]] bool has_failed() const;

  /// Calls that have returned well.
  [[nodiscard]] std::uint64_t count(File file, Call call) const;

  /// Called before each sync of the log, on the thread that syncs.
  void before_log_sync(std::function<void()> hook);

  /// From now on no call reaches the disk, and all fail.
  void cut_power();
  /// After the databases were closed: takes back what was written since each file's last sync, but for a
  /// random part of these writes. Then the power is on again.
  void lose_unsynced(std::mt19937_64& random);

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace promised::test
