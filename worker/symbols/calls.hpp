// SPDX-License-Identifier: Apache-2.0
// Which functions the code at an address belongs to: the one that it was compiled for, and those that were
// inlined into that one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "worker/symbols/budget.hpp"
#include "worker/symbols/unit.hpp"

namespace promised::symbols {

/// A function, and the place in it; `line` 0 and an empty `file` are not known.
struct Call {
  std::string_view function;
  std::string_view file;
  std::uint64_t line = 0;
};

/// The innermost first. All is text of the file's sections.
struct Calls {
  static constexpr std::size_t kMost = 32;
  std::array<Call, kMost> calls;
  std::size_t count = 0;

  [[nodiscard]] const Call* begin() const { return calls.data(); }
  [[nodiscard]] const Call* end() const { return calls.data() + count; }
};

/// Where a function is looked for in a unit: where compilers put nearly all that have code, past what is
/// declared there; or in every entry, as for a lambda within a lambda, which takes ten times as long.
enum class Search : std::uint8_t { usual_places, everywhere };

/// Of the addresses of one trace that are in one file. One walk over a unit's entries finds the functions of
/// all addresses in it.
class CallFinder {
 public:
  static constexpr std::size_t kMostAddresses = 64;

  /// `addresses` as the file has them, kMostAddresses at most; those that are of no code of it are in no
  /// function. All must live as long as this.
  CallFinder(const Sections& sections, std::span<const std::uintptr_t> addresses, Search search,
             Budget& budget)
      : sections_(sections), addresses_(addresses), search_(search), budget_(budget) {}

  /// Empty if the debug information does not say, or the budget is spent. A function without a name is told
  /// with an empty one.
  [[nodiscard]] Calls calls_of(std::size_t index);
  /// Some address so far belongs to a unit that has no function there, where it was looked for.
  [[nodiscard]] bool has_missed() const { return has_missed_; }

 private:
  [[nodiscard]] bool find_function(std::size_t index);
  void find_functions();
  /// For each address that the function has code at.
  void note_function(const Entry& entry, std::uint64_t offset);

  const Sections& sections_;
  std::span<const std::uintptr_t> addresses_;
  Search search_;
  Budget& budget_;
  std::optional<Unit> unit_;                               // the one that was looked into last
  std::array<std::uint64_t, kMostAddresses> functions_{};  // where the entry of its function is; 0: not known
  bool has_missed_ = false;
};

}  // namespace promised::symbols
