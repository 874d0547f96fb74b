// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/heap_gauge.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>

#include "common/fd.hpp"
#include "tests/support/proc.hpp"
#include "tests/support/temp_directory.hpp"

namespace promised::test {

Memory memory_of(pid_t pid) {
  const std::string proc = "/proc/" + std::to_string(pid);
  std::istringstream maps(read_file(proc + "/maps"));
  Memory memory{0, resident_kib(pid).now, 0};
  bool counts = false;
  for (std::string line; std::getline(maps, line); ++memory.mappings) {
    if (line.find(kHeapPage) == std::string::npos) continue;
    const Fd file(::open((proc + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
    const auto at = static_cast<off_t>(std::strtoull(line.c_str(), nullptr, 16));
    counts = file.valid() && ::pread(file.get(), &memory.live, sizeof memory.live, at) == sizeof memory.live;
  }
  if (!counts) throw std::runtime_error(proc + ": heap_library does not count in it");
  return memory;
}

}  // namespace promised::test
