// SPDX-License-Identifier: Apache-2.0
#include "common/wire/replies.hpp"

#include <proto/client.pb.h>

#include <string>
#include <utility>
#include <vector>

#include "common/wire/events.hpp"
#include "common/wire/nouns.hpp"

namespace promised::wire {
namespace {

message::Welcome take(proto::Reply::Welcome& in, Fields& fields) {
  return {in.protocol(), Fields::prose(in.mutable_version()), fields.id("daemon", in.daemon()),
          in.max_arguments()};
}

message::Accepted take(proto::Reply::Accepted& in, Fields&) {
  return {{in.numbers().begin(), in.numbers().end()}};
}

message::Refused take(proto::Reply::Refused& in, Fields& fields) {
  message::Refused out;
  out.code = fields.text("code", in.mutable_code());
  out.message = Fields::prose(in.mutable_message());
  out.holder = fields.optional_id("holder", in.holder());
  out.state = fields.state("state", in.state());
  return out;
}

message::Ended take(proto::Reply::Ended& in, Fields& fields) {
  message::Ended out;
  out.id = fields.id("id", in.id());
  out.state = fields.state("state", in.state());
  if (in.has_failure()) out.failure = take(*in.mutable_failure(), fields);
  out.reason = Fields::prose(in.mutable_reason());
  if (in.has_told()) out.told = take(*in.mutable_told(), fields);
  return out;
}

message::News take(proto::Reply::News& in, Fields&) {
  message::News out;
  if (in.has_progress()) out.progress = in.progress();
  out.progress_message = Fields::prose(in.mutable_progress_message());
  out.run = in.run();
  out.first = in.first();
  out.sizes.assign(in.sizes().begin(), in.sizes().end());
  out.last = in.last();
  out.output_first = in.output_first();
  out.output = std::move(*in.mutable_output());
  out.output_total = in.output_total();
  return out;
}

message::Known take(proto::Reply::Known& in, Fields& fields) {
  return {fields.optional_id("id", in.id()), fields.state("state", in.state()), in.effect()};
}

message::Jobs take(proto::Reply::Jobs& in, Fields& fields) {
  message::Jobs out;
  out.jobs.reserve(static_cast<std::size_t>(in.jobs_size()));
  for (proto::JobView& job : *in.mutable_jobs()) out.jobs.push_back(take(job, fields));
  out.more = in.more();
  return out;
}

message::Count take(proto::Reply::Count& in, Fields&) {
  return {in.count()};
}

std::vector<std::string> take(google::protobuf::RepeatedPtrField<std::string>& in) {
  std::vector<std::string> out;
  for (std::string& text : in) out.push_back(Fields::prose(&text));
  return out;
}

message::Reloaded take(proto::Reply::Reloaded& in, Fields&) {
  return {{take(*in.mutable_added()), take(*in.mutable_removed()), take(*in.mutable_replaced()),
           take(*in.mutable_adjusted()), take(*in.mutable_changed()), take(*in.mutable_needs_restart())}};
}

WaitReason take(proto::Reply::WaitReason& in, Fields& fields) {
  WaitReason out;
  out.code = fields.text("reasons.code", in.mutable_code());
  out.text = Fields::prose(in.mutable_text());
  out.subject = Fields::prose(in.mutable_subject());
  out.until = WallClock(std::chrono::microseconds(in.until_us()));
  for (const std::string& id : in.jobs()) out.jobs.push_back(fields.id("reasons.jobs", id));
  out.count = in.count();
  return out;
}

message::Explained take(proto::Reply::Explanation& in, Fields& fields) {
  Explanation out;
  out.id = fields.optional_id("id", in.id());
  out.state = fields.state("state", in.state());
  for (auto& reason : *in.mutable_reasons()) out.reasons.push_back(take(reason, fields));
  return {std::move(out)};
}

template <class In>
Result<message::Reply> finish(message::Reply&& reply, std::string_view name, In& in) {
  Fields fields(name);
  auto body = take(in, fields);
  if (!fields.ok()) return fields.problem();
  reply.body = std::move(body);
  return std::move(reply);
}

}  // namespace

void fill(const message::Welcome& in, proto::Reply& out) {
  auto& welcome = *out.mutable_welcome();
  welcome.set_protocol(in.protocol);
  welcome.set_version(in.version);
  if (!in.daemon.empty()) welcome.set_daemon(in.daemon.bytes().data(), JobId::kSize);
  welcome.set_max_arguments(in.max_arguments);
}

void fill(const message::Accepted& in, proto::Reply& out) {
  out.mutable_accepted()->mutable_numbers()->Add(in.numbers.begin(), in.numbers.end());
}

void fill(const message::Refused& in, proto::Reply& out) {
  auto& refused = *out.mutable_refused();
  refused.set_code(in.code);
  refused.set_message(in.message);
  if (!in.holder.empty()) refused.set_holder(in.holder.bytes().data(), JobId::kSize);
  refused.set_state(static_cast<std::uint32_t>(in.state));
}

void fill(const message::Ended& in, proto::Reply& out) {
  auto& ended = *out.mutable_ended();
  if (!in.id.empty()) ended.set_id(in.id.bytes().data(), JobId::kSize);
  ended.set_state(static_cast<std::uint32_t>(in.state));
  if (!is_default(in.failure)) fill(in.failure, *ended.mutable_failure());
  if (!in.reason.empty()) ended.set_reason(in.reason);
  if (!in.told.empty()) fill(in.told, *ended.mutable_told());
}

void fill(const message::News& in, proto::Reply& out) {
  auto& news = *out.mutable_news();
  if (in.progress) news.set_progress(*in.progress);
  news.set_progress_message(in.progress_message);
  news.set_run(in.run);
  news.set_first(in.first);
  news.mutable_sizes()->Add(in.sizes.begin(), in.sizes.end());
  news.set_last(in.last);
  news.set_output_first(in.output_first);
  news.set_output(in.output);
  news.set_output_total(in.output_total);
}

void fill(const message::Known& in, proto::Reply& out) {
  auto& known = *out.mutable_known();
  if (!in.id.empty()) known.set_id(in.id.bytes().data(), JobId::kSize);
  known.set_state(static_cast<std::uint32_t>(in.state));
  known.set_effect(in.effect);
}

void fill(const message::Jobs& in, proto::Reply& out) {
  auto& jobs = *out.mutable_jobs();
  for (const JobView& job : in.jobs) fill(job, *jobs.add_jobs());
  jobs.set_more(in.more);
}

void fill(const message::Status& in, proto::Reply& out) {
  fill(in.view, *out.mutable_status());
}

void fill(const message::StoreDone& in, proto::Reply& out) {
  fill(in.report, *out.mutable_store_report());
}

void fill(const message::Reloaded& in, proto::Reply& out) {
  auto& reloaded = *out.mutable_reloaded();
  for (const std::string& name : in.report.added) reloaded.add_added(name);
  for (const std::string& name : in.report.removed) reloaded.add_removed(name);
  for (const std::string& name : in.report.replaced) reloaded.add_replaced(name);
  for (const std::string& name : in.report.adjusted) reloaded.add_adjusted(name);
  for (const std::string& key : in.report.changed) reloaded.add_changed(key);
  for (const std::string& key : in.report.needs_restart) reloaded.add_needs_restart(key);
}

void fill(const message::Explained& in, proto::Reply& out) {
  auto& explanation = *out.mutable_explanation();
  if (!in.explanation.id.empty()) explanation.set_id(in.explanation.id.bytes().data(), JobId::kSize);
  explanation.set_state(static_cast<std::uint32_t>(in.explanation.state));
  for (const WaitReason& reason : in.explanation.reasons) {
    auto& r = *explanation.add_reasons();
    r.set_code(reason.code);
    r.set_text(reason.text);
    r.set_subject(reason.subject);
    r.set_until_us(reason.until.time_since_epoch().count());
    for (const JobId& id : reason.jobs) r.add_jobs(id.bytes().data(), JobId::kSize);
    r.set_count(reason.count);
  }
}

void fill(const message::Count& in, proto::Reply& out) {
  out.mutable_count()->set_count(in.count);
}

Result<message::Reply> take(proto::Reply& in) {
  message::Reply reply;
  reply.number = in.number();
  reply.delivery = in.delivery();
  switch (in.body_case()) {
    case proto::Reply::kWelcome:
      return finish(std::move(reply), "welcome", *in.mutable_welcome());
    case proto::Reply::kAccepted:
      return finish(std::move(reply), "accepted", *in.mutable_accepted());
    case proto::Reply::kRefused:
      return finish(std::move(reply), "refused", *in.mutable_refused());
    case proto::Reply::kEnded:
      return finish(std::move(reply), "ended", *in.mutable_ended());
    case proto::Reply::kKnown:
      return finish(std::move(reply), "known", *in.mutable_known());
    case proto::Reply::kJobs:
      return finish(std::move(reply), "jobs", *in.mutable_jobs());
    case proto::Reply::kNews:
      return finish(std::move(reply), "news", *in.mutable_news());
    case proto::Reply::kCount:
      return finish(std::move(reply), "count", *in.mutable_count());
    case proto::Reply::kReloaded:
      return finish(std::move(reply), "reloaded", *in.mutable_reloaded());
    case proto::Reply::kExplanation:
      return finish(std::move(reply), "explanation", *in.mutable_explanation());
    case proto::Reply::kEvents:
      return finish(std::move(reply), "events", *in.mutable_events());
    case proto::Reply::kStatus: {
      Fields fields("status");
      message::Status body{take(*in.mutable_status(), fields)};
      if (!fields.ok()) return fields.problem();
      reply.body = std::move(body);
      return reply;
    }
    case proto::Reply::kStoreReport: {
      Fields fields("store_report");
      message::StoreDone body{take(*in.mutable_store_report(), fields)};
      if (!fields.ok()) return fields.problem();
      reply.body = std::move(body);
      return reply;
    }
    case proto::Reply::BODY_NOT_SET:
      break;
  }
  return Problem::of("garbage",
                     "the reply is of no kind that this version knows; use client and daemon of the same "
                     "version");
}

}  // namespace promised::wire
