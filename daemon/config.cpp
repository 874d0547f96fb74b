// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/variables_map.hpp>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "common/nearest.hpp"
#include "daemon/config/commands.hpp"
#include "daemon/config/defaults.hpp"
#include "daemon/config/file.hpp"
#include "daemon/config/pools.hpp"
#include "daemon/config/queues.hpp"
#include "daemon/config/report.hpp"
#include "daemon/config/sections.hpp"
#include "daemon/config/values.hpp"

namespace promised {
namespace {

namespace po = boost::program_options;

/// The command line, before it is held against files and defaults.
struct Flags {
  std::string config, endpoint, state_dir, log_level;
  std::vector<std::string> pools;
  bool check = false, version = false, help = false, user_daemon = false;
};

po::options_description describe(Flags& flags) {
  po::options_description options("Options");
  const auto text = [](std::string& target, const char* name) {
    return po::value<std::string>(&target)->value_name(name);
  };
  auto add = options.add_options();
  add("config", text(flags.config, "FILE"), "read this configuration instead of the default one");
  add("check", po::bool_switch(&flags.check), "only check the configuration and print what it comes to");
  add("pool", po::value<std::vector<std::string>>(&flags.pools)->value_name("NAME=PROGRAM")->composing(),
      "add a pool with this worker program and its arguments; may be repeated");
  add("endpoint", text(flags.endpoint, "ipc://PATH"), "where clients connect");
  add("state-dir", text(flags.state_dir, "DIR"), "where jobs and results are kept");
  add("log-level", text(flags.log_level, "LEVEL"), "debug, info, warning or error");
  add("user-daemon", po::bool_switch(&flags.user_daemon),
      "be the user's own daemon even for root: $XDG_CONFIG_HOME, $XDG_RUNTIME_DIR, $XDG_STATE_HOME");
  add("version", po::bool_switch(&flags.version), "print the version");
  add("help", po::bool_switch(&flags.help), "print this help");
  return options;
}

std::string help_text(const po::options_description& options, const Environment& environment) {
  std::ostringstream text;
  text << "promised [OPTION]...\n"
          "Runs jobs for applications in pools of worker processes and keeps their results.\n\n"
       << options << "\nWithout --config root's daemon reads " << environment.system_config
       << " if it exists;\na user's own reads promised/promised.conf under $XDG_CONFIG_HOME (~/.config).\n";
  return text.str();
}

Result<Flags> read_flags(int argc, const char* const* argv) {
  Flags flags;
  const auto options = describe(flags);
  try {
    namespace style = po::command_line_style;
    const int how = style::allow_long | style::long_allow_next | style::long_allow_adjacent;
    po::variables_map values;
    po::store(po::command_line_parser(argc, argv).options(options).style(how).positional({}).run(), values);
    po::notify(values);
    return flags;
  } catch (const po::unknown_option& e) {
    std::vector<std::string> known;
    for (const auto& option : options.options()) known.push_back("--" + option->long_name());
    return Problem::of("usage", "unknown option '" + e.get_option_name() + "'" +
                                    did_you_mean(e.get_option_name(), known) + " (see promised --help)");
  } catch (const po::too_many_positional_options_error&) {
    return Problem::of("usage", "promised takes options only (see promised --help)");
  } catch (const po::error& e) {
    return Problem::of("usage", std::string(e.what()) + " (see promised --help)");
  }
}

Result<void> read_sections(const std::string& file, const Environment& environment, Settings& settings,
                           config::DaemonSection& daemon, config::Pools& pools, config::Commands& commands) {
  PROMISED_ASSIGN(const auto sections, config::parse_file(file));
  for (const auto& section : sections) {
    if (section.name == "daemon") {
      PROMISED_ASSIGN(daemon, config::read_daemon(section, environment, settings));
    } else if (section.name == "limits") {
      PROMISED_TRY(config::read_limits(section, settings.limits));
    } else if (section.name == "access") {
      PROMISED_TRY(config::read_access(section, environment, settings.access));
    } else if (config::Pools::is_pool(section)) {
      PROMISED_TRY(pools.add(section));
    } else if (config::is_queue(section)) {
      PROMISED_TRY(config::read_queue(section, settings.queues));
    } else if (config::is_quota(section)) {
      PROMISED_TRY(config::read_quota(section, settings.quotas));
    } else if (config::Commands::is_command(section)) {
      PROMISED_TRY(commands.add(section));
    } else {
      return section.place.problem(
          "unknown section [" + section.name + "]" +
          did_you_mean(section.name, {"daemon", "limits", "access", "pool.NAME", "queue.NAME", "quota.NAME",
                                      "command.NAME"}) +
          " (sections: [daemon], [limits], [access], [pool.NAME], [queue.NAME], [quota.NAME], "
          "[command.NAME])");
    }
  }
  return {};
}

/// The drop-in folder: the one that [daemon] names, which must be there, else `pools.d` beside the file if it
/// exists.
Result<void> read_folder(const config::DaemonSection& daemon, const std::string& file, config::Pools& pools) {
  std::error_code error;
  if (!daemon.pools_dir.empty()) {
    if (!std::filesystem::is_directory(daemon.pools_dir, error)) {
      return daemon.pools_dir_place.problem("pools_dir: there is no folder '" + daemon.pools_dir + "'");
    }
    return pools.add_folder(daemon.pools_dir);
  }
  const auto usual = std::filesystem::path(file).parent_path() / "pools.d";
  const auto status = std::filesystem::status(usual, error);
  if (status.type() == std::filesystem::file_type::not_found) return {};
  return pools.add_folder(usual.string());
}

Result<void> override_with(const Flags& flags, const Environment& environment, Settings& settings) {
  const auto set = [](const char* flag, const std::string& text, auto parse,
                      std::string& target) -> Result<void> {
    if (text.empty()) return {};
    const Result<std::string> value = parse(text);
    if (!value) return Problem::of("usage", std::string(flag) + ": " + value.problem().message);
    target = *value;
    return {};
  };
  const auto from_here = [&](const std::string& text) -> Result<std::string> {
    return (std::filesystem::path(environment.working_directory) / text).lexically_normal().string();
  };
  PROMISED_TRY(set("--endpoint", flags.endpoint, config::parse_endpoint, settings.endpoint));
  PROMISED_TRY(set("--state-dir", flags.state_dir, from_here, settings.state_dir));
  return set("--log-level", flags.log_level, config::parse_log_level, settings.log_level);
}

/// The configuration file: the one that was asked for, else the default one if it exists, else none.
Result<std::string> find_file(const Flags& flags, const config::Defaults& defaults,
                              const Environment& environment) {
  if (!flags.config.empty()) {
    return (std::filesystem::path(environment.working_directory) / flags.config).lexically_normal().string();
  }
  std::error_code error;
  const auto status = std::filesystem::status(defaults.config_file, error);
  if (status.type() == std::filesystem::file_type::not_found) return std::string();
  return defaults.config_file;
}

Result<void> read_settings(const Flags& flags, const Environment& environment, Invocation& into) {
  const bool system = environment.uid == 0 && !flags.user_daemon;
  const auto defaults = config::defaults_for(system ? config::Mode::system : config::Mode::user, environment);
  Settings& settings = into.settings;
  settings.endpoint = defaults.endpoint;
  settings.state_dir = defaults.state_dir;
  PROMISED_ASSIGN(settings.config_file, find_file(flags, defaults, environment));
  config::DaemonSection daemon;
  config::Pools pools;
  config::Commands commands;
  if (!settings.config_file.empty()) {
    PROMISED_TRY(read_sections(settings.config_file, environment, settings, daemon, pools, commands));
    PROMISED_TRY(read_folder(daemon, settings.config_file, pools));
  }
  PROMISED_TRY(override_with(flags, environment, settings));
  for (const std::string& pool : flags.pools) PROMISED_TRY(pools.add_flag(pool, environment));
  settings.pools = std::move(pools).take();
  PROMISED_TRY(commands.check(settings.pools));
  settings.commands = std::move(commands).take();
  if (daemon.without_pools && !settings.pools.empty()) {
    return daemon.pools_place.problem("pools = none, and there is a pool '" + settings.pools.front().name +
                                      "': take one of the two out");
  }
  if (environment.file_version) {
    for (PoolSettings& pool : settings.pools) pool.program_version = environment.file_version(pool.program);
  }
  const Result<std::string> endpoint = config::parse_endpoint(settings.endpoint);
  if (!endpoint)
    return Problem::of("config", "the default endpoint does not do: " + endpoint.problem().message +
                                     "; name another with --endpoint or endpoint = in [daemon]");
  const Access& access = settings.access;
  const bool others =
      access.everyone || !access.users.empty() || !access.groups.empty() || !access.admins.empty();
  if (others && !daemon.has_endpoint_mode) settings.endpoint_mode = 0666;
  into.without_pools = daemon.without_pools;
  return {};
}

std::string version_of_file(const std::string& path) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) return "none";  // starting a worker of it tells why
  return std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino) + ":" +
         std::to_string(file.st_size) + ":" + std::to_string(file.st_mtim.tv_sec) + "." +
         std::to_string(file.st_mtim.tv_nsec);
}

}  // namespace

