// SPDX-License-Identifier: Apache-2.0
#include "client/submission.hpp"

#include <promised/error.hpp>

#include <string>
#include <utility>
#include <variant>

#include "client/future_state.hpp"
#include "client/session.hpp"
#include "common/ids.hpp"
#include "common/wire/client_codec.hpp"
#include "common/wire/value_codec.hpp"

namespace promised::detail {

AnyFuture submit(const std::shared_ptr<Session>& session, const Options& options, std::string_view function,
                 const Arguments& arguments) {
  Result<std::string> encoded = wire::encode(arguments);
  if (!encoded)
    throw RefusedError(encoded.problem().code, std::string(function) + ": " + encoded.problem().message);
  message::Request request;
  request.number = session->next_number();
  request.body = message::Submit{new_job_id(), std::string(function), options};
  auto& submit = std::get<message::Submit>(request.body);
  if (options.abandon() == Abandon::cancel && !options.abandon_grace())
    submit.options.abandon(Abandon::cancel, session->options().connect_timeout);
  const auto state = make_ref<FutureState>(session, FutureState::Origin::submitted, submit.id,
                                           submit.function, options.durability());
  state->number = request.number;
  wire::encode(request, state->header);
  state->payload = Payload(*encoded);
  session->post_submission(Ref<Exchange>(state));
  return FutureAccess::make(state);
}

AnyFuture watch(const std::shared_ptr<Session>& session, const message::Key& key) {
  message::Request request;
  request.number = session->next_number();
  request.body = message::Watch{key, false, false};
  const auto origin = key.id.empty() ? FutureState::Origin::by_name : FutureState::Origin::by_id;
  const auto state = make_ref<FutureState>(session, origin, key.id, key.name, Durability::durable);
  state->number = request.number;
  wire::encode(request, state->header);
  session->post(Ref<Exchange>(state));
  return FutureAccess::make(state);
}

}  // namespace promised::detail
