// SPDX-License-Identifier: Apache-2.0
#include "worker/named_trace.hpp"

#include "worker/bounded_text.hpp"

namespace promised::detail {
namespace {

void add_plain_frame(std::uintptr_t address, BoundedText& text) {
  text.begin_frame() << "0x";
  if (const link_map* file = file_of(address)) {
    text.number(address - file->l_addr, 16) << " in " << path_of(*file);
  } else {
    text.number(address, 16);
  }
  text << "\n";
}

void add_name(std::uintptr_t address, const link_map* file, std::string_view name, BoundedText& text) {
  if (name.empty()) return add_plain_frame(address, text);
  text.begin_frame() << name << " in " << path_of(*file) << "\n";
}

void add_call(const symbols::Call& call, BoundedText& text) {
  text.begin_frame() << call.function;
  if (!call.file.empty()) {
    text << " at " << call.file;
    if (call.line > 0) (text << ":").number(static_cast<std::uintptr_t>(call.line), 10);
  }
  text << "\n";
}

}  // namespace

std::string_view plain_lines(const StackTrace& trace) {
  static std::array<char, CrashReport::kRoom> room;
  BoundedText text(room);
  for (std::size_t i = 0; i < trace.count; ++i) add_plain_frame(trace.addresses[i], text);
  return text.view();
}

NamedTrace::NamedTrace(const StackTrace& trace) : trace_(trace) {
  std::size_t opened = 0;
  for (std::size_t i = 0; i < trace.count; ++i) {
    loaded_[i] = file_of(trace.addresses[i]);
    if (loaded_[i] == nullptr || file_at(i) != nullptr || opened == files_.size()) continue;
    files_[opened++].emplace(*loaded_[i]);
  }
  for (std::size_t i = 0; i < opened; ++i) name_functions_of(*files_[i]);
}

NamedTrace::File* NamedTrace::file_at(std::size_t frame) {
  for (auto& file : files_)
    if (file && file->loaded == loaded_[frame]) return &*file;
  return nullptr;
}

void NamedTrace::name_functions_of(File& file) {
  std::array<std::uintptr_t, StackTrace::kMost> addresses;
  std::array<std::string_view, StackTrace::kMost> names;
  std::array<std::size_t, StackTrace::kMost> frames;
  std::size_t count = 0;
  for (std::size_t i = 0; i < trace_.count; ++i) {
    if (loaded_[i] != file.loaded) continue;
    addresses[count] = trace_.addresses[i] - file.loaded->l_addr;
    frames[count++] = i;
  }
  file.elf.name_functions(std::span(addresses).first(count), std::span(names).first(count));
  for (std::size_t i = 0; i < count; ++i) names_[frames[i]] = names[i];
}

std::string_view NamedTrace::names() const {
  static std::array<char, CrashReport::kRoom> room;
  BoundedText text(room);
  for (std::size_t i = 0; i < trace_.count; ++i) add_name(trace_.addresses[i], loaded_[i], names_[i], text);
  return text.view();
}

std::string_view NamedTrace::lines(symbols::Search search, symbols::Budget& budget) {
  static std::array<char, CrashReport::kRoom> room;
  BoundedText text(room);
  has_missed_lines_ = false;
  std::array<std::uintptr_t, StackTrace::kMost> addresses;
  std::optional<symbols::CallFinder>
      finder;  // large, so there is one: of the file that the frame before is in
  const File* finder_of = nullptr;
  for (std::size_t i = 0; i < trace_.count; ++i) {
    File* const file = file_at(i);
    symbols::Calls calls;
    if (file != nullptr && !is_of_the_system(*file->loaded)) {
      if (finder_of != file) {
        if (!file->debug) file->debug.emplace(file->elf);
        for (std::size_t j = 0; j < trace_.count; ++j)
          addresses[j] = trace_.addresses[j] - file->loaded->l_addr;
        finder.emplace(file->debug->get(), std::span(addresses).first(trace_.count), search, budget);
        finder_of = file;
      }
      calls = finder->calls_of(i);
      has_missed_lines_ = has_missed_lines_ || finder->has_missed();
    }
    if (calls.count == 0) {
      add_name(trace_.addresses[i], loaded_[i], names_[i], text);
      continue;
    }
    std::string_view& outermost = calls.calls[calls.count - 1].function;
    if (outermost.empty()) outermost = names_[i];
    for (const symbols::Call& call : calls) add_call(call, text);
  }
  return text.view();
}

}  // namespace promised::detail
