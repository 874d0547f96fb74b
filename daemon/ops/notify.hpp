// SPDX-License-Identifier: Apache-2.0
// What systemd is told (Type=notify), and the watchdog that it expects. Does nothing where nobody listens:
// every call succeeds when $NOTIFY_SOCKET is unset.
#pragma once

#include <optional>
#include <string_view>

#include "common/clock.hpp"
#include "common/result.hpp"

namespace promised::notify {

/// The daemon serves; `status` is a line for `systemctl status`.
[[nodiscard]] Result<void> ready(std::string_view status);
[[nodiscard]] Result<void> status(std::string_view status);
/// The configuration is being read again; ready() says that it is done.
[[nodiscard]] Result<void> reloading();
[[nodiscard]] Result<void> stopping(std::string_view status);
[[nodiscard]] Result<void> watchdog();

/// How often to call watchdog(): half of what systemd allows; nothing if it does not watch this process.
[[nodiscard]] Result<std::optional<Nanos>> watchdog_interval();

}  // namespace promised::notify