Environment Environment::of_process() {
  Environment environment;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string::npos)
      environment.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  environment.uid = ::geteuid();
  if (const passwd* account = ::getpwuid(environment.uid)) environment.home = account->pw_dir;
  std::error_code error;  // an unlinked working directory: relative paths then start at the root
  environment.working_directory = std::filesystem::current_path(error).string();
  if (error) environment.working_directory = "/";
  environment.system_config = PROMISED_SYSTEM_CONFIG;
  environment.find_user = [](const std::string& name) -> std::optional<uid_t> {
    const passwd* account = ::getpwnam(name.c_str());
    return account == nullptr ? std::nullopt : std::optional(account->pw_uid);
  };
  environment.find_group = [](const std::string& name) -> std::optional<gid_t> {
    const group* found = ::getgrnam(name.c_str());
    return found == nullptr ? std::nullopt : std::optional(found->gr_gid);
  };
  environment.file_version = version_of_file;
  return environment;
}

std::optional<std::string> Environment::variable(const std::string& name) const {
  const auto found = variables.find(name);
  if (found == variables.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

Result<Invocation> read_invocation(int argc, const char* const* argv, const Environment& environment) {
  PROMISED_ASSIGN(const Flags flags, read_flags(argc, argv));
  Invocation invocation;
  if (flags.help) {
    Flags shown;
    invocation.action = Invocation::Action::help;
    invocation.text = help_text(describe(shown), environment);
    return invocation;
  }
  if (flags.version) {
    invocation.action = Invocation::Action::version;
    invocation.text = "promised " PROMISED_VERSION "\n";
    return invocation;
  }
  PROMISED_TRY(read_settings(flags, environment, invocation));
  if (flags.check) {
    invocation.action = Invocation::Action::check;
    invocation.text = config::report(invocation, environment);
  }
  return invocation;
}

}  // namespace promised
