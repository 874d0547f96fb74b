// SPDX-License-Identifier: Apache-2.0
#include "client/submission.hpp"

#include <promised/error.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "client/future_state.hpp"
#include "client/session.hpp"
#include "common/ids.hpp"
#include "common/wire/client_codec.hpp"
#include "common/wire/value_codec.hpp"

namespace promised::detail {

namespace {

std::string encoded(std::string_view function, const Arguments& arguments) {
  Result<std::string> encoded = wire::encode(arguments);
  if (!encoded)
    throw RefusedError(encoded.problem().code, std::string(function) + ": " + encoded.problem().message);
  return std::move(*encoded);
}

Options with_defaults(const Session& session, Options options) {
  if (options.abandon() == Abandon::cancel && !options.abandon_grace())
    options.abandon(Abandon::cancel, session.options().connect_timeout);
  return options;
}

/// The call and all that belongs to it, in the order in which they are made; `arguments` grows by theirs.
void flatten(const promised::Call& call, Follows follows, std::uint32_t parent,
             std::vector<message::SubmitTree::Node>& nodes, std::string& arguments) {
  const auto place = static_cast<std::uint32_t>(nodes.size());
  const std::string own =
      call.kind() == Composite::none ? encoded(call.function(), call.arguments()) : std::string();
  nodes.push_back({new_job_id(), call.function(), call.options(), call.kind(), call.on_member_failure(),
                   follows, parent, own.size()});
  arguments += own;
  for (const promised::Call& member : call.members())
    flatten(member, Follows::member, place, nodes, arguments);
  for (const promised::Call& then : call.then()) flatten(then, Follows::then, place, nodes, arguments);
}

/// Of a submission; of a tree those of the whole.
const Options& options_of(const decltype(message::Request::body)& body) {
  if (const auto* submit = std::get_if<message::Submit>(&body)) return submit->options;
  if (const auto* add = std::get_if<message::AddCallback>(&body)) return add->options;
  return std::get<message::SubmitTree>(body).nodes.front().options;
}

/// Whether it, or a part of it, is to run at most once.
bool is_at_most_once(const decltype(message::Request::body)& body) {
  const auto* tree = std::get_if<message::SubmitTree>(&body);
  if (tree == nullptr) return options_of(body).at_most_once();
  return std::any_of(tree->nodes.begin(), tree->nodes.end(),
                     [](const message::SubmitTree::Node& node) { return node.options.at_most_once(); });
}

/// Posts the request of a new job, whose future it returns.
AnyFuture post_submission(const std::shared_ptr<Session>& session, const JobId& id,
                          const std::string& subject, Durability durability,
                          decltype(message::Request::body) body, Payload payload,
                          std::optional<FutureState::Following> following = {}) {
  message::Request request;
  request.number = session->next_number();
  request.body = std::move(body);
  const auto state = make_ref<FutureState>(session, FutureState::Origin::submitted, id, subject, durability);
  state->number = request.number;
  if (const auto* submit = std::get_if<message::Submit>(&request.body)) {
    if (submit->options.unique() && !submit->options.at_most_once()) state->be_unique();
  }
  // The ids of memory jobs go with their daemon.
  state->for_one_daemon = durability == Durability::memory && is_at_most_once(request.body);
  if (options_of(request.body).abandon() == Abandon::cancel) state->be_tied();
  wire::encode(request, state->header);
  state->payload = std::move(payload);
  if (following) state->follow(std::move(*following));
  session->post_submission(Ref<Exchange>(state));
  return FutureAccess::make(state);
}

}  // namespace

AnyFuture submit(const std::shared_ptr<Session>& session, const Options& options, std::string_view function,
                 const Arguments& arguments) {
  Payload payload(encoded(function, arguments));
  message::Submit submit{new_job_id(), std::string(function), with_defaults(*session, options)};
  const JobId id = submit.id;
  const std::string subject = submit.function;
  return post_submission(session, id, subject, options.durability(), std::move(submit), std::move(payload));
}

AnyFuture submit(const std::shared_ptr<Session>& session, const promised::Call& call) {
  if (call.kind() == Composite::none)
    return submit(session, call.options(), call.function(), call.arguments());
  message::SubmitTree tree;
  std::string arguments;
  flatten(call, Follows::nothing, 0, tree.nodes, arguments);
  tree.nodes[0].options = with_defaults(*session, call.options());
  const JobId id = tree.nodes[0].id;
  return post_submission(session, id, std::string(to_string(call.kind())), call.options().durability(),
                         std::move(tree), Payload(arguments));
}

AnyFuture add_callback(FutureState& parent, Follows follows, const promised::Call& call) {
  if (call.kind() != Composite::none)
    throw Error(
        "only a call can follow another job, not a composite: submit that from the function that follows");
  Session& session = parent.session();
  Payload payload(encoded(call.function(), call.arguments()));
  const Options options = with_defaults(session, call.options());
  message::AddCallback add{parent.key(), follows, new_job_id(), call.function(), options};
  const JobId id = add.id;
  return post_submission(parent.shared_session(), id, call.function(), parent.durability(), std::move(add),
                         payload,
                         FutureState::Following{Ref<FutureState>(&parent), follows, options, payload});
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
