// SPDX-License-Identifier: Apache-2.0
#include "common/wire/requests.hpp"

#include <proto/client.pb.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "common/wire/events.hpp"
#include "common/wire/fields.hpp"
#include "common/wire/keys.hpp"
#include "common/wire/nouns.hpp"
#include "common/wire/steer_requests.hpp"

namespace promised::wire {
namespace {

std::uint64_t count(std::chrono::milliseconds duration) {
  return static_cast<std::uint64_t>(duration.count());
}

void fill_outcome(const message::KnownOutcome& in, proto::Request::KnownOutcome& out) {
  out.set_function(in.function);
  out.set_state(static_cast<std::uint32_t>(in.state));
  if (!is_default(in.failure)) wire::fill(in.failure, *out.mutable_failure());
  out.set_reason(in.reason);
  out.set_durability(static_cast<std::uint32_t>(in.durability));
  if (!in.told.empty()) wire::fill(in.told, *out.mutable_told());
}

message::Hello take(proto::Request::Hello& in, Fields& fields) {
  return {in.protocol(), fields.id("client", in.client()), Fields::prose(in.mutable_program())};
}

message::Submit take(proto::Request::Submit& in, Fields& fields) {
  message::Submit out;
  out.id = fields.id("id", in.id());
  out.function = fields.text("function", in.mutable_function());
  if (in.has_options()) out.options = take(*in.mutable_options(), fields);
  return out;
}

message::Watch take(proto::Request::Watch& in, Fields& fields) {
  return {take_one_key(in, fields), in.take(), in.peek()};
}

message::Cancel take(proto::Request::Cancel& in, Fields& fields) {
  return {take_one_key(in, fields), in.now(), Fields::prose(in.mutable_reason())};
}

message::KnownOutcome take(proto::Request::KnownOutcome& in, Fields& fields) {
  message::KnownOutcome out;
  out.function = fields.text("outcome.function", in.mutable_function());
  out.state = fields.state("outcome.state", in.state());
  if (!is_ended(out.state)) {
    fields.refuse("outcome.state", "the state of a job that has ended", std::string(to_string(out.state)));
  }
  if (in.has_failure()) out.failure = take(*in.mutable_failure(), fields);
  out.reason = Fields::prose(in.mutable_reason());
  out.durability = fields.durability("outcome.durability", in.durability());
  if (in.has_told()) out.told = take(*in.mutable_told(), fields);
  return out;
}

message::Remember take(proto::Request::Remember& in, Fields& fields) {
  message::Remember out;
  out.id = fields.id("id", in.id());
  out.name = fields.text("name", in.mutable_name());
  if (out.name.empty()) fields.refuse("name", "a name", "nothing");
  if (in.has_lifespan_ms()) out.lifespan = fields.lifespan("lifespan", in.lifespan_ms());
  out.duplicate = fields.duplicate("duplicate", in.duplicate());
  if (in.has_outcome()) out.outcome = take(*in.mutable_outcome(), fields);
  return out;
}

message::Adjust take(proto::Request::Adjust& in, Fields& fields) {
  message::Adjust out;
  out.id = fields.id("id", in.id());
  if (in.has_timeout_ms()) out.timeout = fields.millis("timeout", in.timeout_ms());
  if (in.has_run_timeout_ms()) out.run_timeout = fields.millis("run_timeout", in.run_timeout_ms());
  return out;
}

message::Withdraw take(proto::Request::Withdraw& in, Fields& fields) {
  message::Withdraw out;
  out.ids.reserve(static_cast<std::size_t>(in.ids_size()));
  for (const std::string& id : in.ids()) out.ids.push_back(fields.id("ids", id));
  return out;
}

message::Follow take(proto::Request::Follow& in, Fields& fields) {
  return {take_one_key(in, fields), in.progress(), in.parts(), in.parts_from(), in.run(), in.output(),
          in.output_from()};
}

message::Advance take(proto::Request::Advance& in, Fields&) {
  return {in.follow(), in.parts_from(), in.stop(), in.output_from(), in.events_from()};
}

message::SetNote take(proto::Request::SetNote& in, Fields& fields) {
  return {take_one_key(in, fields), fields.text("key", in.mutable_key())};
}

// The body that `take` makes of `in`, within the request, or the problem of a field.
template <class Body>
Result<message::Request> with_body(message::Request&& request, Body&& body, const Fields& fields) {
  if (!fields.ok()) return fields.problem();
  request.body = std::forward<Body>(body);
  return std::move(request);
}

template <class In>
Result<message::Request> finish(message::Request&& request, std::string_view name, In& in) {
  Fields fields(name);
  auto body = take(in, fields);
  return with_body(std::move(request), std::move(body), fields);
}

}  // namespace

void fill(const std::monostate&, proto::Request&) {}

void fill(const message::Hello& in, proto::Request& out) {
  auto& hello = *out.mutable_hello();
  hello.set_protocol(in.protocol);
  if (!in.client.empty()) hello.set_client(in.client.bytes().data(), JobId::kSize);
  hello.set_program(in.program);
}

void fill(const message::Submit& in, proto::Request& out) {
  auto& submit = *out.mutable_submit();
  set_id(in.id, submit);
  submit.set_function(in.function);
  if (!is_default(in.options)) fill(in.options, *submit.mutable_options());
}

void fill(const message::Watch& in, proto::Request& out) {
  auto& watch = *out.mutable_watch();
  set_key(in.key, watch);
  watch.set_take(in.take);
  watch.set_peek(in.peek);
}

void fill(const message::Cancel& in, proto::Request& out) {
  auto& cancel = *out.mutable_cancel();
  set_key(in.key, cancel);
  cancel.set_now(in.now);
  cancel.set_reason(in.reason);
}

void fill(const message::Remember& in, proto::Request& out) {
  auto& remember = *out.mutable_remember();
  set_id(in.id, remember);
  remember.set_name(in.name);
  if (in.lifespan) remember.set_lifespan_ms(lifespan_ms(*in.lifespan));
  remember.set_duplicate(static_cast<std::uint32_t>(in.duplicate));
  if (in.outcome) fill_outcome(*in.outcome, *remember.mutable_outcome());
}

void fill(const message::Forget& in, proto::Request& out) {
  set_key(in.key, *out.mutable_forget());
}

void fill(const message::Adjust& in, proto::Request& out) {
  auto& adjust = *out.mutable_adjust();
  set_id(in.id, adjust);
  if (in.timeout) adjust.set_timeout_ms(count(*in.timeout));
  if (in.run_timeout) adjust.set_run_timeout_ms(count(*in.run_timeout));
}

void fill(const message::Withdraw& in, proto::Request& out) {
  auto& withdraw = *out.mutable_withdraw();
  for (const JobId& id : in.ids) withdraw.add_ids(id.bytes().data(), JobId::kSize);
}

void fill(const message::Bye&, proto::Request& out) {
  out.mutable_bye();
}

void fill(const message::Follow& in, proto::Request& out) {
  auto& follow = *out.mutable_follow();
  set_key(in.key, follow);
  follow.set_progress(in.progress);
  follow.set_parts(in.parts);
  follow.set_parts_from(in.parts_from);
  follow.set_run(in.run);
  follow.set_output(in.output);
  follow.set_output_from(in.output_from);
}

void fill(const message::Advance& in, proto::Request& out) {
  auto& advance = *out.mutable_advance();
  advance.set_follow(in.follow);
  advance.set_parts_from(in.parts_from);
  advance.set_stop(in.stop);
  advance.set_output_from(in.output_from);
  advance.set_events_from(in.events_from);
}

void fill(const message::SetNote& in, proto::Request& out) {
  auto& note = *out.mutable_set_note();
  set_key(in.key, note);
  note.set_key(in.note);
}

Result<message::Request> take(proto::Request& in) {
  message::Request request;
  request.number = in.number();
  request.received = in.received();
  switch (in.body_case()) {
    case proto::Request::kHello:
      return finish(std::move(request), "hello", *in.mutable_hello());
    case proto::Request::kSubmit:
      return finish(std::move(request), "submit", *in.mutable_submit());
    case proto::Request::kWatch:
      return finish(std::move(request), "watch", *in.mutable_watch());
    case proto::Request::kRemember:
      return finish(std::move(request), "remember", *in.mutable_remember());
    case proto::Request::kList:
      return finish(std::move(request), "list", *in.mutable_list());
    case proto::Request::kShow:
      return finish(std::move(request), "show", *in.mutable_show());
    case proto::Request::kAdjust:
      return finish(std::move(request), "adjust", *in.mutable_adjust());
    case proto::Request::kStoreCommand:
      return finish(std::move(request), "store_command", *in.mutable_store_command());
    case proto::Request::kFollow:
      return finish(std::move(request), "follow", *in.mutable_follow());
    case proto::Request::kAdvance:
      return finish(std::move(request), "advance", *in.mutable_advance());
    case proto::Request::kSetNote:
      return finish(std::move(request), "set_note", *in.mutable_set_note());
    case proto::Request::kWithdraw:
      return finish(std::move(request), "withdraw", *in.mutable_withdraw());
    case proto::Request::kSubscribe:
      return finish(std::move(request), "subscribe", *in.mutable_subscribe());
    case proto::Request::kUnsubscribe:
      return finish(std::move(request), "unsubscribe", *in.mutable_unsubscribe());
    case proto::Request::kCancel:
      return finish(std::move(request), "cancel", *in.mutable_cancel());
    case proto::Request::kSteerQueue:
      return finish(std::move(request), "steer_queue", *in.mutable_steer_queue());
    case proto::Request::kSteerQuota:
      return finish(std::move(request), "steer_quota", *in.mutable_steer_quota());
    case proto::Request::kExplain:
      return finish(std::move(request), "explain", *in.mutable_explain());
    case proto::Request::kAddCallback: {
      Fields fields("add_callback");
      message::AddCallback body = take_add_callback(in, fields);
      return with_body(std::move(request), std::move(body), fields);
    }
    case proto::Request::kSubmitTree: {
      Fields fields("submit_tree");
      message::SubmitTree body = take_submit_tree(in, fields);
      return with_body(std::move(request), std::move(body), fields);
    }
    case proto::Request::kForget: {
      Fields fields("forget");
      message::Forget body{take_one_key(*in.mutable_forget(), fields)};
      return with_body(std::move(request), std::move(body), fields);
    }
    case proto::Request::kRetry: {
      Fields fields("retry");
      message::RetryJob body{take_one_key(*in.mutable_retry(), fields)};
      return with_body(std::move(request), std::move(body), fields);
    }
    case proto::Request::kStatus:
      request.body = message::StatusQuery{};
      return request;
    case proto::Request::kBye:
      request.body = message::Bye{};
      return request;
    case proto::Request::kReload:
      request.body = message::Reload{};
      return request;
    case proto::Request::BODY_NOT_SET:
      break;
  }
  in.clear_number();
  in.clear_received();
  if (in.ByteSizeLong() > 0) {  // of fields that proto/client.proto does not have
    return Problem::of("bad_request",
                       "the request is of a kind that this version does not know; use client and "
                       "daemon of the same version");
  }
  return request;
}

}  // namespace promised::wire
