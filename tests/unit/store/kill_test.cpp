// SPDX-License-Identifier: Apache-2.0
// DESIGN 2.1: what was reported as written is there after a SIGKILL at any moment.
#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "common/fd.hpp"
#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

/// A child that goes on writing numbered batches to the store in `directory`, from `next` on, and says a byte
/// for each that was written.
struct Writer {
  Fd reports;
  pid_t pid = 0;
};

[[noreturn]] void write_for_ever(const std::filesystem::path& directory, std::uint64_t next, int reports) {
  auto store = Store::open(directory);
  if (!store) ::_exit(1);
  for (;; ++next) {
    // Now and then a large batch, so that checkpoints are killed, too.
    const std::vector<Change> changes = numbered_batch(next, next % 50 == 0 ? 1'000'000 : 200);
    if (!(*store)->apply(changes)) ::_exit(2);
    if (::write(reports, "w", 1) != 1) ::_exit(3);
  }
}

Writer start_writer(const std::filesystem::path& directory, std::uint64_t next) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(ends[0]);
    write_for_ever(directory, next, ends[1]);
  }
  ::close(ends[1]);
  return {Fd(ends[0]), child};
}

/// Reads reports until `most` have come; how many there were.
std::uint64_t read_reports(const Fd& reports, std::uint64_t most) {
  std::uint64_t count = 0;
  char buffer[256];
  while (count < most) {
    const ssize_t size = ::read(reports.get(), buffer, std::min<std::uint64_t>(sizeof buffer, most - count));
    REQUIRE(size >= 0);
    if (size == 0) break;
    count += static_cast<std::uint64_t>(size);
  }
  return count;
}

TEST_CASE(
    "every batch that was reported is there after a SIGKILL, and at most one that was not, each whole") {
  const auto seed = std::random_device()();
  MESSAGE("seed " << seed);
  std::mt19937_64 random(seed);
  const TempDirectory directory;
  std::uint64_t there = 0;
  for (int kill = 0; kill < 25; ++kill) {
    CAPTURE(kill);
    const Writer writer = start_writer(directory.path(), there);
    std::uint64_t reported = read_reports(writer.reports, 1 + random() % 40);
    // A moment within the next batches: busy, since a sleep would mostly end between two.
    for (auto spin = random() % 2'000'000; spin > 0; --spin) asm volatile("");
    ::kill(writer.pid, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(writer.pid, &status, 0) == writer.pid);
    REQUIRE(WIFSIGNALED(status));
    reported += read_reports(writer.reports, static_cast<std::uint64_t>(-1));
    const auto batches = whole_batches(contents_of(directory.path()));
    REQUIRE(batches.has_value());
    CHECK(*batches >= there + reported);
    CHECK(*batches <= there + reported + 1);
    there = *batches;
  }
  MESSAGE("batches written over 25 kills: " << there);
}

}  // namespace
}  // namespace promised::test
