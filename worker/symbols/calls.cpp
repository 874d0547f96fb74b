// SPDX-License-Identifier: Apache-2.0
#include "worker/symbols/calls.hpp"

#include "worker/symbols/line_table.hpp"
#include "worker/symbols/unit_search.hpp"

namespace promised::symbols {
namespace {

using namespace dwarf;

/// A function that the address lies in.
struct Function {
  Value name, linkage_name, origin;
  std::uint64_t call_file, call_line;  ///< where it was inlined
};

/// The outermost first.
struct Functions {
  std::array<Function, Calls::kMost> list;
  std::size_t count = 0;

  void add(const Entry& entry) {
    if (count == list.size()) return;
    list[count++] = {entry.name, entry.linkage_name, entry.origin, entry.call_file.number,
                     entry.call_line.number};
  }
};

void skip_children(Unit& unit, Cursor& cursor, const Entry& entry, Budget& budget) {
  const auto jump = [&](const Entry& over) {
    const bool forward = over.sibling.there() && over.sibling.number > cursor.at();
    if (forward) cursor.seek(over.sibling.number);
    return forward;
  };
  if (!entry.has_children || jump(entry)) return;
  for (std::size_t depth = 1; depth > 0 && cursor.ok() && !budget.spent();) {
    const Entry skipped = unit.read(cursor);
    if (skipped.tag == 0) {
      --depth;
    } else if (skipped.has_children && !jump(skipped)) {
      ++depth;
    }
  }
}

bool holds(const Unit& unit, const Entry& block, std::uint64_t address) {
  const bool is_without_range = !block.low_pc.there() && !block.ranges.there();
  return is_without_range || unit.covers(block, address);
}

/// The function whose entry is there, and those that were inlined into it at the address.
Functions functions_at(Unit& unit, std::uint64_t offset, std::uint64_t address, Budget& budget) {
  Functions functions;
  Cursor cursor = unit.cursor_at(offset);
  const Entry outermost = unit.read(cursor);
  functions.add(outermost);
  if (!outermost.has_children) return functions;
  std::size_t innermost = 0;  // how deep the function is that was entered last
  for (std::size_t depth = 1; depth > innermost && cursor.ok() && !budget.spent();) {
    const Entry entry = unit.read(cursor);
    if (entry.tag == 0) {
      --depth;
    } else if (entry.tag == kInlinedSubroutine && unit.covers(entry, address)) {
      functions.add(entry);
      if (!entry.has_children) break;
      innermost = depth++;
    } else if (entry.tag == kLexicalBlock && entry.has_children && holds(unit, entry, address)) {
      ++depth;
    } else {
      skip_children(unit, cursor, entry, budget);
    }
  }
  return functions;
}

/// Follows a function to the entry that has its name: an instance refers to the abstract function, and that
/// to its declaration, which may be in another unit where those were linked together.
class Names {
 public:
  Names(Unit& unit, Budget& budget) : unit_(unit), budget_(budget) {}

  std::string_view of(const Function& function) {
    std::string_view name = unit_.text(function.name);
    std::string_view linkage_name = unit_.text(function.linkage_name);
    Value next = function.origin;
    for (int hops = 0; linkage_name.empty() && next.kind == Value::Kind::reference && hops < kMostHops;
         ++hops) {
      Unit* const unit = unit_of(next.number);
      if (unit == nullptr) break;
      Cursor cursor = unit->cursor_at(next.number);
      const Entry entry = unit->read(cursor);
      if (!cursor.ok()) break;
      linkage_name = unit->text(entry.linkage_name);
      if (name.empty()) name = unit->text(entry.name);
      next = entry.origin;
    }
    return linkage_name.empty() ? name : linkage_name;
  }

 private:
  static constexpr int kMostHops = 8;

  Unit* unit_of(std::uint64_t entry) {
    if (unit_.holds(entry)) return &unit_;
    if (!other_ || !other_->holds(entry)) other_ = unit_of_entry(unit_.sections(), entry, budget_);
    return other_ ? &*other_ : nullptr;
  }

  Unit& unit_;
  Budget& budget_;
  std::optional<Unit> other_;
};

}  // namespace

void CallFinder::note_function(const Entry& entry, std::uint64_t offset) {
  for (std::size_t i = 0; i < addresses_.size(); ++i) {
    if (functions_[i] == 0 && unit_->covers(entry, addresses_[i])) functions_[i] = offset;
  }
}

void CallFinder::find_functions() {
  Cursor cursor = unit_->cursor_at(unit_->first_entry());
  if (!unit_->read(cursor).has_children) return;
  for (std::size_t depth = 1; depth > 0 && cursor.ok() && !budget_.spent();) {
    const std::uint64_t offset = cursor.at();
    const Entry entry = unit_->read(cursor);
    if (entry.tag == 0) {
      --depth;
      continue;
    }
    if (entry.tag == kSubprogram) note_function(entry, offset);
    const bool usual = entry.tag == kNamespace || entry.tag == kModule;
    if (entry.has_children && (usual || search_ == Search::everywhere)) {
      ++depth;
    } else {
      skip_children(*unit_, cursor, entry, budget_);
    }
  }
}

bool CallFinder::find_function(std::size_t index) {
  std::optional<Unit> unit = functions_[index] == 0 ? find_unit(sections_, addresses_[index], budget_)
                                                    : unit_of_entry(sections_, functions_[index], budget_);
  if (!unit) return false;
  if (!unit_ || unit_->begin() != unit->begin()) {
    unit_ = unit;
    if (functions_[index] == 0) find_functions();
  }
  has_missed_ = has_missed_ || functions_[index] == 0;
  return functions_[index] != 0;
}

Calls CallFinder::calls_of(std::size_t index) {
  Calls calls;
  const std::uint64_t address = addresses_[index];
  if (budget_.spent() || !find_function(index)) return calls;
  const Functions functions = functions_at(*unit_, functions_[index], address, budget_);
  const LineTable lines(*unit_);
  const auto place = lines.find(address, budget_);
  if (!place || budget_.spent()) return calls;
  Names names(*unit_, budget_);
  LineTable::Line at = *place;
  for (std::size_t i = functions.count; i-- > 0;) {
    const Function& function = functions.list[i];
    calls.calls[calls.count++] = {names.of(function), lines.file(at.file), at.line};
    at = {function.call_file, function.call_line};
  }
  return calls;
}

}  // namespace promised::symbols
