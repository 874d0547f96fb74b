// SPDX-License-Identifier: Apache-2.0
#include "cli/farewell.hpp"

#include <algorithm>

namespace promised::cli {
namespace {

bool names(const std::string& text, const Unaccepted& unaccepted) {
  return text.find(unaccepted.id.text()) != std::string::npos;
}

}  // namespace

void add_unaccepted(Trouble& trouble, const std::vector<Unaccepted>& unaccepted) {
  for (const Unaccepted& u : unaccepted) {
    if (names(trouble.message, u)) continue;
    trouble.message += "; " + u.function + " (job " + u.id.text() + ") was not accepted: " + u.reason;
  }
}

std::vector<std::string> other_warnings(const std::vector<std::string>& warnings,
                                        const std::vector<Unaccepted>& unaccepted) {
  std::vector<std::string> others;
  for (const std::string& warning : warnings) {
    const bool repeats = std::any_of(unaccepted.begin(), unaccepted.end(),
                                     [&](const Unaccepted& u) { return names(warning, u); });
    if (!repeats) others.push_back(warning);
  }
  return others;
}

}  // namespace promised::cli
