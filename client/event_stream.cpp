// SPDX-License-Identifier: Apache-2.0
// The range of events.
#include <promised/error.hpp>
#include <promised/events.hpp>

#include <algorithm>
#include <utility>

#include "client/event_follow.hpp"
#include "client/session.hpp"
#include "client/stream_follow.hpp"
#include "client/trouble.hpp"
#include "common/wire/client_codec.hpp"

namespace promised {
namespace {

using detail::EventFollow;
using detail::WaitWord;

constexpr const char* kSubject = "watching events";

message::Subscribe wanted(const EventFilter& filter) {
  message::Subscribe subscribe;
  for (const EventKind kind : filter.kinds) subscribe.kinds |= 1U << static_cast<unsigned>(kind);
  subscribe.function = filter.function;
  subscribe.queue = filter.queue;
  subscribe.name_prefix = filter.name_prefix;
  subscribe.owner = filter.owner;
  return subscribe;
}

[[noreturn]] void refuse(const message::Refused& refusal) {
  if (refusal.code == detail::kClosed)
    throw DisconnectedError(std::string(kSubject) + ": " + refusal.message);
  detail::throw_refusal(refusal);
}

}  // namespace

struct Events::Impl {
  Impl(std::shared_ptr<detail::Session> s, const EventFilter& filter)
      : session(std::move(s)), follow(detail::make_ref<EventFollow>(session->next_number(), wanted(filter))) {
    session->post(detail::Ref<detail::Exchange>(follow));
    await_begin();
  }
  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// What `look` returns, as soon as it is true; nothing when `deadline` is over.
  template <class Look>
  auto wait(WaitWord::Deadline deadline, Look look) -> decltype(look()) {
    WaitWord::Deadline tell_at = std::chrono::steady_clock::now() + detail::kAskAgainAfter;
    while (true) {
      const std::uint32_t seen = follow->word().load();
      if (auto found = look()) return found;
      session->check_alive();
      const auto now = std::chrono::steady_clock::now();
      if (now >= deadline) return {};
      if (now >= tell_at) {
        // No wait hangs on a lost message (SEMANTICS S7): the daemon may wait for this one.
        session->post(detail::make_one_way(follow->position()));
        tell_at = now + detail::kAskAgainAfter;
      }
      session->wait(follow->word(), seen, std::min(deadline, tell_at));
    }
  }

  void await_begin() {
    try {
      if (!wait(detail::deadline_after(kAnswerTimeout), [&] { return follow->has_begun(); })) {
        throw TimeoutError(std::string(kSubject) + ": the daemon has not answered within " +
                           detail::duration_text(kAnswerTimeout));
      }
    } catch (...) {
      stop();
      throw;
    }
    if (const auto refused = follow->refused()) refuse(*refused);
  }

  void stop() noexcept {
    if (!follow) return;
    try {
      session->post(detail::make_one_way(message::Unsubscribe{follow->number}));
    } catch (const Error&) {
      // The client is closed, or this is a forked child: the daemon knows, or is not to be told.
    }
    follow = {};
  }

  const std::shared_ptr<detail::Session> session;
  detail::Ref<EventFollow> follow;
};

Events::Events(std::shared_ptr<detail::Session> session, const EventFilter& filter,
               std::chrono::milliseconds timeout)
    : impl_(std::make_unique<Impl>(std::move(session), filter)), timeout_(timeout) {}
Events::Events(Events&&) noexcept = default;
Events& Events::operator=(Events&&) noexcept = default;
Events::~Events() = default;

std::optional<JobEvent> Events::next() {
  return next(timeout_);
}

std::optional<JobEvent> Events::next(std::chrono::milliseconds timeout) {
  std::optional<EventFollow::Taken> taken =
      impl_->wait(detail::deadline_after(timeout), [&]() -> std::optional<EventFollow::Taken> {
        EventFollow::Taken next = impl_->follow->take();
        if (!next.event && !next.refusal) return std::nullopt;
        return next;
      });
  if (!taken) {
    throw TimeoutError(std::string(kSubject) + ": nothing has happened within " +
                       detail::duration_text(timeout));
  }
  if (taken->refusal) refuse(*taken->refusal);
  if (taken->tell) impl_->session->post(detail::make_one_way(*taken->tell));
  return std::move(taken->event);
}

}  // namespace promised
