// SPDX-License-Identifier: Apache-2.0
#include "common/wire/events.hpp"

#include <proto/client.pb.h>

#include <chrono>
#include <string>
#include <utility>

#include "common/wire/nouns.hpp"
#include "common/wire/replies.hpp"
#include "common/wire/requests.hpp"

namespace promised::wire {
namespace {

constexpr std::uint32_t kKnownKinds = (2U << static_cast<unsigned>(EventKind::expired)) - 1;

void fill(const JobEvent& in, proto::JobEvent& out) {
  out.set_kind(static_cast<std::uint32_t>(in.kind));
  out.set_at_us(in.at.time_since_epoch().count());
  if (!in.id.empty()) out.set_id(in.id.bytes().data(), JobId::kSize);
  out.set_function(in.function);
  out.set_queue(in.queue);
  out.set_name(in.name);
  out.set_owner(in.owner);
  out.set_attempt(in.attempt);
  if (in.progress) out.set_progress(*in.progress);
  out.set_progress_message(in.progress_message);
  if (!is_default(in.failure)) wire::fill(in.failure, *out.mutable_failure());
  out.set_reason(in.reason);
}

JobEvent take(proto::JobEvent& in, Fields& fields) {
  JobEvent out;
  out.kind = fields.event_kind("events.kind", in.kind());
  out.at = WallClock(std::chrono::microseconds(in.at_us()));
  out.id = fields.id("events.id", in.id());
  out.function = fields.text("events.function", in.mutable_function());
  out.queue = fields.text("events.queue", in.mutable_queue());
  out.name = fields.text("events.name", in.mutable_name());
  out.owner = in.owner();
  out.attempt = in.attempt();
  if (in.has_progress()) out.progress = in.progress();
  out.progress_message = Fields::prose(in.mutable_progress_message());
  if (in.has_failure()) out.failure = wire::take(*in.mutable_failure(), fields);
  out.reason = Fields::prose(in.mutable_reason());
  return out;
}

}  // namespace

void fill(const message::Subscribe& in, proto::Request& out) {
  auto& subscribe = *out.mutable_subscribe();
  subscribe.set_kinds(in.kinds);
  subscribe.set_function(in.function);
  subscribe.set_queue(in.queue);
  subscribe.set_name_prefix(in.name_prefix);
  if (in.owner) subscribe.set_owner(*in.owner);
}

void fill(const message::Unsubscribe& in, proto::Request& out) {
  out.mutable_unsubscribe()->set_subscription(in.subscription);
}

void fill(const message::Events& in, proto::Reply& out) {
  auto& events = *out.mutable_events();
  for (const JobEvent& event : in.events) fill(event, *events.add_events());
  events.set_first(in.first);
  events.set_lost(in.lost);
  events.set_last(in.last);
}

message::Subscribe take(proto::Request_Subscribe& in, Fields& fields) {
  message::Subscribe out;
  out.kinds = in.kinds();
  if ((out.kinds & ~kKnownKinds) != 0) {
    fields.refuse("kinds", "bits of known kinds, at most " + std::to_string(kKnownKinds),
                  std::to_string(out.kinds));
  }
  out.function = fields.text("function", in.mutable_function());
  out.queue = fields.text("queue", in.mutable_queue());
  out.name_prefix = fields.text("name_prefix", in.mutable_name_prefix());
  if (in.has_owner()) out.owner = in.owner();
  return out;
}

message::Unsubscribe take(proto::Request_Unsubscribe& in, Fields&) {
  return {in.subscription()};
}

message::Events take(proto::Reply_Events& in, Fields& fields) {
  message::Events out;
  out.events.reserve(static_cast<std::size_t>(in.events_size()));
  for (proto::JobEvent& event : *in.mutable_events()) out.events.push_back(take(event, fields));
  out.first = in.first();
  out.lost = in.lost();
  out.last = in.last();
  return out;
}

}  // namespace promised::wire
