// SPDX-License-Identifier: Apache-2.0
#include "common/wire/value_codec.hpp"

#include <google/protobuf/arena.h>
#include <google/protobuf/io/coded_stream.h>
#include <proto/job.pb.h>

#include <array>
#include <cstring>
#include <limits>
#include <utility>

#include "common/wire/bytes.hpp"
#include "common/wire/fields.hpp"

namespace promised::wire {
namespace {

// The messages of a value live in one arena, whose first block is on the stack: small values allocate nothing
// for them, and a large one leaves nothing behind in the thread.
class Scratch {
 public:
  template <class Message>
  Message& make() {
    return *google::protobuf::Arena::CreateMessage<Message>(&arena_);
  }

 private:
  alignas(std::max_align_t) std::array<char, 2048> first_;
  google::protobuf::Arena arena_{first_.data(), first_.size()};
};

Problem too_deep() {
  return Problem::of("too_deep",
                     "the value is nested deeper than " + std::to_string(kMaxValueDepth) + " lists and maps");
}

bool fill(const Value& value, proto::Value& out, int depth);

bool fill_list(const Value::List& list, proto::Value::List& out, int depth) {
  out.mutable_items()->Reserve(static_cast<int>(list.size()));
  for (const Value& item : list) {
    if (!fill(item, *out.add_items(), depth)) return false;
  }
  return true;
}

bool fill_map(const Value::Map& map, proto::Value::Map& out, int depth) {
  out.mutable_entries()->Reserve(static_cast<int>(map.size()));
  for (const auto& [key, item] : map) {
    proto::Value::Entry& entry = *out.add_entries();
    if (!fill(key, *entry.mutable_key(), depth) || !fill(item, *entry.mutable_item(), depth)) return false;
  }
  return true;
}

// False when `value`, which stands within `depth` lists and maps, goes too deep.
bool fill(const Value& value, proto::Value& out, int depth) {
  switch (value.kind()) {
    case Value::Kind::null:
      return true;
    case Value::Kind::boolean:
      out.set_boolean(*value.get_if<bool>());
      return true;
    case Value::Kind::integer:
      out.set_integer(*value.get_if<std::int64_t>());
      return true;
    case Value::Kind::natural:
      out.set_natural(*value.get_if<std::uint64_t>());
      return true;
    case Value::Kind::real:
      out.set_real(*value.get_if<double>());
      return true;
    case Value::Kind::text:
      out.set_text(*value.get_if<std::string>());
      return true;
    case Value::Kind::bytes: {
      const Bytes& bytes = *value.get_if<Bytes>();
      out.set_bytes(bytes.data(), bytes.size());
      return true;
    }
    case Value::Kind::list:
      return depth < kMaxValueDepth &&
             fill_list(*value.get_if<Value::List>(), *out.mutable_list(), depth + 1);
    case Value::Kind::map:
      return depth < kMaxValueDepth && fill_map(*value.get_if<Value::Map>(), *out.mutable_map(), depth + 1);
  }
  return true;
}

// Reads values out of a message, moving text out of it. Keeps the first problem.
class Reader {
 public:
  Value value(proto::Value& in, int depth) {
    switch (in.kind_case()) {
      case proto::Value::kBoolean:
        return Value(in.boolean());
      case proto::Value::kInteger:
        return Value(static_cast<std::int64_t>(in.integer()));
      case proto::Value::kNatural:
        return Value(static_cast<std::uint64_t>(in.natural()));
      case proto::Value::kReal:
        return Value(in.real());
      case proto::Value::kText:
        return Value(std::move(*in.mutable_text()));
      case proto::Value::kBytes: {
        Bytes bytes(in.bytes().size());
        if (!bytes.empty()) std::memcpy(bytes.data(), in.bytes().data(), bytes.size());
        return Value(std::move(bytes));
      }
      case proto::Value::kList:
        return deeper(depth) ? list(*in.mutable_list(), depth + 1) : Value();
      case proto::Value::kMap:
        return deeper(depth) ? map(*in.mutable_map(), depth + 1) : Value();
      case proto::Value::KIND_NOT_SET:
        break;
    }
    if (in.ByteSizeLong() > 0) {  // of fields that proto/job.proto does not have
      fail(Problem::of("garbage", "a value is of a kind that this version does not know"));
    }
    return {};
  }

