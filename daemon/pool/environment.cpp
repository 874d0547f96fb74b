// SPDX-License-Identifier: Apache-2.0
#include "daemon/pool/environment.hpp"

#include <pwd.h>
#include <unistd.h>

#include <map>

namespace promised {
namespace {

const passwd* account_of(const std::string& user) {
  return user.empty() ? ::getpwuid(::getuid()) : ::getpwnam(user.c_str());
}

}  // namespace

std::vector<std::string> worker_environment(const Settings& settings, const PoolSettings& pool) {
  std::map<std::string, std::string> variables{{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                               {"LANG", "C.UTF-8"},
                                               {"PROMISED_POOL", pool.name},
                                               {"PROMISED_ENDPOINT", settings.endpoint}};
  // An unknown user is not reported here: starting the worker fails with the reason.
  if (const passwd* account = account_of(pool.user.empty() ? settings.user : pool.user); account != nullptr) {
    variables["HOME"] = account->pw_dir;
    variables["USER"] = account->pw_name;
    variables["LOGNAME"] = account->pw_name;
  }
  for (const auto& [key, value] : pool.environment) variables[key] = value;
  std::vector<std::string> out;
  out.reserve(variables.size());
  for (const auto& [key, value] : variables) out.push_back(key + "=" + value);
  return out;
}

}  // namespace promised
