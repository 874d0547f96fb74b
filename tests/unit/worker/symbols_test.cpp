// SPDX-License-Identifier: Apache-2.0
// Names and lines of addresses, read from this very program.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <link.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "worker/symbols/calls.hpp"
#include "worker/symbols/debug_sections.hpp"

using namespace promised::symbols;
using namespace std::chrono_literals;

namespace places {

// The address of the call, as the program's file has it.
__attribute__((noinline)) std::uintptr_t here() {
  const auto address = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)) - 1;
  dl_find_object found{};
  REQUIRE(::_dl_find_object(reinterpret_cast<void*>(address), &found) == 0);
  return address - found.dlfo_link_map->l_addr;
}

__attribute__((noinline)) std::uintptr_t plain(std::uint64_t& line) {
  line = __LINE__ + 1;
  return here();
}

__attribute__((always_inline)) inline std::uintptr_t innermost() {
  const std::uintptr_t address = here();
  return address;
}

__attribute__((always_inline)) inline std::uintptr_t between() {
  const std::uintptr_t address = innermost();
  return address;
}

__attribute__((noinline)) std::uintptr_t around(std::uint64_t& line) {
  line = __LINE__ + 1;
  const std::uintptr_t address = between();
  return address;
}

__attribute__((noinline)) std::uintptr_t hidden() {
  const auto outer = [] {
    const auto inner = [] {
      const std::uintptr_t address = here();
      return address;
    };
    return inner();
  };
  return outer();
}

}  // namespace places

namespace {

struct Program {
  ElfFile file{"/proc/self/exe"};
  DebugSections debug{file};
};

std::vector<Call> calls(const Sections& sections, std::uintptr_t address, Search search,
                        std::chrono::nanoseconds allowed = 10s) {
  Budget budget(allowed);
  CallFinder finder(sections, {&address, 1}, search, budget);
  const Calls found = finder.calls_of(0);
  return {found.begin(), found.end()};
}

std::string_view name(ElfFile& file, std::uintptr_t address) {
  std::string_view name;
  file.name_functions({&address, 1}, {&name, 1});
  return name;
}

}  // namespace

TEST_CASE("a place in a function is told with its name, file and line") {
  Program program;
  std::uint64_t line = 0;
  const std::uintptr_t address = places::plain(line);
  CHECK(name(program.file, address) == "_ZN6places5plainERm");
  const auto found = calls(program.debug.get(), address, Search::usual_places);
  REQUIRE(found.size() == 1);
  CHECK(found[0].function == "_ZN6places5plainERm");
  CHECK(found[0].file == "symbols_test.cpp");
  CHECK(found[0].line == line);
}

TEST_CASE("functions that were inlined are told one by one, each with where it was called") {
  Program program;
  std::uint64_t line = 0;
  const std::uintptr_t address = places::around(line);
  const auto found = calls(program.debug.get(), address, Search::usual_places);
  REQUIRE(found.size() == 3);
  CHECK(found[0].function == "_ZN6places9innermostEv");
  CHECK(found[1].function == "_ZN6places7betweenEv");
  CHECK(found[2].function == "_ZN6places6aroundERm");
  CHECK(found[0].line < found[1].line);
  CHECK(found[1].line < found[2].line);
  CHECK(found[2].line == line);
}

TEST_CASE("a lambda within a lambda is found, where every entry is looked at") {
  Program program;
  const std::uintptr_t address = places::hidden();
  const auto found = calls(program.debug.get(), address, Search::everywhere);
  REQUIRE_FALSE(found.empty());  // more, where the compiler has put one into the other
  CHECK(found[0].function.find("operator()") != std::string_view::npos);
  CHECK(found[0].file == "symbols_test.cpp");
}

TEST_CASE("the addresses of a trace are told each with its own place, and one of no function with none") {
  Program program;
  std::uint64_t first = 0, second = 0;
  const std::vector<std::uintptr_t> addresses{places::plain(first), 1, places::around(second)};
  Budget budget(10s);
  CallFinder finder(program.debug.get(), addresses, Search::usual_places, budget);
  CHECK(finder.calls_of(2).count == 3);
  CHECK(finder.calls_of(1).count == 0);
  REQUIRE(finder.calls_of(0).count == 1);
  CHECK(finder.calls_of(0).calls[0].line == first);
}

TEST_CASE("where the budget is spent there are no lines, and names as ever") {
  Program program;
  std::uint64_t line = 0;
  const std::uintptr_t address = places::plain(line);
  CHECK(calls(program.debug.get(), address, Search::everywhere, 0ns).empty());
  CHECK(name(program.file, address) == "_ZN6places5plainERm");
}

TEST_CASE("a file that is no program, or not there, has neither names nor lines") {
  for (const char* path : {"/etc/passwd", "/nonexistent", "/proc"}) {
    CAPTURE(path);
    ElfFile file(path);
    DebugSections debug(file);
    CHECK(name(file, 0x1234).empty());
    CHECK(calls(debug.get(), 0x1234, Search::everywhere).empty());
  }
}

TEST_CASE("debug information that is cut off or spoilt anywhere is read to no harm, and to an end") {
  Program program;
  std::uint64_t line = 0;
  const std::uintptr_t address = places::around(line);
  using Member = std::string_view Sections::*;
  for (const Member member : {&Sections::info, &Sections::abbrev, &Sections::aranges, &Sections::line,
                              &Sections::line_str, &Sections::str, &Sections::rnglists}) {
    const std::string_view whole = program.debug.get().*member;
    REQUIRE_FALSE(whole.empty());
    for (std::size_t i = 0; i < 50; ++i) {
      Sections cut = program.debug.get();
      // A copy of its own, so that reading beyond it is seen by the sanitizers.
      const std::string part(whole.substr(0, whole.size() * i / 50));
      cut.*member = part;
      static_cast<void>(calls(cut, address, Search::everywhere, 20ms));
    }
  }
  std::mt19937 random(20);  // NOLINT(cert-msc51-cpp): the same in each run
  for (const Member member : {&Sections::info, &Sections::abbrev, &Sections::aranges, &Sections::line}) {
    std::string bytes(program.debug.get().*member);
    Sections spoilt = program.debug.get();
    spoilt.*member = bytes;
    for (int round = 0; round < 50; ++round) {
      for (std::size_t n = bytes.size() / 200 + 1; n > 0; --n)
        bytes[random() % bytes.size()] = static_cast<char>(random());
      static_cast<void>(calls(spoilt, address, Search::everywhere, 20ms));
    }
  }
}
