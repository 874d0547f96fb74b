// SPDX-License-Identifier: Apache-2.0
#include "daemon/pool/environment.hpp"

#include <map>

namespace promised {

std::vector<std::string> worker_environment(const Settings& settings, const PoolSettings& pool) {
  std::map<std::string, std::string> variables{{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                               {"LANG", "C.UTF-8"},
                                               {"PROMISED_POOL", pool.name},
                                               {"PROMISED_ENDPOINT", settings.endpoint}};
  for (const auto& [key, value] : pool.environment) variables[key] = value;
  std::vector<std::string> out;
  out.reserve(variables.size());
  for (const auto& [key, value] : variables) out.push_back(key + "=" + value);
  return out;
}

}  // namespace promised
