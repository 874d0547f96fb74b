// SPDX-License-Identifier: Apache-2.0
#include "daemon/pool/environment.hpp"

#include <pwd.h>
#include <unistd.h>

#include <map>
#include <utility>

namespace promised {
namespace {

const passwd* account_of(const std::string& user) {
  return user.empty() ? ::getpwuid(::getuid()) : ::getpwnam(user.c_str());
}

}  // namespace

std::vector<std::string> WorkerEnvironments::of(const std::shared_ptr<const PoolSettings>& pool) {
  if (const auto known = known_.find(pool); known != known_.end()) return known->second;
  std::map<std::string, std::string> variables{{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                               {"LANG", "C.UTF-8"},
                                               {"PROMISED_POOL", pool->name},
                                               {"PROMISED_ENDPOINT", settings_.endpoint}};
  const passwd* account = account_of(pool->user.empty() ? settings_.user : pool->user);
  if (account != nullptr) {
    variables["HOME"] = account->pw_dir;
    variables["USER"] = account->pw_name;
    variables["LOGNAME"] = account->pw_name;
  }
  for (const auto& [key, value] : pool->environment) variables[key] = value;
  std::vector<std::string> out;
  out.reserve(variables.size());
  for (const auto& [key, value] : variables) out.push_back(key + "=" + value);
  // An unknown user is not reported here, for starting the worker fails with the reason; and is asked for
  // again.
  if (account == nullptr) return out;
  std::erase_if(known_, [](const auto& of) { return of.first.use_count() == 1; });  // a former configuration
  return known_.emplace(pool, std::move(out)).first->second;
}

}  // namespace promised
