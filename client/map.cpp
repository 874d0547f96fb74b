// SPDX-License-Identifier: Apache-2.0
#include <promised/map.hpp>

#include <algorithm>
#include <deque>
#include <exception>
#include <span>
#include <utility>
#include <vector>

#include "client/call.hpp"
#include "client/future_state.hpp"
#include "client/session.hpp"
#include "client/submission.hpp"
#include "client/trouble.hpp"
#include "client/wait_word.hpp"

namespace promised::detail {

struct MapRun::Impl {
  Impl(std::shared_ptr<Session> s, MapOptions o, std::string f, Source in)
      : session(std::move(s)), options(std::move(o)), function(std::move(f)), source(std::move(in)) {
    if (options.chunk == 0) options.chunk = kMapChunk;
  }
  ~Impl() { cancel_rest(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// Some at a time: one by one, each would find the session asleep and wake it.
  void fill() {
    if (!source || under_way.size() > options.chunk - std::max<std::size_t>(options.chunk / 4, 1)) return;
    while (under_way.size() < options.chunk) {
      Arguments arguments;
      if (!source(arguments)) {
        source = nullptr;
        return;
      }
      under_way.push_back(submit(session, options.options, function, arguments));
    }
  }

  std::optional<AnyFuture> next() {
    fill();
    if (under_way.empty()) return std::nullopt;
    if (!FutureAccess::state(under_way.front()).await_end(deadline)) {
      throw TimeoutError("the map of " + function + " has not come to its end within " +
                         duration_text(options.timeout) + ": " + std::to_string(under_way.size()) +
                         " of its calls are under way; those that have not begun are cancelled");
    }
    AnyFuture done = std::move(under_way.front());
    under_way.pop_front();
    return done;
  }

  void cancel_rest() noexcept {
    source = nullptr;
    std::vector<JobId> ids;
    try {
      for (const AnyFuture& future : under_way) {
        const FutureState& state = FutureAccess::state(future);
        if (const auto id = state.withdrawable()) ids.push_back(*id);
      }
      if (session->in_forked_child()) ids.clear();
      for (std::size_t from = 0; from < ids.size(); from += kMostWithdrawn) {
        const auto part = std::span(ids).subspan(from, std::min(kMostWithdrawn, ids.size() - from));
        session->post(make_withdrawal(*session, {part.begin(), part.end()}));
      }
    } catch (const std::exception& e) {
      session->log("the map of " + function +
                   " could not take back the calls that had not begun: " + e.what());
    }
    under_way.clear();
  }

  const std::shared_ptr<Session> session;  ///< the map outlives its client, as futures do
  MapOptions options;
  const std::string function;
  Source source;  ///< empty: there are no more
  const WaitWord::Deadline deadline = deadline_after(options.timeout);
  std::deque<AnyFuture> under_way;
};

MapRun::MapRun(std::shared_ptr<Session> session, MapOptions options, std::string function, Source source)
    : impl_(std::make_unique<Impl>(std::move(session), std::move(options), std::move(function),
                                   std::move(source))) {
  impl_->fill();
}
MapRun::MapRun(MapRun&&) noexcept = default;
MapRun& MapRun::operator=(MapRun&&) noexcept = default;
MapRun::~MapRun() = default;

std::optional<AnyFuture> MapRun::next() {
  return impl_->next();
}

void MapRun::cancel_rest() noexcept {
  impl_->cancel_rest();
}

}  // namespace promised::detail
