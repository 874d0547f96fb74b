// SPDX-License-Identifier: Apache-2.0
#include "common/wire/steer_requests.hpp"

#include <proto/client.pb.h>

#include <cstdint>
#include <string>

#include "common/wire/fields.hpp"
#include "common/wire/keys.hpp"
#include "common/wire/nouns.hpp"
#include "common/wire/requests.hpp"

namespace promised::wire {

void fill(const message::List& in, proto::Request& out) {
  auto& list = *out.mutable_list();
  list.set_states(in.states);
  list.set_function(in.function);
  list.set_queue(in.queue);
  list.set_name_prefix(in.name_prefix);
  list.set_remembered(in.remembered);
  list.set_most(in.most);
  if (!in.after.empty()) list.set_after(in.after.bytes().data(), JobId::kSize);
  list.set_count(in.count);
  list.set_mine(in.mine);
}

void fill(const message::Show& in, proto::Request& out) {
  auto& show = *out.mutable_show();
  set_key(in.key, show);
  show.set_prefix(in.prefix);
  show.set_last(in.last);
}

void fill(const message::StatusQuery&, proto::Request& out) {
  out.mutable_status();
}

void fill(const message::Explain& in, proto::Request& out) {
  set_key(in.key, *out.mutable_explain());
}

void fill(const message::SteerQueue& in, proto::Request& out) {
  auto& steer = *out.mutable_steer_queue();
  steer.set_queue(in.queue);
  if (!in.change.empty()) fill(in.change, *steer.mutable_change());
  steer.set_clear(in.clear);
}

void fill(const message::SteerQuota& in, proto::Request& out) {
  auto& steer = *out.mutable_steer_quota();
  steer.set_name(in.name);
  steer.set_size(in.size);
  steer.set_remove(in.remove);
}

void fill(const message::RetryJob& in, proto::Request& out) {
  set_key(in.key, *out.mutable_retry());
}

void fill(const message::Reload&, proto::Request& out) {
  out.mutable_reload();
}

void fill(const message::StoreCommand& in, proto::Request& out) {
  auto& command = *out.mutable_store_command();
  command.set_task(static_cast<std::uint32_t>(in.task));
  command.set_path(in.path);
}

message::List take(proto::Request_List& in, Fields& fields) {
  message::List out;
  out.states = in.states();
  constexpr std::uint32_t kKnownStates = (2U << static_cast<unsigned>(State::forgotten)) - 1;
  if ((out.states & ~kKnownStates) != 0) {
    fields.refuse("states", "bits of known states, at most " + std::to_string(kKnownStates),
                  std::to_string(out.states));
  }
  out.function = fields.text("function", in.mutable_function());
  out.queue = fields.text("queue", in.mutable_queue());
  out.name_prefix = fields.text("name_prefix", in.mutable_name_prefix());
  out.remembered = in.remembered();
  out.most = in.most();
  out.after = fields.optional_id("after", in.after());
  out.count = in.count();
  out.mine = in.mine();
  return out;
}

message::Show take(proto::Request_Show& in, Fields& fields) {
  message::Show out{take_key(in, fields), fields.text("prefix", in.mutable_prefix()), in.last()};
  const int said =
      int{!out.key.id.empty()} + int{!out.key.name.empty()} + int{!out.prefix.empty()} + int{out.last};
  if (said != 1) {
    fields.refuse("id", "one of id, name, prefix and last",
                  said == 0 ? "none" : std::to_string(said) + " of them");
  }
  return out;
}

message::Explain take(proto::Request_Explain& in, Fields& fields) {
  return {take_one_key(in, fields)};
}

message::SteerQueue take(proto::Request_SteerQueue& in, Fields& fields) {
  message::SteerQueue out;
  out.queue = fields.text("queue", in.mutable_queue());
  if (in.has_change()) out.change = take(*in.mutable_change(), fields);
  out.clear = in.clear();
  return out;
}

message::SteerQuota take(proto::Request_SteerQuota& in, Fields& fields) {
  return {fields.text("name", in.mutable_name()), in.size(), in.remove()};
}

message::StoreCommand take(proto::Request_StoreCommand& in, Fields& fields) {
  return {fields.store_task("task", in.task()), fields.text("path", in.mutable_path())};
}

}  // namespace promised::wire
