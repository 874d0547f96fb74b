// SPDX-License-Identifier: Apache-2.0
// What a future tells of what its job prints.
#include <promised/future.hpp>
#include <promised/stream.hpp>

#include <utility>

#include "client/future_state.hpp"
#include "client/output_follow.hpp"
#include "client/session.hpp"
#include "client/trouble.hpp"

namespace promised {
namespace detail {
namespace {

class OutputReading {
 public:
  OutputReading(Ref<FutureState> of, OutputFollow::Until until)
      : state_(std::move(of)), reader_(state_, [s = state_, until](StreamFollow::Position position) {
          return Ref<StreamFollow>(make_ref<OutputFollow>(s, position, until));
        }) {
    // A job that has printed nothing may be gone by now.
    if (!state_->is_done() || has_printed()) reader_.start();
  }

  /// See OutputStream::next.
  [[nodiscard]] std::optional<OutputPiece> next(std::chrono::milliseconds timeout) {
    if (!reader_.started()) return end();
    StreamFollow::Taken taken = reader_.next(deadline_after(timeout));
    switch (taken.kind) {
      case StreamFollow::Taken::Kind::some:
        return OutputPiece{std::move(taken.bytes), taken.lost, taken.anew};
      case StreamFollow::Taken::Kind::nothing_yet:
        throw TimeoutError(state_->subject() + ": nothing that it prints has come within " +
                           duration_text(timeout) + "; " + state_->what_becomes());
      case StreamFollow::Taken::Kind::refused:
        refused(taken.refusal);
        return end();
      case StreamFollow::Taken::Kind::restarted:
      case StreamFollow::Taken::Kind::all:
        break;
    }
    return std::nullopt;
  }

 private:
  /// The outcome, which is here, says so.
  [[nodiscard]] bool has_printed() const { return state_->told() && state_->told()->output_total > 0; }

  /// There is nothing to read; throws why, if there is no job.
  [[nodiscard]] std::optional<OutputPiece> end() {
    const Trouble* const trouble = state_->trouble();
    if (trouble == nullptr || trouble->kind == Trouble::Kind::ended) return std::nullopt;
    state_->seen();
    throw_trouble(*trouble, state_->subject());
  }

  /// Returns if the job had printed nothing, and was gone before this was asked.
  void refused(const message::Refused& refusal) {
    const Trouble* const trouble = state_->is_done() ? state_->trouble() : nullptr;
    const bool gone = refusal.code == "no_such_future" && state_->is_done() &&
                      (trouble == nullptr || trouble->kind == Trouble::Kind::ended);
    if (!gone) reader_.refuse(refusal);
    reader_.drop();
    if (!has_printed()) return;
    throw NoSuchFuture(refusal.state, state_->subject() +
                                          ": what it printed is gone with its outcome: follow it while it "
                                          "runs, or give the job a name under which it is kept");
  }

  const Ref<FutureState> state_;
  StreamReader reader_;  ///< not started: there is nothing to come
};

}  // namespace

struct OutputSource::Impl {
  explicit Impl(Ref<FutureState> state) : reading(std::move(state), OutputFollow::Until::end) {}
  OutputReading reading;
};

OutputSource::OutputSource(const AnyFuture& future)
    : impl_(std::make_unique<Impl>(Ref<FutureState>(&FutureAccess::state(future)))) {}
OutputSource::OutputSource(OutputSource&&) noexcept = default;
OutputSource& OutputSource::operator=(OutputSource&&) noexcept = default;
OutputSource::~OutputSource() = default;

std::optional<OutputPiece> OutputSource::next(std::chrono::milliseconds timeout) {
  return impl_->reading.next(timeout);
}

}  // namespace detail

std::string AnyFuture::output(std::chrono::milliseconds timeout) const {
  detail::OutputReading reading(detail::Ref<detail::FutureState>(&detail::FutureAccess::state(*this)),
                                detail::OutputFollow::Until::now);
  std::string all;
  while (std::optional<OutputPiece> piece = reading.next(timeout)) {
    if (piece->anew) all.clear();
    all += piece->bytes;
  }
  return all;
}

}  // namespace promised
