// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/privileges.hpp"

#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <functional>

#include "tests/unit/ops/folder.hpp"

namespace promised {
namespace {

/// Runs `body` in a child of its own, since who one is and what one may cannot be taken back; what it
/// returns.
std::string in_child(const std::function<std::string()>& body) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const std::string said = body();
    const ssize_t written = ::write(ends[1], said.data(), said.size());
    ::_exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string said;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = ::read(ends[0], buffer.data(), buffer.size())) > 0;) {
    said.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  return said;
}

std::string text(const Result<void>& result) {
  return result ? "fine" : result.problem().message;
}

/// Somebody who is neither root nor whoever runs the test.
SystemUser stranger() {
  auto account = find_user("nobody");
  if (account.ok() && account->uid == ::geteuid()) account = find_user("daemon");
  REQUIRE(account.ok());
  return *account;
}

struct stat look(const std::string& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found;
}

TEST_CASE("an account is found by its name") {
  const auto root = find_user("root");
  REQUIRE(root.ok());
  CHECK(root->uid == 0);
  const auto none = find_user("no-such-user-here");
  REQUIRE_FALSE(none.ok());
  CHECK(none.problem().code == "privileges");
  CHECK(none.problem().message == "there is no user 'no-such-user-here' on this system");
}

TEST_CASE("root becomes another user for good, anybody else is refused") {
  const SystemUser account = stranger();
  const std::string said = in_child([&] {
    const Result<void> became = become(account);
    if (!became) return became.problem().code;
    const bool is_it = ::getuid() == account.uid && ::geteuid() == account.uid && ::getgid() == account.gid;
    const bool no_way_back = ::setuid(0) != 0 && ::setgid(0) != 0;
    std::array<gid_t, 64> groups{};
    const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
    bool root_group = false;
    for (int i = 0; i < count; ++i) root_group = root_group || groups.at(static_cast<std::size_t>(i)) == 0;
    return std::string(is_it && no_way_back && !root_group ? "became it" : "only in part");
  });
  CHECK(said == (::geteuid() == 0 ? "became it" : "privileges"));
}

TEST_CASE("who is not root cannot become somebody else, and is told what to do") {
  const SystemUser account = stranger();
  const std::string said = in_child([&] {
    if (::geteuid() == 0 && ::setresuid(account.uid, account.uid, account.uid) != 0)
      return std::string("setresuid");
    return text(become({"root", 0, 0}));
  });
  CHECK(
      said ==
      "only root can become 'root'; start the daemon as root or as 'root', or leave out user = in [daemon]");
}

TEST_CASE("becoming who one is needs nothing") {
  const std::string said = in_child([] { return text(become({"me", ::geteuid(), ::getegid()})); });
  CHECK((said == "fine" || ::geteuid() == 0));
}

TEST_CASE("a directory is made with its mode and its parents") {
  const Folder folder;
  const mode_t before = ::umask(077);
  const Result<void> made = prepare_directory(folder / "a/b/c", 0750, nullptr);
  ::umask(before);
  CHECK(text(made) == "fine");
  CHECK((look(folder / "a/b/c").st_mode & 07777) == 0750);
  CHECK(text(prepare_directory(folder / "a/b/c", 0700, nullptr)) == "fine");
  CHECK((look(folder / "a/b/c").st_mode & 07777) == 0750);
}

TEST_CASE("root gives a new or empty directory to the daemon's user and leaves others alone") {
  const Folder folder;
  const SystemUser account = stranger();
  std::filesystem::create_directory(folder / "empty");
  std::filesystem::create_directory(folder / "full");
  std::ofstream(folder / "full/file") << "x";
  const Result<void> made = prepare_directory(folder / "new", 0700, &account);
  if (::geteuid() == 0) {
    CHECK(text(made) == "fine");
    CHECK(text(prepare_directory(folder / "empty", 0700, &account)) == "fine");
    CHECK(text(prepare_directory(folder / "full", 0700, &account)) == "fine");
    CHECK(look(folder / "new").st_uid == account.uid);
    CHECK(look(folder / "empty").st_uid == account.uid);
    CHECK(look(folder / "full").st_uid == 0);
  } else {
    CHECK(text(made) == (folder / "new") + ": cannot give the directory to '" + account.name +
                            "': Operation not permitted");
  }
}

TEST_CASE("a directory that others may write to is refused unless it is sticky") {
  const Folder folder;
  REQUIRE(::mkdir((folder / "open").c_str(), 0700) == 0);
  REQUIRE(::chmod((folder / "open").c_str(), 0777) == 0);
  CHECK(text(prepare_directory(folder / "open", 0700, nullptr)) ==
        (folder / "open") + ": others may write to it; chmod go-w or name another directory");
  REQUIRE(::chmod((folder / "open").c_str(), 01777) == 0);
  CHECK(text(prepare_directory(folder / "open", 0700, nullptr)) == "fine");
}

TEST_CASE("a file, a link or a stranger's directory in the way is refused") {
  const Folder folder;
  std::ofstream(folder / "file") << "x";
  CHECK(text(prepare_directory(folder / "file", 0700, nullptr)) ==
        (folder / "file") + ": cannot open the directory: Not a directory");
  std::filesystem::create_directory_symlink("/tmp", folder / "link");
  CHECK(text(prepare_directory(folder / "link", 0700, nullptr)) ==
        (folder / "link") + ": cannot open the directory: Not a directory");
  CHECK(text(prepare_directory(folder / "file/below", 0700, nullptr)) ==
        (folder / "file") + ": cannot make the directory: Not a directory");
  if (::geteuid() != 0) return;  // only root can make a directory that is a stranger's
  const SystemUser account = stranger();
  std::filesystem::create_directory(folder / "theirs");
  REQUIRE(::chown((folder / "theirs").c_str(), account.uid, account.gid) == 0);
  CHECK(text(prepare_directory(folder / "theirs", 0700, nullptr)) ==
        (folder / "theirs") + ": belongs to the user with id " + std::to_string(account.uid) +
            ", who is neither root nor the daemon's own; name another directory");
}

TEST_CASE("the soft limit of open files is raised to the hard one") {
  const std::string said = in_child([] {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::string("getrlimit");
    limit.rlim_cur = 64;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return std::string("setrlimit");
    const auto raised = raise_open_files();
    if (!raised) return raised.problem().message;
    rlimit now{};
    if (::getrlimit(RLIMIT_NOFILE, &now) != 0) return std::string("getrlimit");
    return std::to_string(raised->before) +
           (raised->now == limit.rlim_max && now.rlim_cur == limit.rlim_max ? ", raised" : ", not raised");
  });
  CHECK(said == "64, raised");
}

}  // namespace
}  // namespace promised
