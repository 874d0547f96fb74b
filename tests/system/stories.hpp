// SPDX-License-Identifier: Apache-2.0
// What the stories have in common: a daemon with the story worker, clients of it, other processes and other
// users.
#pragma once

#include <sys/types.h>
#include <promised/client.hpp>

#include <functional>
#include <optional>
#include <string>

#include "tests/support/daemon.hpp"

namespace promised::test {

/// A user who is neither root nor the daemon: "nobody".
inline constexpr uid_t kStranger = 65534;

/// One pool, "story", of `size` story workers with short graces; `lines` are further keys of its section.
[[nodiscard]] DaemonConfig story_config(int size = 2, const DaemonConfig::Lines& lines = {});

[[nodiscard]] Client connect(const TestDaemon& daemon);

/// What `f` returns in a process of its own, as another user if one is given; what it throws comes back as
/// "threw: MESSAGE". The process has no client yet, and none may be open in this one.
[[nodiscard]] std::string in_other_process(const std::function<std::string()>& f,
                                           std::optional<uid_t> user = {});

/// What `f` throws, as "TYPE: MESSAGE" with the library's own names of types; "nothing".
[[nodiscard]] std::string thrown_by(const std::function<void()>& f);

/// The pool of that name in the daemon's status.
[[nodiscard]] PoolView pool_view(Client& client, const std::string& name);

/// How many lines the file has; 0 if there is none.
[[nodiscard]] std::size_t lines_in(const std::filesystem::path& file);

}  // namespace promised::test
