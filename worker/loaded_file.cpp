// SPDX-License-Identifier: Apache-2.0
#include "worker/loaded_file.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <climits>

namespace promised::detail {
namespace {

constexpr const char* kProgram = "/proc/self/exe";

std::array<char, PATH_MAX> program_path;  // its link map has no name

std::string_view name_of(const link_map& file) {
  return file.l_name == nullptr ? std::string_view() : std::string_view(file.l_name);
}

}  // namespace

void prepare_loaded_files() {
  const ssize_t size = ::readlink(kProgram, program_path.data(), program_path.size() - 1);
  program_path[size > 0 ? static_cast<std::size_t>(size) : 0] = '\0';
}

const link_map* file_of(std::uintptr_t address) {
  dl_find_object found{};
  if (::_dl_find_object(reinterpret_cast<void*>(address), &found) != 0) return nullptr;
  return found.dlfo_link_map;
}

std::string_view path_of(const link_map& file) {
  return name_of(file).empty() ? std::string_view(program_path.data()) : name_of(file);
}

const char* path_to_open(const link_map& file) {
  return name_of(file).empty() ? kProgram : file.l_name;
}

bool is_of_the_system(const link_map& file) {
  return name_of(file).starts_with("/lib") || name_of(file).starts_with("/usr/lib");
}

}  // namespace promised::detail
