// SPDX-License-Identifier: Apache-2.0
// promised, the daemon: from the command line to the loop.
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/result.hpp"
#include "daemon/config.hpp"
#include "daemon/daemon.hpp"
#include "daemon/ops/log.hpp"
#include "daemon/ops/privileges.hpp"
#include "daemon/ops/signals.hpp"
#include "daemon/spawner/killed.hpp"
#include "daemon/spawner/process_facts.hpp"
#include "daemon/spawner/spawner.hpp"

namespace promised {
namespace {

// What the process ends with.
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kStoreFailed = 74;  // EX_IOERR

/// The folders of the state and of the socket exist and belong to `account`.
Result<void> prepare_directories(const Settings& settings, const SystemUser* account) {
  constexpr mode_t kPrivate = 0700;
  constexpr mode_t kReachable = 0755;
  PROMISED_TRY(prepare_directory(settings.state_dir, kPrivate, account));
  const std::filesystem::path socket = settings.endpoint.substr(std::string_view("ipc://").size());
  const bool for_others = (settings.endpoint_mode & 077) != 0;
  return prepare_directory(socket.parent_path().string(), for_others ? kReachable : kPrivate, account);
}

/// When the spawner is killed, what it had to look after comes here: the nearest ancestor that lives.
Result<void> become_heir() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return Problem::system("PR_SET_CHILD_SUBREAPER");
  return {};
}

/// Ends what jobs had started and the spawner can end no more (SEMANTICS I4). `inherited` was there before.
void end_inheritance(const std::vector<pid_t>& inherited) {
  const auto refused = end_children(inherited);
  if (!refused) return log::warning("what jobs had started may be left: " + refused.problem().message);
  for (const pid_t pid : *refused) {
    log::warning(
        "process " + std::to_string(pid) + " (" + command_of(pid) +
        "), which a job has started, has not ended: it belongs to another user, or hangs in the kernel; "
        "the next start ends it");
  }
}

Result<Ending> serve(Settings settings, Reloader::Read read, std::unique_ptr<Spawner> spawner,
                     std::unique_ptr<Signals> signals) {
  PROMISED_ASSIGN(auto daemon,
                  Daemon::open(std::move(settings), std::move(read), std::move(spawner), std::move(signals)));
  return daemon->run();
}

std::vector<std::string> users_of(const std::vector<PoolSettings>& pools) {
  std::vector<std::string> users;
  for (const PoolSettings& pool : pools) {
    if (!pool.user.empty()) users.push_back(pool.user);
  }
  return users;
}

Result<Ending> serve(Settings settings, Reloader::Read read) {
  // Before any thread: the signal mask, and the process that keeps the privileges.
  PROMISED_ASSIGN(auto signals, Signals::open());
  PROMISED_ASSIGN(const auto open_files, raise_open_files());
  log::debug("open files: at most " + std::to_string(open_files.now));
  std::optional<SystemUser> account;
  if (!settings.user.empty()) {
    PROMISED_ASSIGN(account, find_user(settings.user));
  }
  PROMISED_TRY(prepare_directories(settings, account ? &*account : nullptr));
  PROMISED_ASSIGN(const std::vector<pid_t> inherited, children_of_this_thread());
  PROMISED_TRY(become_heir());
  PROMISED_ASSIGN(auto spawner, Spawner::fork(settings.user, users_of(settings.pools), open_files.before));
  if (account) PROMISED_TRY(become(*account));
  ::umask(0077);
  auto ending = serve(std::move(settings), std::move(read), std::move(spawner), std::move(signals));
  if (!ending) end_inheritance(inherited);
  return ending;
}

/// A file that was emptied, or is still being written, is none that anybody means.
Result<void> refuse_loss_of_all_pools(const Invocation& again) {
  if (again.without_pools || !again.settings.pools.empty()) return {};
  const std::string& file = again.settings.config_file;
  return Problem::of("config",
                     (file.empty() ? "the configuration" : file) +
                         ": there is no pool in it, and all pools that are there would go; if that is "
                         "meant, say pools = none in [daemon]");
}

int run(int argc, char** argv) {
  // Also what is read later is read as whoever has started it.
  const Environment environment = Environment::of_process();
  auto invocation = read_invocation(argc, argv, environment);
  if (!invocation) {
    std::cerr << "promised: " << invocation.problem().message << '\n';
    return invocation.problem().code == "usage" ? kUsage : kFailed;
  }
  if (invocation->action != Invocation::Action::run) {
    std::cout << invocation->text;
    return 0;
  }
  if (auto started = log::start(invocation->settings.log_level, log::style_of_stderr()); !started) {
    std::cerr << "promised: " << started.problem().message << '\n';
    return kFailed;
  }
  const auto read = [&, had_pools = !invocation->settings.pools.empty()]() mutable -> Result<Settings> {
    PROMISED_ASSIGN(Invocation again, read_invocation(argc, argv, environment));
    if (had_pools) PROMISED_TRY(refuse_loss_of_all_pools(again));
    had_pools = !again.settings.pools.empty();
    return std::move(again.settings);
  };
  const auto ending = serve(std::move(invocation->settings), read);
  if (!ending) {
    log::error(ending.problem().message);
    return kFailed;
  }
  if (*ending == Ending::store_failed) return kStoreFailed;
  log::info("stopped");
  return 0;
}

}  // namespace
}  // namespace promised

int main(int argc, char** argv) {
  return promised::run(argc, argv);
}
