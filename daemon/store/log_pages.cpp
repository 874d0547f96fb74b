// SPDX-License-Identifier: Apache-2.0
// The format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
#include "daemon/store/log_pages.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>
#include <vector>

#include "common/fd.hpp"
#include "daemon/store/migrations.hpp"

namespace promised {
namespace {

constexpr std::size_t kHeader = 32;
constexpr std::size_t kFrameHeader = 24;
constexpr std::size_t kFrame = kFrameHeader + kPageSize;
constexpr std::uint32_t kMagic = 0x377f0682;  // or one more: the checksum takes words as big-endian

using Bytes = std::span<const unsigned char>;

std::uint32_t big(Bytes bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 |
         std::uint32_t{bytes[at + 2]} << 8 | std::uint32_t{bytes[at + 3]};
}

std::uint32_t little(Bytes bytes, std::size_t at) {
  return std::uint32_t{bytes[at + 3]} << 24 | std::uint32_t{bytes[at + 2]} << 16 |
         std::uint32_t{bytes[at + 1]} << 8 | std::uint32_t{bytes[at]};
}

class Checksum {
 public:
  explicit Checksum(bool big_endian) : word_(big_endian ? big : little) {}

  void add(Bytes bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += 8) {
      first_ += word_(bytes, at) + second_;
      second_ += word_(bytes, at + 4) + first_;
    }
  }
  [[nodiscard]] bool is(std::uint32_t first, std::uint32_t second) const {
    return first_ == first && second_ == second;
  }

 private:
  std::uint32_t (*word_)(Bytes, std::size_t);
  std::uint32_t first_ = 0, second_ = 0;
};

/// True if all of `to` could be filled; false at the end of the file.
Result<bool> read_whole(int file, std::span<unsigned char> to, const std::string& path) {
  while (!to.empty()) {
    const ssize_t got = ::read(file, to.data(), to.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Problem::system("cannot read " + path);
    if (got == 0) return false;
    to = to.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

}  // namespace

Result<LogPages> read_log_pages(const std::string& path) {
  LogPages found;
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return Problem::system("cannot open " + path);
  std::array<unsigned char, kHeader> header{};
  PROMISED_ASSIGN(const bool has_header, read_whole(file.get(), header, path));
  if (!has_header || (big(header, 0) & ~1U) != kMagic || big(header, 8) != kPageSize) return found;
  Checksum checksum((big(header, 0) & 1) != 0);
  checksum.add(Bytes(header).first(24));
  if (!checksum.is(big(header, 24), big(header, 28))) return found;
  std::vector<unsigned char> frame(kFrame);
  std::vector<std::uint32_t> uncommitted;
  for (;;) {
    PROMISED_ASSIGN(const bool more, read_whole(file.get(), frame, path));
    if (!more || big(frame, 8) != big(header, 16) || big(frame, 12) != big(header, 20)) return found;
    checksum.add(Bytes(frame).first(8));
    checksum.add(Bytes(frame).subspan(kFrameHeader));
    if (!checksum.is(big(frame, 16), big(frame, 20)) || big(frame, 0) == 0) return found;
    uncommitted.push_back(big(frame, 0));
    if (const std::uint32_t pages = big(frame, 4); pages != 0) {
      found.database_pages = pages;
      found.pages.insert(uncommitted.begin(), uncommitted.end());
      uncommitted.clear();
    }
  }
}

}  // namespace promised
