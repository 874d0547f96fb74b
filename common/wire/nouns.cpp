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

void fill(const QuotaUse& use, proto::QuotaUse& out) {
  out.set_name(use.name);
  out.set_most(use.most);
}

QuotaUse take(std::string_view field, proto::QuotaUse& in, Fields& fields) {
  return {fields.text(field, in.mutable_name()), in.most()};
}

void fill(const Backoff& backoff, proto::Backoff& out) {
  out.set_growth(static_cast<std::uint32_t>(backoff.growth));
  out.set_first_ms(count(backoff.first));
  out.set_most_ms(count(backoff.most));
  out.set_jitter(backoff.jitter);
}

Backoff take(const proto::Backoff& in, Fields& fields) {
  Backoff backoff;
  backoff.growth = fields.growth("options.backoff.growth", in.growth());
  backoff.first = fields.millis("options.backoff.first", in.first_ms());
  backoff.most = fields.millis("options.backoff.most", in.most_ms());
  if (backoff.most < backoff.first) {
    fields.refuse("options.backoff.most",
                  "not less than the first, " + std::to_string(backoff.first.count()) + " ms",
                  std::to_string(backoff.most.count()) + " ms");
  }
  backoff.jitter = fields.part("options.backoff.jitter", in.jitter());
  return backoff;
}

/// Of the options: when it may begin, and when it must.
void take_start(const proto::Options& in, Options& options, Fields& fields) {
  const auto moment = fields.moment("options.begin_after", in.begin_after_us());
  const auto delay = fields.millis("options.delay", in.delay_ms());
  if (moment != WallClock() && delay.count() != 0)
    fields.refuse("options.delay", "none beside begin_after", std::to_string(delay.count()) + " ms");
  if (moment != WallClock()) {
    options.begin_after(moment);
  } else {
    options.delay(delay);
  }
  options.begin_by(fields.millis("options.begin_by", in.begin_by_ms()));
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
  for (const QuotaUse& use : options.quotas()) fill(use, *out.add_quotas());
  out.set_unique(options.unique());
  out.set_begin_after_us(us(options.begin_after()));
  out.set_delay_ms(count(options.delay()));
  out.set_begin_by_ms(count(options.begin_by()));
  out.set_retries(options.retries());
  if (options.backoff()) fill(*options.backoff(), *out.mutable_backoff());
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
  for (auto& use : *in.mutable_quotas()) {
    QuotaUse taken = take("options.quotas", use, fields);
    taken.most == 0 ? options.quota(std::move(taken.name)) : options.quota(std::move(taken.name), taken.most);
  }
  options.unique(in.unique());
  take_start(in, options, fields);
  options.retries(fields.retries("options.retries", in.retries()));
  if (in.has_backoff()) options.backoff(take(in.backoff(), fields));
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
  out.set_permanent(failure.permanent);
  if (failure.retry_after) out.set_retry_after_ms(count(*failure.retry_after));
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
  failure.permanent = in.permanent();
  if (in.has_retry_after_ms())
    failure.retry_after = fields.millis("failure.retry_after", in.retry_after_ms());
  return failure;
}

void fill(const Rate& rate, proto::Rate& out) {
  out.set_jobs(rate.jobs);
  out.set_per_ms(count(rate.per));
  out.set_burst(rate.burst);
}

Rate take(const proto::Rate& in, Fields& fields) {
  return {in.jobs(), fields.millis("rate.per", in.per_ms()), in.burst()};
}

void fill(const QueueChange& change, proto::QueueChange& out) {
  if (change.paused) out.set_paused(*change.paused);
  if (change.draining) out.set_draining(*change.draining);
  if (change.weight) out.set_weight(*change.weight);
  if (change.rate) fill(*change.rate, *out.mutable_rate());
  if (change.max_length) out.set_max_length(*change.max_length);
}

QueueChange take(proto::QueueChange& in, Fields& fields) {
  QueueChange change;
  if (in.has_paused()) change.paused = in.paused();
  if (in.has_draining()) change.draining = in.draining();
  if (in.has_weight()) change.weight = in.weight();
  if (in.has_rate()) change.rate = take(in.rate(), fields);
  if (in.has_max_length()) change.max_length = in.max_length();
  return change;
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
  for (const QuotaUse& use : view.quotas) fill(use, *out.add_quotas());
  out.set_begin_after_us(us(view.begin_after));
  out.set_begin_by_ms(count(view.begin_by));
  out.set_retries(view.retries);
  out.set_due_us(us(view.due));
  out.set_unique(view.unique);
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
  for (auto& use : *in.mutable_quotas()) view.quotas.push_back(take("quotas", use, fields));
  view.begin_after = wall(in.begin_after_us());
  view.begin_by = fields.millis("begin_by", in.begin_by_ms());
  view.retries = in.retries();
  view.due = wall(in.due_us());
  view.unique = in.unique();
  view.parent = fields.optional_id("parent", in.parent());
  view.follows = fields.follows("follows", in.follows());
  view.composite = fields.composite("composite", in.composite());
  view.on_member_failure = fields.member_failure("on_member_failure", in.on_member_failure());
  for (auto& related : *in.mutable_related()) view.related.push_back(take(related, fields));
  return view;
}

}  // namespace promised::wire
