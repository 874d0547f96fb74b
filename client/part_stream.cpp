// SPDX-License-Identifier: Apache-2.0
// The range of a job's parts.
#include <promised/future.hpp>
#include <promised/stream.hpp>

#include <algorithm>
#include <utility>

#include "client/future_state.hpp"
#include "client/part_follow.hpp"
#include "client/session.hpp"
#include "client/trouble.hpp"
#include "common/wire/value_codec.hpp"

namespace promised::detail {

struct PartStream::Impl {
  explicit Impl(Ref<FutureState> of) : state(std::move(of)) {
    // A job that has streamed nothing may be gone by now.
    if (!state->is_done() || parts_told() > 0) start({});
  }
  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// How many parts the outcome, which is here, speaks of.
  [[nodiscard]] std::uint64_t parts_told() const { return state->told() ? state->told()->parts : 0; }
  [[nodiscard]] std::uint64_t run_told() const { return state->told() ? state->told()->run : 0; }

  void start(PartFollow::Position position) {
    follow = make_ref<PartFollow>(state, position);
    state->session().post(Ref<Exchange>(follow));
  }
  void advance(bool and_stop) {
    state->session().post(make_advance(follow->number, follow->position().from, and_stop));
  }
  void stop() noexcept;
  void wait(PartFollow::Taken& taken, WaitWord::Deadline deadline);
  [[nodiscard]] bool end(WaitWord::Deadline deadline);
  [[noreturn]] void refuse(const message::Refused& refusal);
  [[noreturn]] void restart();

  const Ref<FutureState> state;
  Ref<PartFollow> follow;  ///< none: there is nothing to come
  std::uint64_t taken = 0;
};

void PartStream::Impl::stop() noexcept {
  if (!follow) return;
  try {
    advance(true);
  } catch (const Error&) {
    // The client is closed, or this is a forked child: the daemon knows, or is not to be told.
  }
  follow = Ref<PartFollow>();
}

/// What comes next; nothing_yet when `deadline` is over.
void PartStream::Impl::wait(PartFollow::Taken& next, WaitWord::Deadline deadline) {
  WaitWord::Deadline ask_at = std::chrono::steady_clock::now() + kAskAgainAfter;
  while (true) {
    const std::uint32_t seen = follow->word().load();
    next = follow->take();
    if (next.kind != PartFollow::Taken::Kind::nothing_yet) return;
    state->session().check_alive();
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) return;
    if (now >= ask_at) {
      // No wait hangs on a lost message (SEMANTICS S7).
      const PartFollow::Position position = follow->position();
      advance(true);
      start(position);
      ask_at = now + kAskAgainAfter;
      continue;
    }
    state->session().wait(follow->word(), seen, std::min(deadline, ask_at));
  }
}

/// All parts are read: waits for the job's end, and throws if it is not success; false if `deadline` is over.
bool PartStream::Impl::end(WaitWord::Deadline deadline) {
  if (!state->await_end(deadline)) return false;
  const std::uint64_t run = follow ? follow->position().run : 0;
  const Trouble* const trouble = state->trouble();
  if (trouble == nullptr || trouble->kind == Trouble::Kind::ended) {
    // It may have been cut off in the moment in which it ended.
    if (follow && run_told() != run && (taken > 0 || parts_told() > 0)) restart();
  }
  if (trouble == nullptr) return true;
  state->seen();
  throw_trouble(*trouble, state->subject());
}

void PartStream::Impl::refuse(const message::Refused& refusal) {
  follow = Ref<PartFollow>();
  // Why there is no such job is for the future to say.
  if (state->is_done() && state->trouble() != nullptr) {
    state->seen();
    throw_trouble(*state->trouble(), state->subject());
  }
  if (refusal.code == kClosed) throw DisconnectedError(state->subject() + ": " + refusal.message);
  throw_refusal(refusal);
}

void PartStream::Impl::restart() {
  stop();
  throw PartsRestarted(state->subject() + ": its run was cut off after " + std::to_string(taken) +
                       " of its parts were read, and it runs again: ask for its parts once more to read them "
                       "from the start");
}

PartStream::PartStream(const AnyFuture& future)
    : impl_(std::make_unique<Impl>(Ref<FutureState>(&FutureAccess::state(future)))) {}
PartStream::PartStream(PartStream&&) noexcept = default;
PartStream& PartStream::operator=(PartStream&&) noexcept = default;
PartStream::~PartStream() = default;

std::string PartStream::place() const {
  return "part " + std::to_string(impl_->taken) + " of " + impl_->state->subject();
}

std::optional<Value> PartStream::next(std::chrono::milliseconds timeout) {
  const WaitWord::Deadline deadline = deadline_after(timeout);
  const auto too_late = [&](const char* what) {
    throw TimeoutError(impl_->state->subject() + what + duration_text(timeout) + "; the job is left alone");
  };
  if (!impl_->follow) {
    if (!impl_->end(deadline)) too_late(" has not ended within ");
    return std::nullopt;
  }
  PartFollow::Taken next;
  impl_->wait(next, deadline);
  if (next.tell) impl_->advance(false);
  switch (next.kind) {
    case PartFollow::Taken::Kind::part:
      break;
    case PartFollow::Taken::Kind::nothing_yet:
      too_late(": no part has come within ");
      break;
    case PartFollow::Taken::Kind::restarted:
      impl_->restart();
    case PartFollow::Taken::Kind::refused:
      // It had streamed nothing, and was gone before this was asked.
      if (impl_->taken > 0 || !impl_->state->is_done() || impl_->parts_told() > 0 ||
          next.refusal.code != "no_such_future") {
        impl_->refuse(next.refusal);
      }
      impl_->follow = Ref<PartFollow>();
      [[fallthrough]];
    case PartFollow::Taken::Kind::all:
      if (!impl_->end(deadline)) too_late(" has not ended within ");
      return std::nullopt;
  }
  ++impl_->taken;
  Result<Value> part = wire::decode_value(next.part);
  if (!part) {
    throw Error(place() + " is no value (" + part.problem().message +
                "): is its worker of another version of promised?");
  }
  return std::move(*part);
}

}  // namespace promised::detail
