// SPDX-License-Identifier: Apache-2.0
// What a future tells of its job's progress and notes.
#include <promised/future.hpp>
#include <promised/stream.hpp>

#include <cmath>
#include <exception>
#include <mutex>
#include <utility>
#include <variant>

#include "client/future_state.hpp"
#include "client/session.hpp"
#include "client/steering.hpp"
#include "client/trouble.hpp"
#include "common/wire/client_codec.hpp"
#include "common/wire/value_codec.hpp"

namespace promised {
namespace detail {
namespace {

using Callback = std::function<void(const Progress&)>;

bool same(const Progress& a, const Progress& b) {
  const bool same_percent = a.percent == b.percent || (std::isnan(a.percent) && std::isnan(b.percent));
  return same_percent && a.message == b.message;
}

/// Of a job whose outcome is here.
Progress final_progress(const FutureState& state) {
  Progress progress;
  if (const message::Told* told = state.told(); told != nullptr) {
    progress.message = told->progress_message;
    if (told->progress) progress.percent = *told->progress;
  }
  if (state.trouble() == nullptr) progress.percent = 100;
  return progress;
}

void call(const Callback& callback, const Progress& progress, const FutureState& state) {
  try {
    callback(progress);
  } catch (const std::exception& e) {
    state.session().log("a progress callback of " + state.subject() + " threw: " + e.what());
  } catch (...) {
    state.session().log("a progress callback of " + state.subject() +
                        " threw something that is no std::exception");
  }
}

/// The request for a job's progress. The callback runs on the thread for that; if it is slow, it is told of
/// the latest alone.
class ProgressFollow final : public Exchange {
 public:
  ProgressFollow(Ref<FutureState> state, Callback callback)
      : state_(std::move(state)), callback_(std::move(callback)) {
    message::Request request;
    request.number = number = state_->session().next_number();
    request.body = message::Follow{state_->key(), true, false, 0, 0};
    wire::encode(request, header);
  }

  [[nodiscard]] Next answer(message::Reply& reply, Payload&&) override {
    if (const auto* news = std::get_if<message::News>(&reply.body)) {
      if (news->progress) tell({*news->progress, news->progress_message});
      over = news->last;
    } else {
      over = true;
      const auto* refusal = std::get_if<message::Refused>(&reply.body);
      if (refusal != nullptr && refusal->code == "no_such_future") {
        tell_at_end();
      } else {
        state_->session().log("the progress of " + state_->subject() + " cannot be followed: " +
                              (refusal == nullptr ? "the daemon gave an answer that does not fit the question"
                                                  : refusal->message));
      }
    }
    return over ? Next::over : Next::more_answers;
  }
  void poke() override {}
  void give_up(const std::string&, const std::string&) override { over = true; }

 private:
  ~ProgressFollow() override = default;

  void tell(Progress progress) {
    {
      const std::lock_guard lock(mutex_);
      if (latest_ && same(*latest_, progress)) return;  // said again after a reconnect
      latest_ = std::move(progress);
      if (std::exchange(posted_, true)) return;
    }
    state_->session().notify([self = Ref<ProgressFollow>(this)] {
      std::unique_lock lock(self->mutex_);
      self->posted_ = false;
      const Progress now = *self->latest_;
      lock.unlock();
      call(self->callback_, now, *self->state_);
    });
  }

  /// The job was gone before this was asked: its outcome has come, or is on its way.
  void tell_at_end() {
    const auto tell_final = [self = Ref<ProgressFollow>(this)] {
      const Progress progress = final_progress(*self->state_);
      if (!std::isnan(progress.percent)) self->tell(progress);
    };
    if (!state_->add_observer(nullptr, tell_final)) tell_final();
  }

