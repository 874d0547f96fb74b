// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/report.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/file_kind.hpp"
#include "common/units.hpp"
#include "daemon/config/pools.hpp"

namespace promised::config {
namespace {

std::string program_warning(const std::string& program) {
  struct stat found {};
  if (::stat(program.c_str(), &found) != 0) return program + ": " + std::strerror(errno);
  if (!S_ISREG(found.st_mode))
    return program + ": is " + std::string(kind_of_file(found.st_mode)) + ", not a program";
  if (::access(program.c_str(), X_OK) != 0) return program + ": not executable (chmod +x)";
  return {};
}

/// Where workers have no cgroup, the kernel counts all processes of a user.
std::string processes_warning(const PoolSettings& pool, bool as_root) {
  if (pool.processes == 0) return {};
  if (as_root) return "processes is kept for root's workers only where each has a cgroup; give it a user";
  const std::uint64_t each = processes_of_job(pool);
  if (each == 1 || pool.processes >= each * pool.most()) return {};
  return "without cgroups, processes = " + std::to_string(pool.processes) +
         " counts everything that the pool's user runs; " + std::to_string(pool.most()) +
         " workers with a job each need " + std::to_string(each * pool.most()) +
         ", so some workers may be unable to run a job";
}

std::string directory_warning(const std::string& directory) {
  struct stat found {};
  if (::stat(directory.c_str(), &found) != 0) return "directory " + directory + ": " + std::strerror(errno);
  if (!S_ISDIR(found.st_mode)) return "directory " + directory + ": not a directory";
  return {};
}

std::string octal(mode_t mode) {
  std::string text;
  for (int shift = 9; shift >= 0; shift -= 3) text += static_cast<char>('0' + ((mode >> shift) & 7));
  return text;
}

std::string ids(const std::vector<uid_t>& list) {
  std::string text;
  for (const uid_t id : list) text += (text.empty() ? "" : ", ") + std::to_string(id);
  return text;
}

std::string who_may(const Access& access) {
  if (access.everyone) return "every local user";
  std::string text = "root and the daemon's own user";
  if (!access.users.empty()) text += ", users " + ids(access.users);
  if (!access.groups.empty()) text += ", groups " + ids(access.groups);
  return text;
}

std::string shared_line(const SharedNames& rule) {
  std::string text = "names " + rule.prefix + "… " +
                     (rule.use == NameUse::read ? "may be read by" : "may be read and written by");
  if (rule.everyone) text += " everyone with access";
  if (!rule.users.empty()) text += " users " + ids(rule.users);
  if (!rule.groups.empty()) text += " groups " + ids(rule.groups);
  return text;
}

std::string pool_line(const PoolSettings& pool) {
  std::string text = "pool " + pool.name + ": " + std::to_string(pool.size);
  if (pool.most() > pool.size) text += ".." + std::to_string(pool.most());
  text += " x " + pool.program;
  for (const std::string& argument : pool.arguments) text += " " + argument;
  if (!pool.user.empty()) text += ", as " + pool.user;
  if (pool.memory_limit != 0) text += ", memory " + format_size(pool.memory_limit);
  if (pool.run_timeout != Millis(0)) text += ", run_timeout " + format_duration(pool.run_timeout);
  text += ", queues";
  if (pool.queues.empty()) text += " all";
  for (const std::string& queue : pool.queues) text += " " + queue;
  if (!pool.functions.empty()) text += ", functions";
  for (const std::string& function : pool.functions) text += " " + function;
  return text;
}

std::string queue_line(const QueueSettings& queue) {
  std::string text = "queue " + queue.name + ": weight " + std::to_string(queue.weight);
  if (queue.ageing != Millis(0)) text += ", ageing " + format_duration(queue.ageing);
  if (queue.rate.limits()) text += ", rate " + format_rate(queue.rate);
  if (queue.max_length != 0) text += ", max_length " + std::to_string(queue.max_length);
  if (queue.hold) text += ", hold";
  if (queue.paused) text += ", paused";
  return text;
}

std::string command_line(const CommandSettings& command) {
  std::string text = "command " + command.name + ": after";
  for (const State outcome : command.outcomes) text += " " + std::string(to_string(outcome));
  text += ", in queue " + command.queue + ":";
  for (const std::string& word : command.words) text += " " + word;
  return text;
}

}  // namespace

std::vector<std::string> warnings(const Invocation& invocation, const Environment& environment) {
  const Settings& settings = invocation.settings;
  std::vector<std::string> found;
  if (settings.pools.empty() && !invocation.without_pools)
    found.emplace_back("there is no pool: every submission will be refused");
  for (const PoolSettings& pool : settings.pools) {
    const std::string in = "pool " + pool.name + ": ";
    if (const auto program = program_warning(pool.program); !program.empty()) found.push_back(in + program);
    if (const auto directory = directory_warning(pool.directory); !directory.empty())
      found.push_back(in + directory);
    const bool as_root = environment.uid == 0 && pool.user.empty() && settings.user.empty();
    if (const auto processes = processes_warning(pool, as_root); !processes.empty())
      found.push_back(in + processes);
    if (pool.user.empty()) continue;
    if (!environment.find_user(pool.user)) {
      found.push_back(in + "there is no user '" + pool.user + "' on this system");
    } else if (environment.uid != 0) {
      found.push_back(in + "only a daemon that root starts can run workers as '" + pool.user + "'");
    }
  }
  return found;
}

std::string report(const Invocation& invocation, const Environment& environment) {
  const Settings& settings = invocation.settings;
  std::string text;
  text += "configuration " + (settings.config_file.empty() ? "none" : settings.config_file) + "\n";
  text += "endpoint " + settings.endpoint + ", mode " + octal(settings.endpoint_mode) + "\n";
  text += "state_dir " + settings.state_dir + "\n";
  if (!settings.user.empty()) text += "user " + settings.user + "\n";
  text += "access " + who_may(settings.access) + "\n";
  for (const SharedNames& rule : settings.access.shared) text += shared_line(rule) + "\n";
  for (const PoolSettings& pool : settings.pools) text += pool_line(pool) + "\n";
  for (const QueueSettings& queue : settings.queues) text += queue_line(queue) + "\n";
  for (const QuotaSettings& quota : settings.quotas)
    text += "quota " + quota.name + ": " + std::to_string(quota.size) + "\n";
  for (const CommandSettings& command : settings.commands) text += command_line(command) + "\n";
  for (const std::string& warning : warnings(invocation, environment)) text += "warning: " + warning + "\n";
  return text + "ok\n";
}

}  // namespace promised::config
