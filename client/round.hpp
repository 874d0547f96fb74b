// SPDX-License-Identifier: Apache-2.0
// The promises of one pass on their way: submitted all at once, so that they cost one round trip together and
// run in parallel, and waited for.
#pragma once

#include <promised/resolve.hpp>

#include <chrono>
#include <string>
#include <vector>

#include "client/keys.hpp"
#include "client/ref.hpp"
#include "common/messages.hpp"

namespace promised::detail {

class Exchange;
class Session;

class Round {
 public:
  /// Submits them. Throws what Client::submit does.
  Round(Client& client, std::vector<Promise> promises);
  ~Round();
  Round(const Round&) = delete;
  Round& operator=(const Round&) = delete;

  /// Waits until all have ended, and logs those that came to no value; false when `deadline` is over. Throws
  /// DisconnectedError.
  [[nodiscard]] bool wait(std::chrono::steady_clock::time_point deadline);
  /// Once wait() was true: their futures are results now.
  void hand_over(Keys& keys);
  /// They are not waited for any longer. Waits for nothing.
  void give_up(Unfinished unfinished);
  /// Those that have not ended, for a message: `2 of 3 promises have not ended …: "head" (render.head …), …`.
  [[nodiscard]] std::string unfinished_text(std::chrono::milliseconds timeout) const;
  /// And what becomes of their jobs where they are not given up.
  [[nodiscard]] std::string what_becomes() const;

 private:
  struct Item {
    Promise promise;
    AnyFuture future = {};
    bool ended = false;
    int tries = 0;
  };
  void submit(Item& item);
  /// False if it was submitted again instead.
  [[nodiscard]] bool settle(Item& item);
  void post(message::Request request);

  Client& client_;
  Session& session_;
  std::vector<Item> items_;
  std::vector<Ref<Exchange>> posted_;  ///< kept so that they are sent again after a reconnect
};

/// `"a" (render.a), "b" (render.b)`; after ten of them `and 5 more`.
[[nodiscard]] std::string listed(const std::vector<std::string>& entries);

}  // namespace promised::detail
