// SPDX-License-Identifier: Apache-2.0
#include "worker/symbols/line_table.hpp"

#include <array>

namespace promised::symbols {
namespace {

using namespace dwarf;

std::string_view without_folder(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

/// How the entries of a list of folders or files are written, since version 5.
class EntryFormat {
 public:
  explicit EntryFormat(Cursor& cursor) : count_(cursor.get<std::uint8_t>()) {
    for (std::size_t i = 0; i < count_; ++i) {
      const Field field{cursor.uleb(), cursor.uleb()};
      if (i < fields_.size()) fields_[i] = field;
    }
  }
  /// More fields than any version of the standard has.
  [[nodiscard]] bool readable() const { return count_ <= fields_.size(); }
  /// The path of the entry at the cursor, which is then behind it.
  [[nodiscard]] Value read_path(Cursor& cursor, const Encoding& encoding) const {
    Value path;
    for (std::size_t i = 0; i < count_; ++i) {
      const Value value = read_value(cursor, fields_[i].form, 0, encoding);
      if (fields_[i].content == kPath) path = value;
    }
    return path;
  }

 private:
  struct Field {
    std::uint64_t content;
    std::uint64_t form;
  };
  std::size_t count_;
  std::array<Field, 8> fields_{};
};

}  // namespace

LineTable::LineTable(const Unit& unit) : unit_(unit) {
  if (!unit.root().statement_list.there()) return;
  const std::string_view section = unit.sections().line;
  Cursor cursor(section, unit.root().statement_list.number);
  const Cursor::Length length = cursor.unit_length();
  if (!cursor.ok() || length.bytes > section.size() - cursor.at()) return;
  bytes_ = section.substr(0, static_cast<std::size_t>(cursor.at() + length.bytes));
  encoding_.offset_size = length.offset_size;
  encoding_.version = cursor.get<std::uint16_t>();
  if (encoding_.version < 2 || encoding_.version > 5) return;
  if (encoding_.version >= 5) {
    encoding_.address_size = cursor.get<std::uint8_t>();
    cursor.skip(1);  // the size of a segment's number
  }
  const std::uint64_t header_length = cursor.number(length.offset_size);
  program_ = cursor.at() + header_length;
  instruction_size_ = cursor.get<std::uint8_t>();
  if (encoding_.version >= 4) cursor.skip(1);  // operations of an instruction: 1 on the machines known here
  cursor.skip(1);                              // whether rows begin as statements
  line_base_ = cursor.get<std::int8_t>();
  const auto line_range = cursor.get<std::uint8_t>();
  opcode_base_ = cursor.get<std::uint8_t>();
  operand_counts_ = cursor.at();
  cursor.skip(opcode_base_ == 0 ? 0 : opcode_base_ - 1U);
  names_ = cursor.at();
  if (cursor.ok()) line_range_ = line_range;
}

std::uint64_t LineTable::advance(std::uint64_t operations) const {
  return operations * instruction_size_;
}

LineTable::Step LineTable::extended_step(Cursor& program, Row& row) const {
  const std::uint64_t size = program.uleb();
  const std::uint64_t begin = program.at();
  if (size == 0) return Step::none;
  const auto opcode = program.get<std::uint8_t>();
  if (opcode == kSetAddress) row.address = program.number(static_cast<unsigned>(size - 1));
  program.seek(begin + size);
  return opcode == kEndSequence ? Step::end_of_sequence : Step::none;
}

LineTable::Step LineTable::step(Cursor& program, Row& row) const {
  const auto opcode = program.get<std::uint8_t>();
  if (opcode >= opcode_base_) {
    const unsigned special = opcode - unsigned{opcode_base_};
    row.address += advance(special / line_range_);
    row.line += line_base_ + static_cast<int>(special % line_range_);
    return Step::row;
  }
  switch (opcode) {
    case kExtended:
      return extended_step(program, row);
    case kCopy:
      return Step::row;
    case kAdvancePc:
      row.address += advance(program.uleb());
      return Step::none;
    case kAdvanceLine:
      // Whatever a spoilt table says, this does not overflow.
      row.line = static_cast<std::int64_t>(static_cast<std::uint64_t>(row.line) +
                                           static_cast<std::uint64_t>(program.sleb()));
      return Step::none;
    case kSetFile:
      row.file = program.uleb();
      return Step::none;
    case kConstAddPc:
      row.address += advance((255U - opcode_base_) / line_range_);
      return Step::none;
    case kFixedAdvancePc:
      row.address += program.number(2);
      return Step::none;
    default:
      break;
  }
  auto operands = Cursor(bytes_, operand_counts_ + opcode - 1U).get<std::uint8_t>();
  for (; operands > 0; --operands) static_cast<void>(program.uleb());
  return Step::none;
}

std::optional<LineTable::Line> LineTable::find(std::uint64_t address, Budget& budget) const {
  if (line_range_ == 0) return std::nullopt;
  Row row;
  std::optional<Row> before;  // the last one of this sequence
  for (Cursor program(bytes_, program_); !program.at_end() && !budget.spent();) {
    const Step step = this->step(program, row);
    if (step == Step::none) continue;
    // 0 is where the linker puts what it has left out.
    if (before && before->address != 0 && address >= before->address && address < row.address)
      return Line{before->file, static_cast<std::uint64_t>(before->line)};
    before = row;
    if (step != Step::end_of_sequence) continue;
    row = Row();
    before.reset();
  }
  return std::nullopt;
}

std::string_view LineTable::file(std::uint64_t number) const {
  if (line_range_ == 0) return {};
  return without_folder(encoding_.version < 5 ? file_before_version_5(number) : file_of_version_5(number));
}

std::string_view LineTable::file_before_version_5(std::uint64_t number) const {
  Cursor cursor(bytes_, names_);
  while (!cursor.text().empty()) {
  }
  for (std::uint64_t i = 1;; ++i) {
    const std::string_view name = cursor.text();
    if (name.empty() || i == number) return name;
    for (int field = 0; field < 3; ++field) static_cast<void>(cursor.uleb());  // folder, time, size
  }
}

std::string_view LineTable::file_of_version_5(std::uint64_t number) const {
  Cursor cursor(bytes_, names_);
  const EntryFormat folders(cursor);
  if (!folders.readable()) return {};
  for (std::uint64_t left = cursor.uleb(); left > 0 && cursor.ok(); --left)
    static_cast<void>(folders.read_path(cursor, encoding_));
  const EntryFormat files(cursor);
  if (!files.readable() || number >= cursor.uleb()) return {};
  for (std::uint64_t i = 0; i < number && cursor.ok(); ++i)
    static_cast<void>(files.read_path(cursor, encoding_));
  const Value path = files.read_path(cursor, encoding_);
  if (!cursor.ok()) return {};
  // A text within the table: read_value() counts from the beginning of what the cursor reads.
  return path.kind == Value::Kind::text_in_info ? text_at(bytes_, path.number) : unit_.text(path);
}

}  // namespace promised::symbols
