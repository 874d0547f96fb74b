// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/notify.hpp"

#include <systemd/sd-daemon.h>

#include <string>

#include "common/printable.hpp"

namespace promised::notify {
namespace {

Result<void> send(const std::string& message) {
  const int sent = ::sd_notify(0, message.c_str());
  if (sent < 0) return Problem::system("cannot tell systemd '" + printable(message) + "'", -sent);
  return {};
}

/// A line end in it would begin another assignment.
std::string status_line(std::string_view status) {
  return "STATUS=" + printable(status);
}

}  // namespace

Result<void> ready(std::string_view text) {
  return send("READY=1\n" + status_line(text));
}

Result<void> status(std::string_view text) {
  return send(status_line(text));
}

Result<void> reloading() {
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(Instant::clock::now().time_since_epoch());
  return send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count()));
}

Result<void> stopping(std::string_view text) {
  return send("STOPPING=1\n" + status_line(text));
}

Result<void> watchdog() {
  return send("WATCHDOG=1");
}

Result<std::optional<Nanos>> watchdog_interval() {
  std::uint64_t microseconds = 0;
  const int enabled = ::sd_watchdog_enabled(0, &microseconds);
  if (enabled < 0)
    return Problem::system("cannot read systemd's watchdog time from $WATCHDOG_USEC", -enabled);
  if (enabled == 0) return std::optional<Nanos>();
  return std::optional<Nanos>(std::chrono::microseconds(microseconds / 2));
}

}  // namespace promised::notify
