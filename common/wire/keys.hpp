// SPDX-License-Identifier: Apache-2.0
// The job that a request is about, by id or by name: the same two fields in many messages. Internal to
// common/wire.
#pragma once

#include "common/messages.hpp"
#include "common/wire/fields.hpp"

namespace promised::wire {

template <class Message>
void set_id(const JobId& id, Message& out) {
  if (!id.empty()) out.set_id(id.bytes().data(), JobId::kSize);
}

template <class Message>
void set_key(const message::Key& key, Message& out) {
  set_id(key.id, out);
  out.set_name(key.name);
}

template <class Message>
[[nodiscard]] message::Key take_key(Message& in, Fields& fields) {
  return {fields.optional_id("id", in.id()), fields.text("name", in.mutable_name())};
}

/// Of a request that is about one job: it needs exactly one of id and name.
template <class Message>
[[nodiscard]] message::Key take_one_key(Message& in, Fields& fields) {
  message::Key key = take_key(in, fields);
  if (key.id.empty() && key.name.empty()) fields.refuse("id", "either an id or a name", "neither");
  if (!key.id.empty() && !key.name.empty()) fields.refuse("id", "either an id or a name", "both");
  return key;
}

}  // namespace promised::wire
