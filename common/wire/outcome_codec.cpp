// SPDX-License-Identifier: Apache-2.0
#include "common/wire/outcome_codec.hpp"

#include <proto/job.pb.h>
#include <promised/value.hpp>

#include <cstdint>

#include <utility>

#include "common/wire/value_codec.hpp"

namespace promised::wire {
namespace {

// In a message encoded by hand each field of bytes is its key, its length and its bytes; two encodings of a
// message, one behind the other, are one of all their fields.
void append_number(std::uint64_t number, std::string& out) {
  for (; number >= 0x80; number >>= 7) out.push_back(static_cast<char>(number | 0x80));
  out.push_back(static_cast<char>(number));
}

void append_field(int field, std::string_view bytes, std::string& out) {
  constexpr std::uint64_t kLengthDelimited = 2;
  append_number(static_cast<std::uint64_t>(field) << 3 | kLengthDelimited, out);
  append_number(bytes.size(), out);
  out.append(bytes);
}

std::string encoded(const Value& value) {
  return encode(value).value();  // flat: it cannot be too deep
}

}  // namespace

std::string encode_outcome(const Outcome& outcome, std::string_view result) {
  Value value = to_value(outcome);
  if (!outcome.succeeded()) return encoded(value);
  value.get_if<Value::Map>()->pop_back();  // its value: that of `result` comes in its place
  std::string out = encoded(value);
  std::string entry, entries;
  append_field(proto::Value::Entry::kKeyFieldNumber, encoded(Value("value")), entry);
  append_field(proto::Value::Entry::kItemFieldNumber, result, entry);
  append_field(proto::Value::Map::kEntriesFieldNumber, entry, entries);
  append_field(proto::Value::kMapFieldNumber, entries, out);
  return out;
}

std::string encode_list(std::span<const std::string> values) {
  std::string items, out;
  for (const std::string& value : values) append_field(proto::Value::List::kItemsFieldNumber, value, items);
  append_field(proto::Value::kListFieldNumber, items, out);
  return out;
}

Payload with_first(std::string_view value, std::string_view arguments) {
  std::string out;
  out.reserve(value.size() + arguments.size() + 16);
  append_field(proto::Arguments::kPositionalFieldNumber, value, out);
  out.append(arguments);
  return Payload(out);
}

}  // namespace promised::wire
