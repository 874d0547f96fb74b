// SPDX-License-Identifier: Apache-2.0
// Where clients come in and answers go out: a ZeroMQ ROUTER. Knows who is asking (from the kernel) and what
// the bytes mean; what to do about it is decide's business. What is not a request is counted and, where there
// is somebody to tell, answered with the reason; it harms nobody else.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/clock.hpp"
#include "common/result.hpp"
#include "daemon/flow.hpp"
#include "daemon/settings.hpp"

namespace promised {

class Door {
 public:
  /// Binds the endpoint. Problem "in_use" if a live daemon answers there.
  [[nodiscard]] static Result<std::unique_ptr<Door>> open(const Settings& settings);
  ~Door();
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  /// Readable when read() may have events. Edge-triggered in ZeroMQ's way: read() until it says that it is
  /// empty, and look again after sending.
  [[nodiscard]] int fd() const;
  /// True if read() would find something now, whatever fd() says.
  [[nodiscard]] bool ready() const;

  /// Appends the events of up to `most` messages; with `woken`, of processes that have ended too: fd() was
  /// readable.
  void read(std::vector<Event>& events, std::size_t most, bool woken);
  /// When read() has something to do though nothing has come; nothing, as a rule.
  [[nodiscard]] std::optional<Instant> look_again_at() const;
  void send(const effect::Send& e, std::vector<Event>& events);
  void close(const effect::CloseSession& e);

  struct Facts {
    std::uint32_t clients = 0;
    std::uint64_t garbage = 0;
    std::uint64_t turned_away =
        0;                      ///< connections of users with too many, or for which no descriptor was left
    std::uint64_t cut_off = 0;  ///< connections that were sending more than a message may have
  };
  [[nodiscard]] Facts facts() const;

 private:
  struct Impl;
  explicit Door(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace promised
