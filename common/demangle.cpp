// SPDX-License-Identifier: Apache-2.0
#include "common/demangle.hpp"

#include <cxxabi.h>

#include <cstddef>
#include <cstdlib>
#include <memory>

#include "common/printable.hpp"

namespace promised {
namespace {

constexpr std::size_t kMostMangled = 1024;
constexpr std::size_t kMostReadable = 512;
// Each reference to an earlier part of the name may double what it stands for.
constexpr std::size_t kMostReferences = 10;

// "S_", "S12_", "T_", "T0_": references to what came before.
std::size_t references_in(std::string_view name) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != 'S' && name[i] != 'T') continue;
    std::size_t end = i + 1;
    while (end < name.size() &&
           ((name[end] >= '0' && name[end] <= '9') || (name[end] >= 'A' && name[end] <= 'Z')))
      ++end;
    if (end < name.size() && name[end] == '_') ++count;
  }
  return count;
}

std::string readable(std::string_view name) {
  if (!name.starts_with("_Z") || name.size() > kMostMangled || references_in(name) > kMostReferences)
    return std::string(name);
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(std::string(name).c_str(), nullptr, nullptr, &status), &std::free);
  if (text == nullptr) return std::string(name);
  const std::string_view whole = text.get();
  if (whole.size() <= kMostReadable) return std::string(whole);
  return std::string(beginning_of(whole, kMostReadable)) + "...";
}

}  // namespace

std::string readable_backtrace(std::string_view backtrace) {
  std::string out;
  while (!backtrace.empty()) {
    const std::size_t end = backtrace.find_first_of(" \n");
    const std::string_view word = backtrace.substr(0, end);
    out += readable(word);
    if (end == std::string_view::npos) break;
    out += backtrace[end];
    backtrace.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace promised
