// SPDX-License-Identifier: Apache-2.0
#include "common/wire/nouns.hpp"

#include <proto/job.pb.h>

#include <string>

#include "common/wire/utf8.hpp"

namespace promised::wire {
namespace {

constexpr std::string_view kDefaultQueue = "default";

std::uint64_t count(auto duration) {
  return static_cast<std::uint64_t>(duration.count());
}

WallClock wall(std::int64_t us) {
  return WallClock(std::chrono::microseconds(us));
}

std::int64_t us(WallClock moment) {
  return moment.time_since_epoch().count();
}

void set(std::string* out, std::string_view text) {
  out->assign(text);
}

}  // namespace

bool is_default(const Options& options) {
  static const Options kDefault;
  return options == kDefault;
}

bool is_default(const Failure& failure) {
  static const Failure kDefault;
  return failure == kDefault;
}

void fill(const Options& options, proto::Options& out) {
  if (options.queue() != kDefaultQueue) out.set_queue(options.queue());
  out.set_priority(options.priority());
  out.set_timeout_ms(count(options.timeout()));
  out.set_run_timeout_ms(count(options.run_timeout()));
  if (!options.name().empty()) out.set_name(options.name());
  if (options.lifespan()) out.set_lifespan_ms(lifespan_ms(*options.lifespan()));
  out.set_duplicate(static_cast<std::uint32_t>(options.duplicate()));
  out.set_durability(static_cast<std::uint32_t>(options.durability()));
  out.set_at_most_once(options.at_most_once());
  out.set_abandon(static_cast<std::uint32_t>(options.abandon()));
  if (options.abandon_grace()) out.set_abandon_grace_ms(count(*options.abandon_grace()));
  out.set_progress_timeout_ms(count(options.progress_timeout()));
  out.set_deadline_ms(count(options.deadline()));
  out.set_retry_on(static_cast<std::uint32_t>(options.retry_on()));
}

Options take(proto::Options& in, Fields& fields) {
  Options options;
  if (!in.queue().empty()) options.queue(fields.text("options.queue", in.mutable_queue()));
  options.priority(fields.priority("options.priority", in.priority()));
  options.timeout(fields.millis("options.timeout", in.timeout_ms()));
  options.run_timeout(fields.millis("options.run_timeout", in.run_timeout_ms()));
  std::optional<std::chrono::milliseconds> lifespan;
  if (in.has_lifespan_ms()) lifespan = fields.lifespan("options.lifespan", in.lifespan_ms());
  options.remember(in.name().empty() ? std::string() : fields.text("options.name", in.mutable_name()),
                   lifespan, fields.duplicate("options.duplicate", in.duplicate()));
  options.durability(fields.durability("options.durability", in.durability()));
  options.at_most_once(in.at_most_once());
  std::optional<std::chrono::milliseconds> grace;
  if (in.has_abandon_grace_ms()) grace = fields.millis("options.abandon_grace", in.abandon_grace_ms());
  options.abandon(fields.abandon("options.abandon", in.abandon()), grace);
  options.progress_timeout(fields.millis("options.progress_timeout", in.progress_timeout_ms()));
  options.deadline(fields.millis("options.deadline", in.deadline_ms()));
  options.retry_on(fields.retry("options.retry_on", in.retry_on()));
  return options;
}

void fill(const Failure& failure, proto::Failure& out) {
  out.set_cause(static_cast<std::uint32_t>(failure.cause));
  set(out.mutable_type(), cut_utf8(failure.type, kMaxFailureType));
  set(out.mutable_message(), cut_utf8(failure.message, kMaxFailureMessage));
  set(out.mutable_output(), end_of_utf8(failure.output, kMaxFailureOutput));
  set(out.mutable_limit(), cut_utf8(failure.limit, kMaxFailureType));
  out.set_signal(failure.signal);
  out.set_exit_code(failure.exit_code);
  out.set_attempt(failure.attempt);
  out.set_pid(failure.pid);
  out.set_ran_ns(count(failure.ran));
  out.set_user_ns(count(failure.user));
  out.set_system_ns(count(failure.system));
  out.set_peak_memory(failure.peak_memory);
  set(out.mutable_backtrace(), cut_utf8(failure.backtrace, kMaxFailureBacktrace));
}

Failure take(proto::Failure& in, Fields& fields) {
  Failure failure;
  failure.cause = fields.cause("failure.cause", in.cause());
  failure.type = Fields::prose(in.mutable_type());
  failure.message = Fields::prose(in.mutable_message());
  failure.output = Fields::prose(in.mutable_output());
  failure.limit = Fields::prose(in.mutable_limit());
  failure.signal = in.signal();
  failure.exit_code = in.exit_code();
  failure.attempt = in.attempt();
  failure.pid = in.pid();
  failure.ran = fields.nanos("failure.ran", in.ran_ns());
  failure.user = fields.nanos("failure.user", in.user_ns());
  failure.system = fields.nanos("failure.system", in.system_ns());
  failure.peak_memory = in.peak_memory();
  failure.backtrace = Fields::prose(in.mutable_backtrace());
  return failure;
}

void fill(const NoteView& note, proto::Note& out) {
  out.set_key(note.key);
  out.set_value(note.encoded);
}

NoteView take(proto::Note& in, Fields& fields) {
  NoteView note;
  note.key = fields.text("note.key", in.mutable_key());
  note.encoded = std::move(*in.mutable_value());
  return note;
}

void fill(const message::Told& told, proto::Told& out) {
  for (const NoteView& note : told.notes) fill(note, *out.add_notes());
  if (told.progress) out.set_progress(*told.progress);
  out.set_progress_message(told.progress_message);
  out.set_run(told.run);
  out.set_parts(told.parts);
  out.set_parts_size(told.parts_size);
  out.set_output_size(told.output_size);
  out.set_output_total(told.output_total);
}

message::Told take(proto::Told& in, Fields& fields) {
  message::Told told;
  told.notes.reserve(static_cast<std::size_t>(in.notes_size()));
  for (auto& note : *in.mutable_notes()) told.notes.push_back(take(note, fields));
  if (in.has_progress()) told.progress = in.progress();
  told.progress_message = Fields::prose(in.mutable_progress_message());
  told.run = in.run();
  told.parts = in.parts();
  told.parts_size = in.parts_size();
  told.output_size = in.output_size();
  told.output_total = in.output_total();
  return told;
}

void fill(const RelatedView& view, proto::Related& out) {
  if (!view.id.empty()) out.set_id(view.id.bytes().data(), JobId::kSize);
  out.set_state(static_cast<std::uint32_t>(view.state));
  out.set_function(view.function);
  out.set_follows(static_cast<std::uint32_t>(view.follows));
}

RelatedView take(proto::Related& in, Fields& fields) {
  RelatedView view;
  view.id = fields.id("related.id", in.id());
  view.state = fields.state("related.state", in.state());
  view.function = fields.text("related.function", in.mutable_function());
  view.follows = fields.follows("related.follows", in.follows());
  return view;
}

void fill(const JobView& view, proto::JobView& out) {
  if (!view.id.empty()) out.set_id(view.id.bytes().data(), JobId::kSize);
  out.set_state(static_cast<std::uint32_t>(view.state));
  out.set_function(view.function);
  out.set_name(view.name);
  out.set_queue(view.queue);
  out.set_owner(view.owner);
  out.set_priority(view.priority);
  out.set_attempts(view.attempts);
  out.set_interruptions(view.interruptions);
  out.set_submitted_us(us(view.submitted));
  out.set_started_us(us(view.started));
  out.set_ended_us(us(view.ended));
  out.set_kept_until_us(us(view.kept_until));
  out.set_durability(static_cast<std::uint32_t>(view.durability));
  out.set_arguments_size(view.arguments_size);
  out.set_result_size(view.result_size);
  if (!is_default(view.failure)) fill(view.failure, *out.mutable_failure());
  out.set_pool(view.pool);
  out.set_worker_pid(view.worker_pid);
  out.set_lifespan_ms(lifespan_ms(view.lifespan));
  out.set_reason(view.reason);
  out.set_remembered(view.remembered);
  out.set_timeout_ms(count(view.timeout));
  out.set_run_timeout_ms(count(view.run_timeout));
  out.set_at_most_once(view.at_most_once);
  if (view.progress) out.set_progress(*view.progress);
  out.set_progress_message(view.progress_message);
  for (const NoteView& note : view.notes) fill(note, *out.add_notes());
  out.set_parts(view.parts);
  out.set_parts_size(view.parts_size);
  out.set_crashes(view.crashes);
  out.set_progress_timeout_ms(count(view.progress_timeout));
  out.set_deadline_ms(count(view.deadline));
  out.set_retry_on(static_cast<std::uint32_t>(view.retry_on));
  for (const JobId& id : view.waits_for) out.add_waits_for(id.bytes().data(), JobId::kSize);
  if (!is_default(view.last_failure)) fill(view.last_failure, *out.mutable_last_failure());
  out.set_output_size(view.output_size);
  if (!view.parent.empty()) out.set_parent(view.parent.bytes().data(), JobId::kSize);
  out.set_follows(static_cast<std::uint32_t>(view.follows));
  out.set_composite(static_cast<std::uint32_t>(view.composite));
  out.set_on_member_failure(static_cast<std::uint32_t>(view.on_member_failure));
  for (const RelatedView& related : view.related) fill(related, *out.add_related());
}

JobView take(proto::JobView& in, Fields& fields) {
  JobView view;
  view.id = fields.id("id", in.id());
  view.state = fields.state("state", in.state());
  view.function = fields.text("function", in.mutable_function());
  view.name = fields.text("name", in.mutable_name());
  view.queue = fields.text("queue", in.mutable_queue());
  view.owner = in.owner();
  view.priority = fields.priority("priority", in.priority());
  view.attempts = in.attempts();
  view.interruptions = in.interruptions();
  view.submitted = wall(in.submitted_us());
  view.started = wall(in.started_us());
  view.ended = wall(in.ended_us());
  view.kept_until = wall(in.kept_until_us());
  view.durability = fields.durability("durability", in.durability());
  view.arguments_size = in.arguments_size();
  view.result_size = in.result_size();
  if (in.has_failure()) view.failure = take(*in.mutable_failure(), fields);
  view.pool = fields.text("pool", in.mutable_pool());
  view.worker_pid = in.worker_pid();
  view.lifespan = fields.lifespan("lifespan", in.lifespan_ms());
  view.reason = Fields::prose(in.mutable_reason());
  view.remembered = in.remembered();
  view.timeout = fields.millis("timeout", in.timeout_ms());
  view.run_timeout = fields.millis("run_timeout", in.run_timeout_ms());
  view.at_most_once = in.at_most_once();
  if (in.has_progress()) view.progress = in.progress();
  view.progress_message = Fields::prose(in.mutable_progress_message());
  for (auto& note : *in.mutable_notes()) view.notes.push_back(take(note, fields));
  view.parts = in.parts();
  view.parts_size = in.parts_size();
  view.crashes = in.crashes();
  view.progress_timeout = fields.millis("progress_timeout", in.progress_timeout_ms());
  view.deadline = fields.millis("deadline", in.deadline_ms());
  view.retry_on = fields.retry("retry_on", in.retry_on());
  for (const std::string& id : in.waits_for()) view.waits_for.push_back(fields.id("waits_for", id));
  if (in.has_last_failure()) view.last_failure = take(*in.mutable_last_failure(), fields);
  view.output_size = in.output_size();
  view.parent = fields.optional_id("parent", in.parent());
  view.follows = fields.follows("follows", in.follows());
  view.composite = fields.composite("composite", in.composite());
  view.on_member_failure = fields.member_failure("on_member_failure", in.on_member_failure());
  for (auto& related : *in.mutable_related()) view.related.push_back(take(related, fields));
  return view;
}

}  // namespace promised::wire
