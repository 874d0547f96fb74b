// SPDX-License-Identifier: Apache-2.0
#include "client/call.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "client/session.hpp"
#include "common/wire/client_codec.hpp"

namespace promised::detail {
namespace {

class Question final : public Exchange {
 public:
  explicit Question(FutureState& state) : state_(&state) {
    about = state.number;
    number = state.session().next_number();
    message::Request request;
    request.number = number;
    request.body = message::Watch{state.key(), false, true};
    wire::encode(request, header);
  }

  Next answer(message::Reply& reply, Payload&& value) override {
    // What it says of a job that goes on is no news; what it says of one that is over, is.
    if (!std::holds_alternative<message::Known>(reply.body)) {
      static_cast<void>(state_->answer(reply, std::move(value)));
    }
    return Next::over;
  }
  Renewal renew() override { return Renewal::drop; }
  void poke() override {}
  void give_up(const std::string&, const std::string&) override {}

 private:
  Ref<FutureState> state_;
};

class Withdrawal final : public Exchange {
 public:
  Withdrawal(Session& session, std::vector<JobId> ids) {
    number = session.next_number();
    message::Request request;
    request.number = number;
    request.body = message::Withdraw{std::move(ids)};
    wire::encode(request, header);
  }
  Next answer(message::Reply&, Payload&&) override { return Next::over; }
  void poke() override {}
  void give_up(const std::string&, const std::string&) override {}
};

}  // namespace

Ref<Exchange> make_withdrawal(Session& session, std::vector<JobId> ids) {
  return make_ref<Withdrawal>(session, std::move(ids));
}

Ref<Exchange> make_question(FutureState& state) {
  return make_ref<Question>(state);
}

Exchange::Next Call::answer(message::Reply& reply, Payload&&) {
  reply_ = std::move(reply);
  over = true;
  word_.set(kAnswered);
  word_.wake();
  return Next::over;
}

Exchange::Renewal Call::renew() {
  if (is_forlorn()) return Renewal::drop;
  if (!once_ || !resent) return Renewal::send;
  give_up("interrupted", "the daemon went, or the connection to it, before it had answered; " +
                             std::string(once_->what_is_left));
  return Renewal::drop;
}

void Call::give_up(const std::string& code, const std::string& message) {
  if (over) return;
  closed_ = code == kClosed;
  reply_.body = message::Refused{code, message, {}, State::unknown};
  over = true;
  word_.set(kAnswered);
  word_.wake();
}

bool Call::await(Session& session, WaitWord::Deadline deadline) {
  WaitWord::Deadline ask_again =
      once_ ? WaitWord::Deadline::max() : std::chrono::steady_clock::now() + kAskAgainAfter;
  while (true) {
    const std::uint32_t seen = word_.load();
    if ((seen & kAnswered) != 0) return true;
    session.check_alive();
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) return false;
    if (now >= ask_again) {
      session.post(Ref<Exchange>(this));
      ask_again = now + kAskAgainAfter;
    }
    session.wait(word_, seen, std::min(deadline, ask_again));
  }
}

}  // namespace promised::detail