  [[nodiscard]] std::optional<Problem>& problem() { return problem_; }

 private:
  bool deeper(int depth) {
    if (depth < kMaxValueDepth) return true;
    fail(too_deep());
    return false;
  }
  Value list(proto::Value::List& in, int depth) {
    Value::List out;
    out.reserve(static_cast<std::size_t>(in.items_size()));
    for (proto::Value& item : *in.mutable_items()) out.push_back(value(item, depth));
    return Value(std::move(out));
  }
  Value map(proto::Value::Map& in, int depth) {
    Value::Map out;
    out.reserve(static_cast<std::size_t>(in.entries_size()));
    for (proto::Value::Entry& entry : *in.mutable_entries()) {
      Value key = value(*entry.mutable_key(), depth);
      out.emplace_back(std::move(key), value(*entry.mutable_item(), depth));
    }
    return Value(std::move(out));
  }
  void fail(Problem problem) {
    if (!problem_) problem_ = std::move(problem);
  }

  std::optional<Problem> problem_;
};

// Like parse(), for messages that hold values: those nest deeper than protobuf goes by default. One level of
// ours is up to three of its own (Map, Entry, Value); one level more than allowed still parses, so that it
// can be named.
template <class Message>
bool parse_deep(std::string_view bytes, Message& message) {
  constexpr int kOutermost = 2;  // Arguments.Named.value
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return false;
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                                static_cast<int>(bytes.size()));
  stream.SetRecursionLimit(kOutermost + 3 * (kMaxValueDepth + 1));
  return message.ParseFromCodedStream(&stream) && stream.ConsumedEntireMessage();
}

Problem garbage(std::string_view what, std::size_t size) {
  return Problem::of("garbage", "expected " + std::string(what) + " nested at most " +
                                    std::to_string(kMaxValueDepth) + " deep, found " + std::to_string(size) +
                                    " bytes that are none");
}

}  // namespace

Result<std::string> encode(const Value& value) {
  Scratch scratch;
  auto& message = scratch.make<proto::Value>();
  if (!fill(value, message, 0)) return too_deep();
  std::string out;
  append(message, out);
  return out;
}

Result<std::string> encode(const Arguments& arguments) {
  Scratch scratch;
  auto& message = scratch.make<proto::Arguments>();
  message.mutable_positional()->Reserve(static_cast<int>(arguments.positional.size()));
  for (const Value& value : arguments.positional) {
    if (!fill(value, *message.add_positional(), 0)) return too_deep();
  }
  for (const auto& [name, value] : arguments.named) {
    auto& named = *message.add_named();
    named.set_name(name);
    if (!fill(value, *named.mutable_value(), 0)) return too_deep();
  }
  std::string out;
  append(message, out);
  return out;
}

Result<Value> decode_value(std::string_view bytes) {
  Scratch scratch;
  auto& message = scratch.make<proto::Value>();
  if (!parse_deep(bytes, message)) return garbage("a value", bytes.size());
  Reader reader;
  Value value = reader.value(message, 0);
  if (reader.problem()) return std::move(*reader.problem());
  return value;
}

Result<Arguments> decode_arguments(std::string_view bytes) {
  Scratch scratch;
  auto& message = scratch.make<proto::Arguments>();
  if (!parse_deep(bytes, message)) return garbage("arguments", bytes.size());
  Reader reader;
  Fields fields("arguments");
  Arguments arguments;
  arguments.positional.reserve(static_cast<std::size_t>(message.positional_size()));
  for (proto::Value& value : *message.mutable_positional()) {
    arguments.positional.push_back(reader.value(value, 0));
  }
  for (auto& named : *message.mutable_named()) {
    std::string name = fields.text("name", named.mutable_name());
    arguments.named.emplace_back(std::move(name), reader.value(*named.mutable_value(), 0));
  }
  if (reader.problem()) return std::move(*reader.problem());
  if (!fields.ok()) return fields.problem();
  return arguments;
}

}  // namespace promised::wire
