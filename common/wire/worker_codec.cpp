// SPDX-License-Identifier: Apache-2.0
#include "common/wire/worker_codec.hpp"

#include <proto/worker.pb.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>
#include <variant>

#include "common/wire/bytes.hpp"
#include "common/wire/nouns.hpp"
#include "common/wire/utf8.hpp"

namespace promised::wire {
namespace {

constexpr std::size_t kMaxProgressMessage = std::size_t{4} << 10;

struct Head {
  std::uint32_t message;
  std::uint32_t payload;
};

std::uint32_t little_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t n = 0;
  for (std::size_t i = 4; i-- > 0;) n = n << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  return n;
}

void write_little_endian(std::uint32_t n, char* out) {
  for (int i = 0; i < 4; ++i) out[i] = static_cast<char>(n >> (8 * i));
}

Head head_of(std::string_view bytes) {
  return {little_endian(bytes, 0), little_endian(bytes, 4)};
}

// ---- daemon to worker
// -----------------------------------------------------------------------------------------

void fill(const message::WorkerWelcome& in, proto::ToWorker& out) {
  auto& welcome = *out.mutable_welcome();
  welcome.set_protocol(in.protocol);
  welcome.set_pool(in.pool);
  welcome.set_max_result(in.max_result);
  welcome.set_max_parts(in.max_parts);
  welcome.set_max_notes(in.max_notes);
  welcome.set_isolation(static_cast<std::uint32_t>(in.isolation));
  welcome.set_cpu_time(in.cpu_time);
}

void fill(const message::Run& in, proto::ToWorker& out) {
  auto& run = *out.mutable_run();
  run.set_sequence(in.sequence);
  if (!in.id.empty()) run.set_id(in.id.bytes().data(), JobId::kSize);
  run.set_function(in.function);
  run.set_attempt(in.attempt);
}

void fill(const message::Stop&, proto::ToWorker& out) {
  out.mutable_stop();
}

void fill(const message::Notes& in, proto::ToWorker& out) {
  auto& notes = *out.mutable_notes();
  notes.set_sequence(in.sequence);
  notes.set_version(in.version);
  notes.set_written(in.written);
  for (const NoteView& note : in.notes) wire::fill(note, *notes.add_notes());
}

void fill(const message::Resume& in, proto::ToWorker& out) {
  auto& resume = *out.mutable_resume();
  resume.set_sequence(in.sequence);
  resume.set_code(in.code);
  resume.set_message(in.message);
}

Result<message::ToWorker> take_resume(proto::ToWorker::Resume& in) {
  Fields fields("resume");
  message::Resume out{in.sequence(), fields.text("code", in.mutable_code()),
                      Fields::prose(in.mutable_message())};
  if (!fields.ok()) return fields.problem();
  return message::ToWorker(std::move(out));
}

Result<message::ToWorker> take_notes(proto::ToWorker::Notes& in) {
  Fields fields("notes");
  message::Notes out{in.sequence(), in.version(), in.written(), {}};
  for (auto& note : *in.mutable_notes()) out.notes.push_back(take(note, fields));
  if (!fields.ok()) return fields.problem();
  return message::ToWorker(std::move(out));
}

Result<message::ToWorker> take(proto::ToWorker& in) {
  switch (in.body_case()) {
    case proto::ToWorker::kWelcome: {
      Fields fields("welcome");
      auto& welcome = *in.mutable_welcome();
      message::WorkerWelcome out{welcome.protocol(),   fields.text("pool", welcome.mutable_pool()),
                                 welcome.max_result(), welcome.max_parts(),
                                 welcome.max_notes(),  fields.isolation("isolation", welcome.isolation()),
                                 welcome.cpu_time()};
      if (!fields.ok()) return fields.problem();
      return message::ToWorker(std::move(out));
    }
    case proto::ToWorker::kRun: {
      Fields fields("run");
      const auto& run = in.run();
      const message::Run out{run.sequence(), fields.id("id", run.id()), run.function(), run.attempt()};
      if (!fields.ok()) return fields.problem();
      return message::ToWorker(out);
    }
    case proto::ToWorker::kStop:
      return message::ToWorker(message::Stop{});
    case proto::ToWorker::kNotes:
      return take_notes(*in.mutable_notes());
    case proto::ToWorker::kResume:
      return take_resume(*in.mutable_resume());
    case proto::ToWorker::BODY_NOT_SET:
      break;
  }
  return Problem::of("garbage", "the message from the daemon is of no kind that this version knows");
}

// ---- worker to daemon
// -----------------------------------------------------------------------------------------

void fill(const message::Ready& in, proto::FromWorker& out) {
  auto& ready = *out.mutable_ready();
  ready.set_protocol(in.protocol);
  for (const FunctionView& function : in.functions) {
    auto& f = *ready.add_functions();
    f.set_name(function.name);
    f.set_signature(function.signature);
  }
}

void fill(const message::AttemptEnded& in, proto::FromWorker& out) {
  auto& ended = *out.mutable_ended();
  ended.set_sequence(in.sequence);
  ended.set_ran_ns(static_cast<std::uint64_t>(in.ran.count()));
  if (!is_default(in.failure)) wire::fill(in.failure, *ended.mutable_failure());
  if (!in.becomes.empty()) ended.set_becomes(in.becomes.bytes().data(), JobId::kSize);
}

void fill(const message::Progress& in, proto::FromWorker& out) {
  auto& progress = *out.mutable_progress();
  progress.set_sequence(in.sequence);
  progress.set_percent(in.percent);
  const std::string_view text = cut_utf8(in.message, kMaxProgressMessage);
  progress.set_message(text.data(), text.size());
}

void fill(const message::Part& in, proto::FromWorker& out) {
  out.mutable_part()->set_sequence(in.sequence);
}

void fill(const message::WriteNote& in, proto::FromWorker& out) {
  auto& write = *out.mutable_write_note();
  write.set_sequence(in.sequence);
  write.set_write(in.write);
  write.set_key(in.note.key);
  write.set_value(in.note.encoded);
}

void fill(const message::ReadNotes& in, proto::FromWorker& out) {
  auto& read = *out.mutable_read_notes();
  read.set_sequence(in.sequence);
  read.set_version(in.version);
}

void fill(const message::Waits& in, proto::FromWorker& out) {
  auto& waits = *out.mutable_waits();
  waits.set_sequence(in.sequence);
  for (const JobId& id : in.ids) waits.add_ids(id.bytes().data(), JobId::kSize);
}

void fill(const message::Leaves& in, proto::FromWorker& out) {
  const std::string_view text = cut_utf8(in.why, kMaxFailureMessage);
  out.mutable_leaves()->set_why(text.data(), text.size());
}

Result<message::FromWorker> take_waits(const proto::FromWorker::Waits& in) {
  Fields fields("waits");
  message::Waits out{in.sequence(), {}};
  if (static_cast<std::size_t>(in.ids_size()) > message::kMostWaitedFor) {
    fields.refuse("ids", "at most " + std::to_string(message::kMostWaitedFor) + " ids",
                  std::to_string(in.ids_size()));
    return fields.problem();
  }
  out.ids.reserve(static_cast<std::size_t>(in.ids_size()));
  for (const std::string& id : in.ids()) out.ids.push_back(fields.id("ids", id));
  if (!fields.ok()) return fields.problem();
  return message::FromWorker(std::move(out));
}

Result<message::FromWorker> take_write(proto::FromWorker::WriteNote& in) {
  Fields fields("write_note");
  message::WriteNote out{
      in.sequence(), in.write(), {fields.text("key", in.mutable_key()), std::move(*in.mutable_value())}};
  if (!fields.ok()) return fields.problem();
  return message::FromWorker(std::move(out));
}

Result<message::FromWorker> take_ready(proto::FromWorker::Ready& in) {
  Fields fields("ready");
  message::Ready out{in.protocol(), {}};
  out.functions.reserve(static_cast<std::size_t>(in.functions_size()));
  for (auto& function : *in.mutable_functions()) {
    std::string name = fields.text("functions.name", function.mutable_name());
    out.functions.push_back({std::move(name), Fields::prose(function.mutable_signature())});
  }
  if (!fields.ok()) return fields.problem();
  return message::FromWorker(std::move(out));
}

Result<message::FromWorker> take_ended(proto::FromWorker::Ended& in) {
  Fields fields("ended");
  message::AttemptEnded out;
  out.sequence = in.sequence();
  out.ran = fields.nanos("ran", in.ran_ns());
  if (in.has_failure()) out.failure = take(*in.mutable_failure(), fields);
  out.becomes = fields.optional_id("becomes", in.becomes());
  if (!fields.ok()) return fields.problem();
  return message::FromWorker(std::move(out));
}

Result<message::FromWorker> take(proto::FromWorker& in) {
  switch (in.body_case()) {
    case proto::FromWorker::kReady:
      return take_ready(*in.mutable_ready());
    case proto::FromWorker::kEnded:
      return take_ended(*in.mutable_ended());
    case proto::FromWorker::kProgress: {
      auto& progress = *in.mutable_progress();
      return message::FromWorker(message::Progress{progress.sequence(), progress.percent(),
                                                   Fields::prose(progress.mutable_message())});
    }
    case proto::FromWorker::kPart:
      return message::FromWorker(message::Part{in.part().sequence()});
    case proto::FromWorker::kWriteNote:
      return take_write(*in.mutable_write_note());
    case proto::FromWorker::kReadNotes:
      return message::FromWorker(message::ReadNotes{in.read_notes().sequence(), in.read_notes().version()});
    case proto::FromWorker::kWaits:
      return take_waits(in.waits());
    case proto::FromWorker::kLeaves:
      return message::FromWorker(message::Leaves{Fields::prose(in.mutable_leaves()->mutable_why())});
    case proto::FromWorker::BODY_NOT_SET:
      break;
  }
  return Problem::of("garbage", "the message from the worker is of no kind that this version knows");
}

// ---- frames
// ---------------------------------------------------------------------------------------------------

template <class Encoded, class Message>
void encode_as(const Message& message, std::size_t payload_size, std::string& out) {
  thread_local Encoded encoded;
  encoded.Clear();
  std::visit([&](const auto& body) { fill(body, encoded); }, message);
  const std::size_t size = encoded.ByteSizeLong();
  if (size > kMaxFrameMessage || payload_size > std::numeric_limits<std::uint32_t>::max()) {
    throw std::length_error("a frame takes a message of at most " + std::to_string(kMaxFrameMessage) +
                            " bytes and a payload below 4 GiB, found " + std::to_string(size) + " and " +
                            std::to_string(payload_size));
  }
  const std::size_t before = out.size();
  out.resize(before + kFrameHead + size);
  char* head = out.data() + before;
  write_little_endian(static_cast<std::uint32_t>(size), head);
  write_little_endian(static_cast<std::uint32_t>(payload_size), head + 4);
  encoded.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(head + kFrameHead));
}

