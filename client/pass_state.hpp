// SPDX-License-Identifier: Apache-2.0
// What is behind a Pass: one run of a handler, the keys that it shares with all other runs, and what it
// registered.
#pragma once

#include <promised/resolve.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "client/keys.hpp"

namespace promised::detail {

/// Until when resolve() waits, and how long that was when it began.
struct TimeLimit {
  std::chrono::steady_clock::time_point deadline;
  std::chrono::milliseconds timeout;
};

struct PassState {
  Client& client;
  const ResolveOptions& options;
  Keys& keys;
  Keys::Who who;  ///< the resolve that this is a pass of
  TimeLimit limit;
  int number = 1;
  std::vector<std::function<void()>> hooks = {};
  std::optional<std::chrono::milliseconds> placeholder_patience = {};  ///< set: publish it
};

}  // namespace promised::detail
