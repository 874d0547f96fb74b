// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "common/fd.hpp"
#include "tests/unit/ops/folder.hpp"

namespace promised {
namespace {

using namespace std::chrono_literals;

/// systemd's end: a datagram socket that $NOTIFY_SOCKET names.
class Listener {
 public:
  Listener()
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)), variable_("NOTIFY_SOCKET", folder_ / "n") {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder_ / "n";
    REQUIRE(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }

  /// What has been said, one datagram; sd_notify has sent it when it returns.
  [[nodiscard]] std::string heard() const {
    std::array<char, 4096> buffer{};
    const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n < 0 ? "nothing" : std::string(buffer.data(), static_cast<std::size_t>(n));
  }

 private:
  Folder folder_;
  Fd socket_;
  Variable variable_;
};

TEST_CASE("systemd is told what the daemon does") {
  const Listener systemd;
  CHECK(notify::ready("2 pools").ok());
  CHECK(systemd.heard() == "READY=1\nSTATUS=2 pools");
  CHECK(notify::status("3 jobs").ok());
  CHECK(systemd.heard() == "STATUS=3 jobs");
  CHECK(notify::watchdog().ok());
  CHECK(systemd.heard() == "WATCHDOG=1");
  CHECK(notify::reloading().ok());
  CHECK(systemd.heard().starts_with("RELOADING=1\nMONOTONIC_USEC="));
  CHECK(notify::stopping("1 job left").ok());
  CHECK(systemd.heard() == "STOPPING=1\nSTATUS=1 job left");
  CHECK(systemd.heard() == "nothing");
}

TEST_CASE("a status cannot smuggle in another assignment") {
  const Listener systemd;
  CHECK(notify::status("a\nMAINPID=1").ok());
  CHECK(systemd.heard() == "STATUS=a\\nMAINPID=1");
}

TEST_CASE("without systemd nothing happens") {
  const Variable none("NOTIFY_SOCKET", std::nullopt);
  CHECK(notify::ready("x").ok());
  CHECK(notify::watchdog().ok());
}

TEST_CASE("a notify socket that is gone is a problem that says so") {
  const Folder folder;
  const Variable gone("NOTIFY_SOCKET", folder / "none");
  const Result<void> told = notify::watchdog();
  REQUIRE_FALSE(told.ok());
  CHECK(told.problem().message == "cannot tell systemd 'WATCHDOG=1': No such file or directory");
}

TEST_CASE("the watchdog is answered twice as often as systemd asks") {
  const Variable time("WATCHDOG_USEC", "3000000");
  {
    const Variable pid("WATCHDOG_PID", std::to_string(::getpid()));
    const auto interval = notify::watchdog_interval();
    REQUIRE(interval.ok());
    CHECK(*interval == std::optional<Nanos>(1500ms));
  }
  const Variable other("WATCHDOG_PID", "1");
  const auto interval = notify::watchdog_interval();
  REQUIRE(interval.ok());
  CHECK_FALSE(interval->has_value());
}

TEST_CASE("no watchdog time means no watchdog, a senseless one is a problem") {
  const Variable pid("WATCHDOG_PID", std::nullopt);
  {
    const Variable time("WATCHDOG_USEC", std::nullopt);
    const auto interval = notify::watchdog_interval();
    REQUIRE(interval.ok());
    CHECK_FALSE(interval->has_value());
  }
  const Variable time("WATCHDOG_USEC", "soon");
  const auto interval = notify::watchdog_interval();
  REQUIRE_FALSE(interval.ok());
  CHECK(interval.problem().message ==
        "cannot read systemd's watchdog time from $WATCHDOG_USEC: Invalid argument");
}

}  // namespace
}  // namespace promised
