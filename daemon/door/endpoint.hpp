// SPDX-License-Identifier: Apache-2.0
// The socket file of an ipc endpoint: held by one daemon at a time, so that a second one does not take it
// away from the first (ZeroMQ would).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "common/lock_file.hpp"
#include "common/result.hpp"

namespace promised {

class Endpoint {
 public:
  /// `endpoint`: ipc://PATH. Problem "in_use" names who serves there; "system" if the folder cannot be
  /// written.
  [[nodiscard]] static Result<Endpoint> hold(const std::string& endpoint);

  /// Removes the socket file if it is still the one that was opened. The lock file stays: who waits for the
  /// lock on a removed file would hold nothing.
  ~Endpoint();
  Endpoint(Endpoint&& other) noexcept;
  Endpoint& operator=(Endpoint&&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Who may connect, once it is bound.
  [[nodiscard]] Result<void> open_to(mode_t mode);

 private:
  Endpoint(std::string path, LockFile lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  /// Which file it is, whatever its name.
  struct File {
    dev_t device;
    ino_t inode;
    friend bool operator==(const File&, const File&) = default;
  };
  [[nodiscard]] std::optional<File> file() const;

  std::string path_;
  std::optional<File> opened_;
  LockFile lock_;
};

}  // namespace promised