  const Ref<FutureState> state_;
  const Callback callback_;
  std::mutex mutex_;
  std::optional<Progress> latest_;  ///< under mutex_
  bool posted_ = false;             ///< under mutex_: the callback is on its way to its thread
};

std::map<std::string, Value> values_of(const std::vector<NoteView>& notes) {
  std::map<std::string, Value> values;
  for (const NoteView& note : notes) values.emplace(note.key, value_of(note));
  return values;
}

/// How the job stands, asked of the daemon; nothing: it has ended meanwhile, and its outcome is here.
std::optional<JobView> look(const FutureState& state, std::chrono::milliseconds timeout, const char* what) {
  const std::string asking = std::string("asking for the ") + what + " of " + state.subject();
  message::Request request;
  request.body = message::Show{state.key(), {}, false};
  try {
    message::Reply reply = state.session().call(std::move(request), {}, timeout, asking);
    auto* const jobs = std::get_if<message::Jobs>(&reply.body);
    if (jobs == nullptr || jobs->jobs.size() != 1) throw_misfit(asking);
    return std::move(jobs->jobs.front());
  } catch (const NoSuchFuture&) {
    if (!state.is_done()) throw;
    return std::nullopt;
  }
}

/// Throws why there is no job, if that is what is known of it.
void check_known(FutureState& state) {
  const Trouble* const trouble = state.trouble();
  if (trouble == nullptr || trouble->kind == Trouble::Kind::ended) return;
  state.seen();
  throw_trouble(*trouble, state.subject());
}

}  // namespace
}  // namespace detail

using detail::FutureAccess;
using detail::FutureState;

Value value_of(const NoteView& note) {
  Result<Value> value = wire::decode_value(note.encoded);
  if (!value) {
    throw Error("the note \"" + note.key + "\" is no value (" + value.problem().message +
                "): is who wrote it of another version of promised?");
  }
  return std::move(*value);
}

Progress AnyFuture::progress(std::chrono::milliseconds timeout) const {
  FutureState& state = FutureAccess::state(*this);
  if (!state.is_done()) {
    if (std::optional<JobView> job = detail::look(state, timeout, "progress")) {
      Progress progress;
      if (job->progress) progress.percent = *job->progress;
      progress.message = std::move(job->progress_message);
      return progress;
    }
  }
  detail::check_known(state);
  return detail::final_progress(state);
}

void AnyFuture::on_progress(std::function<void(const Progress&)> f) const {
  FutureState& state = FutureAccess::state(*this);
  if (state.is_done()) {
    detail::check_known(state);
    const Progress progress = detail::final_progress(state);
    if (!std::isnan(progress.percent)) detail::call(f, progress, state);
    return;
  }
  state.session().post(detail::Ref<detail::Exchange>(
      detail::make_ref<detail::ProgressFollow>(detail::Ref<FutureState>(&state), std::move(f))));
}

std::map<std::string, Value> AnyFuture::notes(std::chrono::milliseconds timeout) const {
  FutureState& state = FutureAccess::state(*this);
  if (!state.is_done()) {
    if (const std::optional<JobView> job = detail::look(state, timeout, "notes"))
      return detail::values_of(job->notes);
  }
  detail::check_known(state);
  return state.told() == nullptr ? std::map<std::string, Value>() : detail::values_of(state.told()->notes);
}

bool AnyFuture::write_note(std::string_view key, const Value& value) const {
  FutureState& state = FutureAccess::state(*this);
  Result<std::string> encoded = wire::encode(value);
  const std::string what = "the note \"" + std::string(key) + "\" of " + state.subject();
  if (!encoded) throw RefusedError(encoded.problem().code, what + ": " + encoded.problem().message);
  if (state.is_done()) {
    detail::check_known(state);
    return false;
  }
  message::Request request;
  request.body = message::SetNote{state.key(), std::string(key)};
  try {
    const message::Reply reply =
        state.session().call(std::move(request), Payload(*encoded), kAnswerTimeout, "writing " + what);
    const auto* const known = std::get_if<message::Known>(&reply.body);
    if (known == nullptr) detail::throw_misfit("writing " + what);
    return known->effect;
  } catch (const NoSuchFuture&) {
    if (!state.is_done()) throw;
    detail::check_known(state);
    return false;
  }
}

}  // namespace promised