template <class Encoded, class Message>
Result<std::optional<Frame<Message>>> decode_as(std::string_view bytes, std::size_t max_payload) {
  if (bytes.size() < kFrameHead) return std::optional<Frame<Message>>();
  const Head head = head_of(bytes);
  if (head.message > kMaxFrameMessage) {
    return Problem::of("garbage", "expected a frame whose message has at most " +
                                      std::to_string(kMaxFrameMessage) + " bytes, found one of " +
                                      std::to_string(head.message));
  }
  if (head.payload > max_payload) {
    return Problem::of("too_large", "expected a payload of at most " + std::to_string(max_payload) +
                                        " bytes, found one of " + std::to_string(head.payload));
  }
  const std::size_t size = kFrameHead + head.message + head.payload;
  if (bytes.size() < size) return std::optional<Frame<Message>>();
  thread_local Encoded encoded;
  if (!parse(bytes.substr(kFrameHead, head.message), encoded)) {
    return Problem::of("garbage", "expected the message of a frame, found " + std::to_string(head.message) +
                                      " bytes that are none");
  }
  PROMISED_ASSIGN(Message message, take(encoded));
  return std::optional<Frame<Message>>(
      Frame<Message>{std::move(message), bytes.substr(kFrameHead + head.message, head.payload), size});
}

}  // namespace

void encode_frame(const message::ToWorker& message, std::size_t payload_size, std::string& out) {
  encode_as<proto::ToWorker>(message, payload_size, out);
}

void encode_frame(const message::FromWorker& message, std::size_t payload_size, std::string& out) {
  encode_as<proto::FromWorker>(message, payload_size, out);
}

Result<std::optional<Frame<message::ToWorker>>> decode_to_worker(std::string_view bytes,
                                                                 std::size_t max_payload) {
  return decode_as<proto::ToWorker, message::ToWorker>(bytes, max_payload);
}

Result<std::optional<Frame<message::FromWorker>>> decode_from_worker(std::string_view bytes,
                                                                     std::size_t max_payload) {
  return decode_as<proto::FromWorker, message::FromWorker>(bytes, max_payload);
}

std::size_t frame_size(std::string_view bytes) {
  if (bytes.size() < kFrameHead) return 0;
  const Head head = head_of(bytes);
  return kFrameHead + head.message + head.payload;
}

}  // namespace promised::wire
