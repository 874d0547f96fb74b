// SPDX-License-Identifier: Apache-2.0
#include "worker/symbols/unit.hpp"

#include <limits>

namespace promised::symbols {
namespace {

using namespace dwarf;
using Kind = Value::Kind;

struct Abbreviation {
  std::uint64_t tag;
  bool has_children;
};

Abbreviation begin_abbreviation(Cursor& cursor) {
  const std::uint64_t tag = cursor.uleb();
  return {tag, cursor.get<std::uint8_t>() != 0};
}

struct Specification {
  std::uint64_t attribute;
  std::uint64_t form;
  std::int64_t implicit;
};

/// The next attribute of an abbreviation; form 0 ends it.
Specification next_attribute(Cursor& cursor) {
  const std::uint64_t attribute = cursor.uleb();
  const std::uint64_t form = cursor.uleb();
  return {attribute, form, form == kFormImplicitConst ? cursor.sleb() : 0};
}

Value skip_block(Cursor& cursor, std::uint64_t size) {
  cursor.skip(size);
  return {Kind::other};
}

/// Those whose kind does not matter here, or that say how to read on.
Value read_other(Cursor& cursor, std::uint64_t form, const Encoding& encoding) {
  switch (form) {
    case kFormBlock1:
      return skip_block(cursor, cursor.number(1));
    case kFormBlock2:
      return skip_block(cursor, cursor.number(2));
    case kFormBlock4:
      return skip_block(cursor, cursor.number(4));
    case kFormBlock:
    case kFormExprloc:
      return skip_block(cursor, cursor.uleb());
    case kFormData16:
      return skip_block(cursor, 16);
    case kFormRefSig8:
    case kFormRefSup8:
      return skip_block(cursor, 8);
    case kFormRefSup4:
      return skip_block(cursor, 4);
    case kFormStrpSup:
      return skip_block(cursor, encoding.offset_size);
    case kFormLoclistx:
      static_cast<void>(cursor.uleb());
      return {Kind::other};
    default:
      return skip_block(cursor, std::numeric_limits<std::uint64_t>::max());
  }
}

Value read_text(Cursor& cursor, std::uint64_t form, const Encoding& encoding) {
  const std::uint64_t begin = cursor.at();
  switch (form) {
    case kFormString:
      static_cast<void>(cursor.text());
      return {Kind::text_in_info, begin};
    case kFormStrp:
      return {Kind::text_in_str, cursor.number(encoding.offset_size)};
    case kFormLineStrp:
      return {Kind::text_in_line_str, cursor.number(encoding.offset_size)};
    case kFormStrx:
      return {Kind::text_index, cursor.uleb()};
    case kFormStrx1:
    case kFormStrx2:
    case kFormStrx3:
    case kFormStrx4:
      return {Kind::text_index, cursor.number(static_cast<unsigned>(form - kFormStrx1 + 1))};
    default:
      return read_other(cursor, form, encoding);
  }
}

}  // namespace

Value read_value(Cursor& cursor, std::uint64_t form, std::int64_t implicit, const Encoding& encoding) {
  const auto within_unit = [&](std::uint64_t offset) {
    return Value{Kind::reference, encoding.unit_begin + offset};
  };
  switch (form) {
    case kFormAddr:
      return {Kind::address, cursor.number(encoding.address_size)};
    case kFormAddrx:
      return {Kind::address_index, cursor.uleb()};
    case kFormAddrx1:
    case kFormAddrx2:
    case kFormAddrx3:
    case kFormAddrx4:
      return {Kind::address_index, cursor.number(static_cast<unsigned>(form - kFormAddrx1 + 1))};
    case kFormData1:
    case kFormFlag:
      return {Kind::number, cursor.number(1)};
    case kFormData2:
      return {Kind::number, cursor.number(2)};
    case kFormData4:
      return {Kind::number, cursor.number(4)};
    case kFormData8:
      return {Kind::number, cursor.number(8)};
    case kFormUdata:
      return {Kind::number, cursor.uleb()};
    case kFormSdata:
      return {Kind::number, static_cast<std::uint64_t>(cursor.sleb())};
    case kFormImplicitConst:
      return {Kind::number, static_cast<std::uint64_t>(implicit)};
    case kFormFlagPresent:
      return {Kind::number, 1};
    case kFormRefAddr:
      return {Kind::reference,
              cursor.number(encoding.version == 2 ? encoding.address_size : encoding.offset_size)};
    case kFormRef1:
      return within_unit(cursor.number(1));
    case kFormRef2:
      return within_unit(cursor.number(2));
    case kFormRef4:
      return within_unit(cursor.number(4));
    case kFormRef8:
      return within_unit(cursor.number(8));
    case kFormRefUdata:
      return within_unit(cursor.uleb());
    case kFormSecOffset:
      return {Kind::section_offset, cursor.number(encoding.offset_size)};
    case kFormRnglistx:
      return {Kind::ranges_index, cursor.uleb()};
    default:
      return read_text(cursor, form, encoding);
  }
}

Value* Entry::attribute(std::uint64_t number) {
  switch (number) {
    case kSibling:
      return &sibling;
    case kName:
      return &name;
    case kLinkageName:
    case kMipsLinkageName:
      return &linkage_name;
    case kAbstractOrigin:
    case kSpecification:
      return &origin;
    case kLowPc:
      return &low_pc;
    case kHighPc:
      return &high_pc;
    case kRanges:
      return &ranges;
    case kCallFile:
      return &call_file;
    case kCallLine:
      return &call_line;
    case kStatementList:
      return &statement_list;
    case kStrOffsetsBase:
      return &str_offsets_base;
    case kAddrBase:
      return &addr_base;
    case kRnglistsBase:
      return &rnglists_base;
    default:
      return nullptr;
  }
}

std::uint64_t Unit::next(const Sections& sections, std::uint64_t begin) {
  Cursor cursor(sections.info, begin);
  const std::uint64_t length = cursor.unit_length().bytes;
  cursor.skip(length);
  return cursor.ok() ? cursor.at() : 0;
}

std::optional<Unit> Unit::at(const Sections& sections, std::uint64_t begin) {
  Cursor cursor(sections.info, begin);
  const Cursor::Length length = cursor.unit_length();
  std::optional<Unit> unit(std::in_place, sections);
  unit->end_ = cursor.at() + length.bytes;
  Encoding& encoding = unit->encoding_;
  encoding.unit_begin = begin;
  encoding.offset_size = length.offset_size;
  encoding.version = cursor.get<std::uint16_t>();
  if (encoding.version < 2 || encoding.version > 5) return std::nullopt;
  if (encoding.version >= 5) {
    const auto type = cursor.get<std::uint8_t>();
    encoding.address_size = cursor.get<std::uint8_t>();
    unit->abbreviations_end_ = cursor.number(length.offset_size);
    if (type == kTypeUnit || type == kSplitTypeUnit) return std::nullopt;
    if (type == kSkeletonUnit || type == kSplitUnit) cursor.skip(8);
  } else {
    unit->abbreviations_end_ = cursor.number(length.offset_size);
    encoding.address_size = cursor.get<std::uint8_t>();
  }
  unit->first_entry_ = cursor.at();
  Cursor entries = unit->cursor_at(cursor.at());
  unit->root_ = unit->read(entries);
  if (!cursor.ok() || !entries.ok()) return std::nullopt;
  return unit;
}

Cursor Unit::cursor_at(std::uint64_t offset) const {
  return Cursor(sections_->info.substr(0, static_cast<std::size_t>(end_)), offset);
}

std::optional<std::uint64_t> Unit::abbreviation(std::uint64_t code) {
  Cursor cursor(sections_->abbrev, abbreviations_end_);
  while (code > abbreviation_count_) {
    // Others than those that count up are not written by any compiler.
    if (abbreviation_count_ == kMostAbbreviations || cursor.uleb() != abbreviation_count_ + 1)
      return std::nullopt;
    abbreviations_[abbreviation_count_++] = static_cast<std::uint32_t>(cursor.at());
    static_cast<void>(begin_abbreviation(cursor));
    for (Specification it = next_attribute(cursor); it.form != 0;) it = next_attribute(cursor);
    abbreviations_end_ = cursor.at();
    if (!cursor.ok()) return std::nullopt;
  }
  return abbreviations_[code - 1];
}

Entry Unit::read(Cursor& cursor) {
  Entry entry;
  const std::uint64_t code = cursor.uleb();
  if (code == 0) return entry;
  const auto described = abbreviation(code);
  if (!described) {
    cursor.skip(std::numeric_limits<std::uint64_t>::max());
    return entry;
  }
  Cursor description(sections_->abbrev, *described);
  const Abbreviation abbreviation = begin_abbreviation(description);
  entry.tag = abbreviation.tag;
  entry.has_children = abbreviation.has_children;
  for (Specification it = next_attribute(description); it.form != 0; it = next_attribute(description)) {
    if (it.form == kFormIndirect) it.form = cursor.uleb();
    const Value value = read_value(cursor, it.form, it.implicit, encoding_);
    if (Value* const wanted = entry.attribute(it.attribute)) *wanted = value;
  }
  return entry;
}

std::string_view Unit::text(const Value& value) const {
  switch (value.kind) {
    case Kind::text_in_info:
      return text_at(sections_->info, value.number);
    case Kind::text_in_str:
      return text_at(sections_->str, value.number);
    case Kind::text_in_line_str:
      return text_at(sections_->line_str, value.number);
    case Kind::text_index: {
      Cursor offsets(sections_->str_offsets, root_.str_offsets_base.number);
      offsets.skip(value.number * encoding_.offset_size);
      const std::uint64_t offset = offsets.number(encoding_.offset_size);
      return offsets.ok() ? text_at(sections_->str, offset) : std::string_view();
    }
    default:
      return {};
  }
}

std::uint64_t Unit::indexed_address(std::uint64_t index) const {
  Cursor addresses(sections_->addr, root_.addr_base.number);
  addresses.skip(index * encoding_.address_size);
  return addresses.number(encoding_.address_size);
}

std::uint64_t Unit::address(const Value& value) const {
  return value.kind == Kind::address_index ? indexed_address(value.number) : value.number;
}

bool Unit::covers(const Entry& entry, std::uint64_t wanted) const {
  if (entry.ranges.there()) {
    if (encoding_.version < 5) return listed_before_version_5(entry.ranges.number, wanted);
    if (entry.ranges.kind != Kind::ranges_index) return listed(entry.ranges.number, wanted);
    Cursor offsets(sections_->rnglists, root_.rnglists_base.number);
    offsets.skip(entry.ranges.number * encoding_.offset_size);
    const std::uint64_t offset = offsets.number(encoding_.offset_size);
    return offsets.ok() && listed(root_.rnglists_base.number + offset, wanted);
  }
  if (!entry.low_pc.there() || !entry.high_pc.there()) return false;
  const std::uint64_t low = address(entry.low_pc);
  const bool is_size = entry.high_pc.kind == Kind::number;
  const std::uint64_t size = is_size ? entry.high_pc.number : address(entry.high_pc) - low;
  // 0 is where the linker puts what it has left out.
  return low != 0 && wanted - low < size;
}

bool Unit::listed(std::uint64_t offset, std::uint64_t wanted) const {
  std::uint64_t base = address(root_.low_pc);
  Cursor cursor(sections_->rnglists, offset);
  const auto plain = [&] { return cursor.number(encoding_.address_size); };
  const auto indexed = [&] { return indexed_address(cursor.uleb()); };
  while (!cursor.at_end()) {
    std::uint64_t begin = 0, size = 0;
    switch (cursor.get<std::uint8_t>()) {
      case kBaseAddressx:
        base = indexed();
        continue;
      case kBaseAddress:
        base = plain();
        continue;
      case kStartxEndx:
        begin = indexed();
        size = indexed() - begin;
        break;
      case kStartxLength:
        begin = indexed();
        size = cursor.uleb();
        break;
      case kOffsetPair: {
        const std::uint64_t from = cursor.uleb();
        begin = base + from;
        size = cursor.uleb() - from;
        break;
      }
      case kStartEnd:
        begin = plain();
        size = plain() - begin;
        break;
      case kStartLength:
        begin = plain();
        size = cursor.uleb();
        break;
      default:
        return false;  // the end, or what nobody knows how to read on from
    }
    if (cursor.ok() && begin != 0 && wanted - begin < size) return true;
  }
  return false;
}

bool Unit::listed_before_version_5(std::uint64_t offset, std::uint64_t wanted) const {
  const std::uint64_t largest = encoding_.address_size == 8 ? ~std::uint64_t{0} : 0xffffffffU;
  std::uint64_t base = address(root_.low_pc);
  Cursor cursor(sections_->ranges, offset);
  while (!cursor.at_end()) {
    const std::uint64_t begin = cursor.number(encoding_.address_size);
    const std::uint64_t end = cursor.number(encoding_.address_size);
    if (begin == 0 && end == 0) return false;
    if (begin == largest) {
      base = end;
    } else if (cursor.ok() && base + begin != 0 && wanted - (base + begin) < end - begin) {
      return true;
    }
  }
  return false;
}

}  // namespace promised::symbols
