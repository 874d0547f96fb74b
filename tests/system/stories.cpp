// SPDX-License-Identifier: Apache-2.0
#include "tests/system/stories.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <system_error>

namespace promised::test {
namespace {

std::string guarded(const std::function<std::string()>& f) {
  try {
    return f();
  } catch (const std::exception& e) {
    return std::string("threw: ") + e.what();
  }
}

[[noreturn]] void answer(const std::function<std::string()>& f, std::optional<uid_t> user, int out) {
  if (user) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(*user, *user, *user) != 0 ||
        ::setresuid(*user, *user, *user) != 0) {
      ::_exit(126);
    }
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const std::string text = guarded(f);
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t n = ::write(out, rest.data(), rest.size());
    if (n < 0) ::_exit(125);
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  ::_exit(0);
}

}  // namespace

DaemonConfig story_config(int size, const DaemonConfig::Lines& lines) {
  DaemonConfig config;
  config.pool("story", STORY_WORKER, {{"size", std::to_string(size)}, {"kill_grace", "300ms"}});
  for (const auto& [key, value] : lines) config.set("pool.story", key, value);
  return config;
}

Client connect(const TestDaemon& daemon) {
  ClientOptions options;
  options.endpoint = daemon.endpoint();
  options.connect_timeout = kPatience;
  return Client(options);
}

std::string in_other_process(const std::function<std::string()>& f, std::optional<uid_t> user) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  const Fd in(pipe[0]);
  Fd out(pipe[1]);
  const pid_t pid = ::fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid == 0) answer(f, user, out.get());
  out.reset();
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 1; n > 0;) {
    n = ::read(in.get(), buffer.data(), buffer.size());
    if (n > 0) text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE_MESSAGE(status == 0, "the other process ended with status " << status << ", after: " << text);
  return text;
}

std::string thrown_by(const std::function<void()>& f) {
  try {
    f();
    return "nothing";
  } catch (const RefusedError& e) {
    return "RefusedError " + e.code() + ": " + e.what();
  } catch (const NameTaken& e) {
    return std::string("NameTaken: ") + e.what();
  } catch (const NoSuchFuture& e) {
    return "NoSuchFuture " + std::string(to_string(e.state())) + ": " + e.what();
  } catch (const JobFailed& e) {
    return "JobFailed " + std::string(to_string(e.failure().cause)) + ": " + e.what();
  } catch (const CancelledError& e) {
    return std::string("CancelledError: ") + e.what();
  } catch (const ExpiredError& e) {
    return std::string("ExpiredError: ") + e.what();
  } catch (const TimeoutError& e) {
    return std::string("TimeoutError: ") + e.what();
  } catch (const DisconnectedError& e) {
    return std::string("DisconnectedError: ") + e.what();
  } catch (const PartsRestarted& e) {
    return std::string("PartsRestarted: ") + e.what();
  } catch (const std::exception& e) {
    return std::string("exception: ") + e.what();
  }
}

PoolView pool_view(Client& client, const std::string& name) {
  const StatusView status = client.status();
  const auto pool =
      std::find_if(status.pools.begin(), status.pools.end(), [&](const auto& p) { return p.name == name; });
  REQUIRE_MESSAGE(pool != status.pools.end(), "no pool " << name << " in the status");
  return *pool;
}

std::size_t lines_in(const std::filesystem::path& file) {
  const std::string text = read_file(file);
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace promised::test
