// SPDX-License-Identifier: Apache-2.0
// A request that is with the daemon, until its last answer has come: what was sent, so that it can be sent
// again on a new connection, and what to do with the answers. All but the counting happens under the
// session's pump lock, on whichever thread holds it.
#pragma once

#include <promised/client.hpp>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "client/ref.hpp"
#include "common/messages.hpp"
#include "common/payload.hpp"

namespace promised::detail {

class Exchange {
 public:
  enum class Next : std::uint8_t {
    more_answers,
    over,
    again  ///< another request has taken its place: it is to be sent
  };
  enum class Renewal : std::uint8_t { send, drop };

  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  /// The daemon has accepted the submission that this is.
  virtual void accepted() {}
  /// The daemon is on its way out and did not take it: it is for the daemon that comes next.
  virtual void postponed() {}
  /// Only where `for_one_daemon`: the daemon that it was sent to is gone, and another has taken its place.
  virtual void daemon_lost() {}
  /// The daemon's answer to it. Never a Refused with the code "no_session", "stopping" or
  /// "store_failed": that is the session's business.
  [[nodiscard]] virtual Next answer(message::Reply& reply, Payload&& value) = 0;
  /// There is a new connection: prepares `header` to be sent again, or says that nobody wants the answer any
  /// more.
  [[nodiscard]] virtual Renewal renew() { return Renewal::send; }
  /// Who waits for it is to look at the session again: the daemon is gone.
  virtual void poke() = 0;
  /// No answer will come: the client is closed, or its daemon will not take the request; `code` and `message`
  /// say why.
  virtual void give_up(const std::string& code, const std::string& message) = 0;

  /// What to report of it when the client is closed now: a submission that was not accepted, or nothing.
  [[nodiscard]] virtual std::optional<Unaccepted> unaccepted() const { return std::nullopt; }

  /// The job to be named when all that has not begun is taken back: a submission whose end is to come.
  [[nodiscard]] virtual std::optional<JobId> withdrawable() const { return std::nullopt; }

  /// A job that the daemon cancels when this client goes.
  [[nodiscard]] virtual bool is_tied() const { return false; }

  std::uint64_t number = 0;  ///< set once, before it is posted; 0: it has no answer
  std::uint64_t about = 0;   ///< the request that this one asks about, if any
  std::string header;        ///< the encoded request; may be empty once the daemon has accepted it
  Payload payload;
  bool for_one_daemon = false;  ///< what one daemon has made of it the next would make again: it is sent only
                                ///< once the daemon has said who it is. Set before it is posted
  bool over = false;            ///< its last answer has come
  bool sent = false;            ///< on the connection that there is
  bool resent = false;  ///< the daemon may have seen it already: on an earlier connection, or asked again

 protected:
  virtual ~Exchange() = default;
  /// True if nobody but the session holds it.
  [[nodiscard]] bool is_forlorn() const { return references_.load(std::memory_order_acquire) == 1; }

 private:
  std::atomic<std::uint32_t> references_{1};
};

}  // namespace promised::detail
