// SPDX-License-Identifier: Apache-2.0
// A child of the test that does nothing, for tests of who is found and who is killed.
#pragma once

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "daemon/spawner/process_facts.hpp"
#include "tests/support/eventually.hpp"

namespace promised::test {

/// A variable of an environment.
inline std::string variable(std::string_view name, std::string_view value) {
  std::string text(name);
  return text.append("=").append(value);
}

/// /bin/sleep in a session of its own, with one variable in its environment; ends with this object, if nobody
/// has ended and reaped it before.
class Sleeper {
 public:
  explicit Sleeper(const std::string& variable = "NOTHING=", uid_t user = ::geteuid()) : pid_(::fork()) {
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      std::array<char*, 2> environment{const_cast<char*>(variable.c_str()), nullptr};
      std::array<char*, 3> command{const_cast<char*>("sleep"), const_cast<char*>("600"), nullptr};
      if (::setsid() < 0) ::_exit(9);
      if (user != ::geteuid() && (::setresgid(user, user, user) != 0 || ::setresuid(user, user, user) != 0))
        ::_exit(9);
      ::execve("/bin/sleep", command.data(), environment.data());
      ::_exit(9);
    }
    REQUIRE(eventually([&] { return promised::command_of(pid_) == "sleep 600"; }));
  }
  ~Sleeper() {
    if (is_ours()) ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool lives() const { return started_at(pid_).has_value(); }

 private:
  // The number of a child that was reaped may be anybody's.
  [[nodiscard]] bool is_ours() const { return ::waitpid(pid_, nullptr, WNOHANG) == 0; }

  pid_t pid_;
};

}  // namespace promised::test
