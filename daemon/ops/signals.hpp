// SPDX-License-Identifier: Apache-2.0
// SIGTERM, SIGINT, SIGHUP and SIGCHLD as something that the loop can read; SIGPIPE is ignored, so that a
// write to a peer that is gone is an error and not an end. Open it before any thread is started, for the mask
// is inherited.
#pragma once

#include <memory>
#include <optional>

#include "common/fd.hpp"
#include "common/result.hpp"

namespace promised {

class Signals {
 public:
  /// What a signal asks for.
  enum class Request {
    stop,
    reload,
    look_at_children  ///< one of them has ended, was stopped, or goes on
  };

  [[nodiscard]] static Result<std::unique_ptr<Signals>> open();
  /// Gives signals back as they were.
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// Readable when next() has something.
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// The next request, if there is one; several equal signals may have become one.
  [[nodiscard]] Result<std::optional<Request>> next();

 private:
  struct Before;
  Signals(Fd fd, std::unique_ptr<Before> before);

  Fd fd_;
  std::unique_ptr<Before> before_;
};

}  // namespace promised
