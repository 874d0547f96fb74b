// SPDX-License-Identifier: Apache-2.0
#include "daemon/pool/resident_size.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>

#include "common/fd.hpp"

namespace promised {

Result<std::optional<std::uint64_t>> resident_size(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/statm";
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) return std::optional<std::uint64_t>();
  std::array<char, 128> buffer{};  // seven numbers, in pages: the second is what is resident
  const ssize_t n = file.valid() ? ::read(file.get(), buffer.data(), buffer.size()) : -1;
  if (n < 0 && errno == ESRCH) return std::optional<std::uint64_t>();
  if (n < 0) return Problem::system("cannot read " + path);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(n));
  const auto second = text.substr(std::min(text.find(' ') + 1, text.size()));
  std::uint64_t pages = 0;
  if (std::from_chars(second.data(), second.data() + second.size(), pages).ec != std::errc())
    return Problem::of("proc", path + ": expected numbers of pages, found '" + std::string(text) + "'");
  return std::optional(pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

}  // namespace promised
