// SPDX-License-Identifier: Apache-2.0
// Requests with one answer: a question that a thread waits for, and one about a future that nobody waits for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/exchange.hpp"
#include "client/future_state.hpp"
#include "client/trouble.hpp"
#include "client/wait_word.hpp"

namespace promised::detail {

/// A request and the one answer to it.
class Call final : public Exchange {
 public:
  /// Of what the daemon is to see once: it is not asked again, however long the answer takes; and when the
  /// connection goes after it was sent, the answer is a Refused with the code "interrupted".
  struct Once {
    std::string_view what_is_left;  ///< for its message: how far it may have come, and what to do; a literal
  };
  Call() = default;
  explicit Call(Once once) : once_(once) {}

  [[nodiscard]] Next answer(message::Reply& reply, Payload&& value) override;
  [[nodiscard]] Renewal renew() override;
  void poke() override { word_.poke(); }
  void give_up(const std::string& code, const std::string& message) override;

  /// Waits for the answer; false when `deadline` is over. Throws what Session::check_alive does.
  [[nodiscard]] bool await(Session& session, WaitWord::Deadline deadline);
  /// Once await() was true.
  [[nodiscard]] message::Reply& reply() { return reply_; }
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  ~Call() override = default;
  static constexpr std::uint32_t kAnswered = 1;
  const std::optional<Once> once_;
  WaitWord word_;
  message::Reply reply_;
  bool closed_ = false;
};

/// A message has room for so many ids whatever the daemon's max_message is.
inline constexpr std::size_t kMostWithdrawn = 1000;
/// Takes back those of the jobs that have not begun; nobody waits for the answer.
[[nodiscard]] Ref<Exchange> make_withdrawal(Session& session, std::vector<JobId> ids);

/// Asks how the job of `state` stands, for a wait that has taken long: if its end was told and got lost, the
/// answer is its end.
[[nodiscard]] Ref<Exchange> make_question(FutureState& state);

}  // namespace promised::detail
