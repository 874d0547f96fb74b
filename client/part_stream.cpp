// SPDX-License-Identifier: Apache-2.0
// The range of a job's parts.
#include <promised/future.hpp>
#include <promised/stream.hpp>

#include <utility>

#include "client/future_state.hpp"
#include "client/part_follow.hpp"
#include "client/session.hpp"
#include "client/trouble.hpp"
#include "common/wire/value_codec.hpp"

namespace promised::detail {

struct PartStream::Impl {
  explicit Impl(Ref<FutureState> of)
      : state(std::move(of)), reader(state, [s = state](StreamFollow::Position position) {
          return Ref<StreamFollow>(make_ref<PartFollow>(s, position));
        }) {
    // A job that has streamed nothing may be gone by now.
    if (!state->is_done() || parts_told() > 0) reader.start();
  }

  /// How many parts the outcome, which is here, speaks of.
  [[nodiscard]] std::uint64_t parts_told() const { return state->told() ? state->told()->parts : 0; }
  [[nodiscard]] std::uint64_t run_told() const { return state->told() ? state->told()->run : 0; }

  [[nodiscard]] bool end(WaitWord::Deadline deadline);
  [[noreturn]] void restart();

  const Ref<FutureState> state;
  StreamReader reader;  ///< not started: there is nothing to come
  std::uint64_t taken = 0;
};

/// All parts are read: waits for the job's end, and throws if it is not success; false if `deadline` is over.
bool PartStream::Impl::end(WaitWord::Deadline deadline) {
  if (!state->await_end(deadline)) return false;
  const Trouble* const trouble = state->trouble();
  if (trouble == nullptr || trouble->kind == Trouble::Kind::ended) {
    // It may have been cut off in the moment in which it ended.
    if (reader.started() && run_told() != reader.position().run && (taken > 0 || parts_told() > 0)) restart();
  }
  if (trouble == nullptr) return true;
  state->seen();
  throw_trouble(*trouble, state->subject());
}

void PartStream::Impl::restart() {
  reader.stop();
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
    throw TimeoutError(impl_->state->subject() + what + duration_text(timeout) + "; " +
                       impl_->state->what_becomes());
  };
  if (!impl_->reader.started()) {
    if (!impl_->end(deadline)) too_late(" has not ended within ");
    return std::nullopt;
  }
  const StreamFollow::Taken next = impl_->reader.next(deadline);
  switch (next.kind) {
    case StreamFollow::Taken::Kind::some:
      break;
    case StreamFollow::Taken::Kind::nothing_yet:
      too_late(": no part has come within ");
      break;
    case StreamFollow::Taken::Kind::restarted:
      impl_->restart();
    case StreamFollow::Taken::Kind::refused:
      // It had streamed nothing, and was gone before this was asked.
      if (impl_->taken > 0 || !impl_->state->is_done() || impl_->parts_told() > 0 ||
          next.refusal.code != "no_such_future") {
        impl_->reader.refuse(next.refusal);
      }
      impl_->reader.drop();
      [[fallthrough]];
    case StreamFollow::Taken::Kind::all:
      if (!impl_->end(deadline)) too_late(" has not ended within ");
      return std::nullopt;
  }
  ++impl_->taken;
  Result<Value> part = wire::decode_value(next.bytes);
  if (!part) {
    throw Error(place() + " is no value (" + part.problem().message +
                "): is its worker of another version of promised?");
  }
  return std::move(*part);
}

}  // namespace promised::detail
