// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/result_copies.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <system_error>
#include <vector>

#include "common/fd.hpp"
#include "daemon/store/job_row.hpp"
#include "daemon/store/shared_copy.hpp"
#include "daemon/store/state_directory.hpp"

namespace promised {
namespace {

using Named = std::function<Result<void>(const JobId& id, std::uint64_t size)>;

/// Calls `named` for each result that is a file. Rows that cannot be read are check_rows()'s business.
Result<void> for_each_file(Database& copy, const Findings& findings, const Named& named) {
  PROMISED_ASSIGN(Statement rows,
                  copy.prepare("SELECT id, result_size FROM job WHERE result_file=1 ORDER BY id"));
  for (;;) {
    const Result<bool> more = rows.step();
    if (findings.stopped()) return interrupted();
    if (!more) return more.problem();
    if (!*more) return {};
    const Result<JobId> id = read_id(rows.bytes(0));
    if (id) PROMISED_TRY(named(*id, static_cast<std::uint64_t>(rows.integer(1))));
  }
}

Problem copy_trouble(const std::string& what) {
  return Problem::of("store", Problem::system(what).message);
}

Result<void> copy_file(const Fd& from, const std::string& to, const Findings& findings) {
  const Fd file(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return copy_trouble("cannot make " + to);
  std::vector<char> buffer(std::size_t{1} << 20);
  for (;;) {
    if (findings.stopped()) return interrupted();
    const ssize_t size = ::read(from.get(), buffer.data(), buffer.size());
    if (size < 0) return copy_trouble("cannot read the original of " + to);
    if (size == 0) break;
    ssize_t written = 0;
    while (written < size) {
      const ssize_t n =
          ::write(file.get(), buffer.data() + written, static_cast<std::size_t>(size - written));
      if (n < 0) return copy_trouble("cannot write " + to);
      written += n;
    }
  }
  if (::fsync(file.get()) != 0) return copy_trouble("cannot sync " + to);
  return {};
}

/// Nothing happens if `from` is not there.
Result<void> bring(const std::string& from, const std::string& to, const Findings& findings) {
  if (::link(from.c_str(), to.c_str()) == 0 || errno == ENOENT) return {};
  // Another file system, one without hard links, or too many links: anything else shows when it is copied.
  const Fd original(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!original.valid()) return errno == ENOENT ? Result<void>() : copy_trouble("cannot open " + from);
  return copy_file(original, to, findings);
}

}  // namespace

std::string results_directory(const std::string& state_directory) {
  return state_directory + "/results";
}

Result<std::uint64_t> size_of_results(const std::string& state_directory) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator it(results_directory(state_directory), error), end;
       !error && it != end; it.increment(error)) {
    struct stat found {};
    // One that has gone meanwhile takes no room.
    if (::lstat(it->path().c_str(), &found) == 0) bytes += static_cast<std::uint64_t>(found.st_size);
  }
  if (!error || error == std::errc::no_such_file_or_directory) return bytes;
  return Problem::of(
      "store", Problem::system("cannot list " + results_directory(state_directory), error.value()).message);
}

Result<void> copy_results(Database& copy, const std::string& from, const std::string& to,
                          const Findings& findings) {
  bool made = false;
  PROMISED_TRY(for_each_file(copy, findings, [&](const JobId& id, std::uint64_t) -> Result<void> {
    const std::string directory = results_directory(to);
    if (!made && ::mkdir(directory.c_str(), 0700) != 0)
      return copy_trouble("cannot make the directory " + directory);
    made = true;
    return bring(results_directory(from) + "/" + id.text(), directory + "/" + id.text(), findings);
  }));
  return made ? sync_directory(results_directory(to)) : Result<void>();
}

Result<void> check_results(Database& copy, const std::string& state_directory, Findings& findings) {
  return for_each_file(copy, findings, [&](const JobId& id, std::uint64_t size) -> Result<void> {
    const std::string path = results_directory(state_directory) + "/" + id.text();
    const std::string of = "the result of job " + id.text();
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) {
      findings.add(of + " should be a file of " + std::to_string(size) + " bytes; " + path + ": " +
                   std::strerror(errno));
    } else if (!S_ISREG(found.st_mode)) {
      findings.add(of + " should be a file, and " + path + " is none");
    } else if (static_cast<std::uint64_t>(found.st_size) != size) {
      findings.add(of + " should have " + std::to_string(size) + " bytes, " + path + " has " +
                   std::to_string(found.st_size));
    } else {
      findings.report().bytes += size;
    }
    return {};
  });
}

}  // namespace promised
