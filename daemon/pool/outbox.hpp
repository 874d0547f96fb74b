// SPDX-License-Identifier: Apache-2.0
// What is on its way to one worker: small frames gathered in one buffer, large payloads beside it and never
// copied.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/messages.hpp"
#include "common/payload.hpp"

namespace promised {

class Outbox {
 public:
  void add(const message::ToWorker& message, const Payload& payload = {});
  [[nodiscard]] bool empty() const { return pieces_.empty(); }
  void clear();

  enum class Sent { all, some, gone };
  /// Sends as much as `socket` has room for, in one system call where that takes it all. `gone`: nobody reads
  /// there any more.
  [[nodiscard]] Sent send(int socket);

 private:
  // Bytes, then a payload behind them.
  struct Piece {
    std::string bytes;
    Payload payload;
    [[nodiscard]] std::size_t size() const { return bytes.size() + payload.size(); }
  };

  void drop(std::size_t sent);

  std::vector<Piece> pieces_;
  std::size_t first_ = 0;   ///< piece that is not wholly sent
  std::size_t offset_ = 0;  ///< what was sent of it
  std::string spare_;       ///< a buffer that has grown already
};

}  // namespace promised
