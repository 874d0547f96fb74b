// SPDX-License-Identifier: Apache-2.0
// I6 through the real daemon: a worker that tries what its sandbox keeps it from.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>

#include "common/fd.hpp"
#include "tests/support/own_mounts.hpp"
#include "tests/system/sandbox.hpp"

using namespace promised;
using namespace promised::test;

namespace {

// A port on the loopback at which somebody listens as long as this lives.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(fd_.get(), generic, size) == 0);
    REQUIRE(::listen(fd_.get(), 1) == 0);
    REQUIRE(::getsockname(fd_.get(), generic, &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  Fd fd_;
  std::uint16_t port_ = 0;
};

// A process of this user, outside of any sandbox, as long as this lives.
class Outsider {
 public:
  Outsider() : pid_(::fork()) {
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) ::pause();
  }
  Outsider(const Outsider&) = delete;
  Outsider& operator=(const Outsider&) = delete;
  ~Outsider() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

}  // namespace

TEST_CASE("I6 without a sandbox a job sees what its user sees, and gains no privileges") {
  TestDaemon daemon(sandboxed("none"));
  Client client = connect(daemon);
  const Targets targets;
  const Listener listener;
  CHECK(client.submit<Numbers>("limits").result(kPatience).at("no_new_privs") == 1);
  CHECK(number(client, "create", targets.in_tmp.string()) == 0);
  CHECK(std::filesystem::exists(targets.in_tmp));
  CHECK(number(client, "create", targets.elsewhere.string()) == 0);
  CHECK(client.submit<std::int64_t>("connect_to", listener.port()).result(kPatience) == 0);
  // As the counterpart of what strict refuses: these fail for another reason here.
  const auto errors = client.submit<Numbers>("administer").result(kPatience);
  CHECK(errors.at("unshare") == EINVAL);
  CHECK(errors.at("keyctl") == EOPNOTSUPP);
  CHECK(errors.at("ptrace") == ESRCH);
}

TEST_CASE("I6 in the default sandbox each worker has a /tmp of its own") {
  TestDaemon daemon(sandboxed("default"));
  Client client = connect(daemon);
  const Targets targets;
  const Listener listener;
  CHECK(client.submit<Numbers>("limits").result(kPatience).at("no_new_privs") == 1);
  CHECK(number(client, "files_in", "/tmp") == 0);
  CHECK(number(client, "create", targets.in_tmp.string()) == 0);
  CHECK(number(client, "create", targets.in_tmp.string()) == EEXIST);
  CHECK(number(client, "files_in", "/tmp") == 1);
  CHECK_FALSE(std::filesystem::exists(targets.in_tmp));
  CHECK(number(client, "files_in", "/var/tmp") == 0);
  // The next worker has another.
  (void)client.submit("die").failure(kPatience);
  CHECK(number(client, "files_in", "/tmp") == 0);
  CHECK(client.submit<std::int64_t>("connect_to", listener.port()).result(kPatience) == 0);
  CHECK(number(client, "create", targets.elsewhere.string()) == 0);
}

TEST_CASE("I6 in the strict sandbox there is no network, nothing to write but /tmp, and no administration") {
  TestDaemon daemon(sandboxed("strict"));
  Client client = connect(daemon);
  const Targets targets;
  const Listener listener;
  CHECK(client.submit<Numbers>("limits").result(kPatience).at("no_new_privs") == 1);
  CHECK(number(client, "create", targets.elsewhere.string()) == EROFS);
  CHECK_FALSE(std::filesystem::exists(targets.elsewhere));
  CHECK(number(client, "files_in", "/tmp") == 0);
  CHECK(number(client, "create", targets.in_tmp.string()) == 0);
  CHECK_FALSE(std::filesystem::exists(targets.in_tmp));
  CHECK(client.submit<std::int64_t>("connect_to", listener.port()).result(kPatience) == ENETUNREACH);
  for (const auto& [call, error] : client.submit<Numbers>("administer").result(kPatience)) {
    CAPTURE(call);
    CHECK(error == EPERM);
  }
  CHECK(client.submit<std::string>("live").result(kPatience) == "thread, child");
}

TEST_CASE("I6 from the strict sandbox no way leads through other processes of the same user") {
  // Without root's privileges each sandbox takes a user namespace.
  const std::int64_t by_default = ::geteuid() == 0 ? 0 : EACCES;
  for (const auto& [level, error] : {std::pair{"default", by_default}, {"strict", EACCES}}) {
    CAPTURE(level);
    TestDaemon daemon(sandboxed(level));
    Client client = connect(daemon);
    const Outsider outsider;
    CHECK(number(client, "open", "/proc/" + std::to_string(outsider.pid()) + "/root/") == error);
    CHECK(number(client, "open", "/proc/self/root/") == 0);
  }
}

TEST_CASE("I6 in the strict sandbox root has no privileges over what is not root's" *
          doctest::skip(::geteuid() != 0)) {
  const Targets targets;
  write_file(targets.elsewhere, "not for everybody");
  REQUIRE(::chown(targets.elsewhere.c_str(), kStranger, kStranger) == 0);
  REQUIRE(::chmod(targets.elsewhere.c_str(), 0600) == 0);
  for (const auto& [level, error] :
       {std::pair<const char*, std::int64_t>{"default", 0}, {"strict", EACCES}}) {
    CAPTURE(level);
    TestDaemon daemon(sandboxed(level));
    Client client = connect(daemon);
    CHECK(number(client, "open", targets.elsewhere.string()) == error);
  }
}

TEST_CASE("I6 in the strict sandbox nobody has a capability, and root cannot open the sandbox from inside") {
  TestDaemon daemon(sandboxed("strict"));
  Client client = connect(daemon);
  const Targets targets;
  auto capabilities = client.submit<Numbers>("capabilities").result(kPatience);
  CHECK(capabilities.size() == 6);
  CHECK(capabilities.extract("securebits").mapped() ==
        (SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
         SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED));
  for (const auto& [set, members] : capabilities) {
    CAPTURE(set);
    CHECK(members == 0);
  }
  for (const auto& [way, error] : client.submit<Numbers>("break_out").result(kPatience)) {
    CAPTURE(way);
    CHECK(error == EPERM);
  }
  CHECK(number(client, "create", targets.elsewhere.string()) == EROFS);
  CHECK_FALSE(std::filesystem::exists(targets.elsewhere));
  // Its own files are its own.
  write_file(targets.elsewhere, "for its owner");
  REQUIRE(::chmod(targets.elsewhere.c_str(), 0400) == 0);
  CHECK(number(client, "open", targets.elsewhere.string()) == 0);
}

TEST_CASE(
    "I6 what is mounted when a worker is there already comes into the default sandbox, not into strict" *
    doctest::skip(::geteuid() != 0)) {
  const Targets targets;
  std::filesystem::create_directory(targets.elsewhere);
  const std::string file = (targets.elsewhere / "file").string();
  for (const auto& [level, error] : {std::pair<const char*, std::int64_t>{"default", 0}, {"strict", EROFS}}) {
    CAPTURE(level);
    OwnMounts mounts;
    TestDaemon daemon(sandboxed(level));
    Client client = connect(daemon);
    REQUIRE(number(client, "files_in", targets.elsewhere.string()) == 0);
    mounts.mount("tmpfs", targets.elsewhere.string());
    CHECK(number(client, "create", file) == error);
    CHECK(std::filesystem::exists(file) == (error == 0));
  }
}

TEST_CASE("I6 in the strict sandbox the sockets of the user's own services are hidden" *
          doctest::skip(::geteuid() != 0)) {
  for (const auto& [level, error] :
       {std::pair<const char*, std::int64_t>{"default", 0}, {"strict", ENOENT}}) {
    CAPTURE(level);
    OwnMounts mounts;
    mounts.mount("tmpfs", "/run");
    std::filesystem::create_directories("/run/user/0");
    write_file("/run/user/0/bus", "");
    DaemonConfig config = sandboxed(level);
    config.pool("hidden", worker_binary("confined"), {{"sandbox", level}, {"directory", "/run/user/0"}});
    TestDaemon daemon(config);
    Client client = connect(daemon);
    CHECK(number(client, "open", "/run/user/0/bus") == error);
    const std::string wanted = error == 0 ? "ready" : "failing";
    CHECK(eventually([&] { return pool_view(client, "hidden").state == wanted; }));
    if (error == 0) continue;
    CHECK(number(client, "files_in", "/run/user") == 0);
    CHECK(number(client, "create", "/run/user/file") == EROFS);
    CHECK(pool_view(client, "hidden").reason.find("(in its sandbox a worker sees nothing of /run/user)") !=
          std::string::npos);
  }
}

TEST_CASE("I6 what a sandboxed worker leaves behind goes with it") {
  TestDaemon daemon(sandboxed("strict"));
  Client client = connect(daemon);
  const auto job = client.submit("desert_and_stay", false);
  std::optional<pid_t> left;
  REQUIRE(eventually([&] { return (left = job.note<pid_t>("left")).has_value(); }));
  CHECK(::kill(*left, 0) == 0);
  ::kill(client.show(job.id(), kPatience).worker_pid, SIGKILL);
  CHECK(eventually([&] { return ::kill(*left, 0) != 0; }));
}

TEST_CASE("I6 a program or a directory that its sandbox hides from a worker is told as that") {
  TestDaemon daemon(DaemonConfig(), TestDaemon::NotStarted{});
  DaemonConfig config = sandboxed("default");
  config.set("pool.confined", "directory", daemon.directory().path().string());
  config.pool("hidden", (daemon.directory() / "worker").string(), {{"sandbox", "default"}});
  std::filesystem::create_symlink(worker_binary("confined"), daemon.directory() / "worker");
  daemon.configure(config);
  daemon.start();
  Client client = connect(daemon);
  for (const char* name : {"hidden", "confined"}) {
    CAPTURE(name);
    REQUIRE(eventually([&] { return pool_view(client, name).state == "failing"; }));
    CHECK(pool_view(client, name)
              .reason.find("No such file or directory (in its sandbox a worker has an empty /tmp and "
                           "/var/tmp of its own)") != std::string::npos);
  }
}
