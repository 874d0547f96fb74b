// SPDX-License-Identifier: Apache-2.0
// The file: microseconds since 1970 on the first line, the reason on the second, which ends with a line end
// too: without it the file is torn.
#include "daemon/store/failure_note.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <limits>

#include "common/fd.hpp"
#include "common/printable.hpp"
#include "common/units.hpp"

namespace promised {
namespace {

/// Of the whole file.
constexpr std::size_t kMost = 4096;
constexpr std::size_t kMostReason = kMost - 64;

}  // namespace

Result<void> FailureNote::leave(const StoreFailure& failure) const {
  const Fd file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return Problem::system("cannot open " + path_);
  const std::string reason = printable(failure.reason);  // one line
  const std::string text = std::to_string(failure.at.time_since_epoch().count()) + "\n" +
                           std::string(beginning_of(reason, kMostReason)) + "\n";
  errno = ENOSPC;  // what a write that is cut short means
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    Problem problem = Problem::system("cannot write " + path_);
    static_cast<void>(remove());  // none is better than a torn one, which the next daemon would know too
    return problem;
  }
  if (::fsync(file.get()) != 0) return Problem::system("cannot sync " + path_);
  return {};
}

Result<std::optional<StoreFailure>> FailureNote::find() const {
  const Fd file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) {
    if (errno == ENOENT) return std::optional<StoreFailure>();
    return Problem::system("cannot open " + path_);
  }
  std::array<char, kMost> buffer;
  const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
  if (size < 0) return Problem::system("cannot read " + path_);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  const std::size_t line = text.find('\n');
  const auto at = parse_integer(text.substr(0, line), 0, std::numeric_limits<std::int64_t>::max());
  if (!at || line == std::string_view::npos || text.back() != '\n' || line + 2 > text.size() - 1) {
    return Problem::of("damaged", path_ +
                                      " is not whole: an earlier daemon's store has failed, and with it "
                                      "the writing down of why; see the log of that time");
  }
  return std::optional(StoreFailure{WallTime(std::chrono::microseconds(*at)),
                                    std::string(text.substr(line + 1, text.size() - line - 2))});
}

Result<void> FailureNote::remove() const {
  if (::unlink(path_.c_str()) == 0 || errno == ENOENT) return {};
  return Problem::system("cannot remove " + path_);
}

}  // namespace promised
