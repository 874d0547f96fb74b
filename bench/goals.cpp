// SPDX-License-Identifier: Apache-2.0
#include "bench/goals.hpp"

#include <iomanip>
#include <optional>
#include <string>

#include "bench/systems.hpp"

namespace promised::bench {
namespace {

struct Goal {
  std::string text;
  std::string key;
  std::string_view ours;
  std::string_view peer;  ///< the best of the systems whose names begin so
  double least = 0;       ///< ours / peer is to be at least this; 0: does not count
  double below = 0;       ///< ours / peer is to be below this; 0: does not count
};

bool check(const Goal& goal, const Figures& figures, std::ostream& out) {
  const auto ours = figures.median(goal.key, goal.ours);
  const auto peer = figures.best(goal.key, goal.peer);
  if (!ours || !peer) {
    out << "  open    " << goal.text << ": not measured\n";
    return true;
  }
  const double ratio = *ours / *peer;
  const bool met = goal.least > 0 ? ratio >= goal.least : ratio < goal.below;
  out << (met ? "  met     " : "  MISSED  ") << goal.text << ": " << std::fixed << std::setprecision(0)
      << *ours << " to " << *peer << ", " << std::setprecision(2) << ratio << "x\n";
  return met;
}

}  // namespace

bool check_goals(const Figures& figures, std::ostream& out) {
  const Goal goals[] = {
      {"pipelined jobs/s, 64 B, memory: at least 5 times gearmand's best", "pipelined_64", kPromisedMemory,
       kGearmandPrefix, 5, 0},
      {"pipelined jobs/s, 64 B, durable: at least 5 times gearmand's best", "pipelined_64", kPromisedDurable,
       kGearmandPrefix, 5, 0},
      {"round trip p50, 64 B, memory: below gearmand's", "sync_p50_64", kPromisedMemory, kGearmandPrefix, 0,
       1},
      {"round trip p50, 64 B, durable: below gearmand's", "sync_p50_64", kPromisedDurable, kGearmandPrefix, 0,
       1},
      {"durable acceptance: at least 10 times beanstalkd's best with -f0", "accepted_64", kPromisedAccept,
       kBeanstalkdAlways, 10, 0},
      {"durable acceptance: at least beanstalkd's best with -f50, which may lose 50 ms", "accepted_64",
       kPromisedAccept, kBeanstalkdSometimes, 1, 0},
  };
  out << "\ngoals\n";
  bool all = true;
  for (const Goal& goal : goals) all = check(goal, figures, out) && all;
  return all;
}

}  // namespace promised::bench
