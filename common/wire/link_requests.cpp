// SPDX-License-Identifier: Apache-2.0
// The requests by which jobs hang together (SEMANTICS C), between their plain form and proto/client.proto.
#include <proto/client.pb.h>

#include <string>
#include <utility>

#include "common/wire/fields.hpp"
#include "common/wire/keys.hpp"
#include "common/wire/nouns.hpp"
#include "common/wire/requests.hpp"

namespace promised::wire {
namespace {

void fill_node(const message::SubmitTree::Node& in, proto::Request::SubmitTree::Node& out) {
  set_id(in.id, out);
  out.set_function(in.function);
  if (!is_default(in.options)) wire::fill(in.options, *out.mutable_options());
  out.set_composite(static_cast<std::uint32_t>(in.composite));
  out.set_on_member_failure(static_cast<std::uint32_t>(in.on_member_failure));
  out.set_follows(static_cast<std::uint32_t>(in.follows));
  out.set_parent(in.parent);
  out.set_arguments_size(in.arguments_size);
}

message::SubmitTree::Node take_node(proto::Request::SubmitTree::Node& in, Fields& fields) {
  message::SubmitTree::Node out;
  out.id = fields.id("nodes.id", in.id());
  out.function = fields.text("nodes.function", in.mutable_function());
  if (in.has_options()) out.options = take(*in.mutable_options(), fields);
  out.composite = fields.composite("nodes.composite", in.composite());
  out.on_member_failure = fields.member_failure("nodes.on_member_failure", in.on_member_failure());
  out.follows = fields.follows("nodes.follows", in.follows());
  out.parent = in.parent();
  out.arguments_size = in.arguments_size();
  return out;
}

}  // namespace

void fill(const message::AddCallback& in, proto::Request& out) {
  auto& add = *out.mutable_add_callback();
  set_key(in.key, add);
  add.set_follows(static_cast<std::uint32_t>(in.follows));
  if (!in.id.empty()) add.set_job(in.id.bytes().data(), JobId::kSize);
  add.set_function(in.function);
  if (!is_default(in.options)) fill(in.options, *add.mutable_options());
}

void fill(const message::SubmitTree& in, proto::Request& out) {
  auto& tree = *out.mutable_submit_tree();
  for (const auto& node : in.nodes) fill_node(node, *tree.add_nodes());
}

message::AddCallback take_add_callback(proto::Request& request, Fields& fields) {
  auto& in = *request.mutable_add_callback();
  message::AddCallback out;
  out.key = take_one_key(in, fields);
  out.follows = fields.follows("follows", in.follows());
  if (out.follows != Follows::success && out.follows != Follows::failure && out.follows != Follows::done)
    fields.refuse("follows", "1 (success), 2 (failure) or 3 (done)", std::to_string(in.follows()));
  out.id = fields.id("job", in.job());
  out.function = fields.text("function", in.mutable_function());
  if (in.has_options()) out.options = take(*in.mutable_options(), fields);
  return out;
}

message::SubmitTree take_submit_tree(proto::Request& request, Fields& fields) {
  auto& in = *request.mutable_submit_tree();
  message::SubmitTree out;
  out.nodes.reserve(static_cast<std::size_t>(in.nodes_size()));
  for (auto& node : *in.mutable_nodes()) out.nodes.push_back(take_node(node, fields));
  return out;
}

}  // namespace promised::wire
