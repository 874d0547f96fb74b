// SPDX-License-Identifier: Apache-2.0
// I6: a sandbox that cannot be had is a problem, never a weaker sandbox. What each level keeps a job from is
// tests/system/sandbox_test.cpp's business.
#include "daemon/spawner/sandbox.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <iterator>
#include <string>

using namespace promised;

namespace {

constexpr uid_t kNobody = 65534;

// What `f` returns in a process of its own.
std::string in_child(const std::function<std::string()>& f) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const std::string text = f();
    ::_exit(::write(ends[1], text.data(), text.size()) < 0 ? 1 : 0);
  }
  ::close(ends[1]);
  std::string text(1024, '\0');
  const ssize_t n = ::read(ends[0], text.data(), text.size());
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  text.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return text;
}

// The same where no namespace can be made.
std::string where_nothing_is_allowed(const std::function<std::string()>& f) {
  return in_child([&]() -> std::string {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "prctl failed";
    const Result<void> refused = refuse_system_calls(Sandbox::strict);
    return refused.ok() ? f() : refused.problem().message;
  });
}

// What comes of making such a file.
[[maybe_unused]] std::string made(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  return fd < 0 ? std::strerror(errno) : "made";
}

}  // namespace

// Root is somebody else for this.
[[maybe_unused]] bool become_nobody() {
  return ::geteuid() != 0 ||
         (::setresgid(kNobody, kNobody, kNobody) == 0 && ::setresuid(kNobody, kNobody, kNobody) == 0);
}

// Where such a sandbox is: what `f` returns.
[[maybe_unused]] std::string as_nobody(Sandbox level, std::uint64_t memory_limit,
                                       const std::function<std::string()>& f) {
  return in_child([&]() -> std::string {
    if (!become_nobody()) return "setresuid failed";
    const Result<void> separated = separate_as_user(level, memory_limit);
    return separated.ok() ? f() : separated.problem().message;
  });
}

#ifndef __SANITIZE_THREAD__  // whose own thread keeps the process from a user namespace
TEST_CASE("I6 a user without privileges has all levels, in a user namespace") {
  const std::string in_tmp = "/tmp/promised-sandbox-" + std::to_string(::getpid());
  const std::string elsewhere = "/dev/shm/promised-sandbox-" + std::to_string(::getpid());
  const auto tried = [&](Sandbox level) {
    return in_child([&]() -> std::string {
      if (!become_nobody()) return "setresuid failed";
      const uid_t before = ::geteuid();
      const Result<void> separated = separate_as_user(level, 0);
      if (!separated.ok()) return separated.problem().message;
      const std::string text = made(in_tmp) + ", " + made(elsewhere);
      ::unlink(elsewhere.c_str());
      return text + (::geteuid() == before ? "" : ", as somebody else");
    });
  };
  CHECK(tried(Sandbox::standard) == "made, made");
  CHECK(tried(Sandbox::strict) == "made, Read-only file system");
  CHECK(::access(in_tmp.c_str(), F_OK) != 0);
}

TEST_CASE(
    "I3 I6 what is in the private /tmp and /var/tmp has one bound: memory_limit, or a quarter of it all") {
  const auto bounds = [] {
    struct stat tmp {};
    struct stat var_tmp {};
    struct statvfs room {};
    if (::stat("/tmp", &tmp) != 0 || ::stat("/var/tmp", &var_tmp) != 0 || ::statvfs("/var/tmp", &room) != 0)
      return std::string(std::strerror(errno));
    return std::string(tmp.st_dev == var_tmp.st_dev ? "one" : "two") +
           ((tmp.st_mode & var_tmp.st_mode & 07777) == 01777 ? " for everybody: " : ": ") +
           std::to_string(room.f_blocks * room.f_frsize) + " bytes, " + std::to_string(room.f_files) +
           " files";
  };
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t quarter = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) / 4 * page;
  const std::string of_all = "one for everybody: " + std::to_string(quarter) + " bytes, " +
                             std::to_string(quarter / 4096) + " files";
  for (const Sandbox level : {Sandbox::standard, Sandbox::strict}) {
    CHECK(as_nobody(level, 8 << 20, bounds) == "one for everybody: 8388608 bytes, 2048 files");
    CHECK(as_nobody(level, 0, bounds) == of_all);
    CHECK(as_nobody(level, quarter * 2, bounds) == of_all);
    CHECK(as_nobody(level, 1 << 20, [] {
            const std::string much(600 << 10, 'x');
            std::string written;
            for (const char* path : {"/tmp/x", "/var/tmp/x"}) {
              const int fd = ::open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
              written += ::write(fd, much.data(), much.size()) == std::ssize(much) ? "all " : "a part ";
            }
            return written;
          }) == "all a part ");
  }
}
#endif

TEST_CASE("I6 where no namespace can be made, the reason says what to change") {
  const auto try_as_user = [](Sandbox level) {
    const Result<void> done = separate_as_user(level, 0);
    return done.ok() ? "done" : done.problem().message;
  };
  CHECK(where_nothing_is_allowed([&] { return try_as_user(Sandbox::standard); }) ==
        "sandbox = default: unshare: Operation not permitted; neither root's privileges nor a user namespace "
        "is to "
        "be had here: allow one of them, or say sandbox = none (docs/pools.md)");
  CHECK(where_nothing_is_allowed([&] { return try_as_user(Sandbox::strict); }) ==
        "sandbox = strict: unshare: Operation not permitted; it takes a user namespace, which is not to be "
        "had here: "
        "allow it, or say sandbox = default or none (docs/pools.md)");
}

TEST_CASE("I6 root without the privilege leaves it to the user") {
  CHECK(where_nothing_is_allowed([] {
          const auto separated = separate_as_root(Sandbox::standard, 0);
          if (!separated.ok()) return separated.problem().message;
          return std::string(*separated == Separated::left_to_user ? "left to the user" : "done");
        }) == "left to the user");
}

TEST_CASE("I6 a system call that is newer than those that are known is as on a kernel that has it not") {
  const auto errors = [] {
    errno = 0;
    static_cast<void>(::syscall(SYS_openat2, -1, nullptr, nullptr, 0));
    const std::string newer = std::strerror(errno);
    static_cast<void>(::syscall(SYS_close_range, 2, 1, 0));
    return newer + ", " + std::strerror(errno);
  };
  CHECK(in_child(errors) == "Invalid argument, Invalid argument");
  CHECK(in_child([&]() -> std::string {
          if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "prctl failed";
          const Result<void> refused = refuse_newer_system_calls(SYS_close_range);
          return refused.ok() ? errors() : refused.problem().message;
        }) == "Function not implemented, Invalid argument");
}

TEST_CASE("I6 without a sandbox nothing is done") {
  CHECK(where_nothing_is_allowed([] {
          const auto separated = separate_as_root(Sandbox::none, 0);
          return std::string(separated.ok() && *separated == Separated::done ? "done" : "not");
        }) == "done");
}
