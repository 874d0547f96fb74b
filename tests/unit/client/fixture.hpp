// SPDX-License-Identifier: Apache-2.0
// A client and the fake daemon that it talks to.
#pragma once

#include <doctest/doctest.h>
#include <promised/client.hpp>

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tests/support/detached.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/fake_daemon.hpp"
#include "tests/support/temp_directory.hpp"

namespace promised::test {

/// What a client logged.
class Log {
 public:
  [[nodiscard]] std::function<void(std::string_view)> handler() {
    return [this](std::string_view line) {
      const std::lock_guard lock(mutex_);
      lines_.emplace_back(line);
    };
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  /// Whether a line has `part` in it.
  [[nodiscard]] bool has(const std::string& part) const {
    for (const std::string& line : lines()) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

inline message::Submit submit_of(const FakeDaemon::Message& m) {
  return std::get<message::Submit>(m.request.body);
}
inline message::Follow follow_of(const FakeDaemon::Message& m) {
  return std::get<message::Follow>(m.request.body);
}

struct Fixture {
  TempDirectory directory;
  std::string endpoint = "ipc://" + (directory / "promised.sock").string();
  Log log;
  FakeDaemon daemon{endpoint};

  [[nodiscard]] ClientOptions options() {
    ClientOptions o;
    o.endpoint = endpoint;
    o.connect_timeout = kPatience;
    o.close_timeout = kPatience;
    o.program = "unit test";
    o.log = log.handler();
    return o;
  }
  /// Submit requests as far as the daemon has seen them.
  [[nodiscard]] message::Submit submitted(std::size_t nth = 1) const {
    return std::get<message::Submit>(daemon.wait_for<message::Submit>(nth).request.body);
  }
};

/// The message of the E that `f` throws; a test failure in words if it throws anything else.
template <class E, class F>
[[nodiscard]] std::string message_of(F&& f) {
  try {
    static_cast<void>(f());
  } catch (const E& e) {
    return e.what();
  } catch (const std::exception& e) {
    return std::string("threw something else: ") + e.what();
  }
  return "threw nothing";
}

/// A client of little patience that the daemon has greeted: the patience is for a daemon that goes.
inline void await_greeting(Client& client) {
  const auto greeted = [&] {
    return message_of<DisconnectedError>([&] {
             client.reach(kPatience);
             return 0;
           }) == "threw nothing";
  };
  REQUIRE(eventually(greeted));
}

[[nodiscard]] inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace promised::test
