// SPDX-License-Identifier: Apache-2.0
// Lanes without a scheduler: a test puts jobs into queues and takes them out for the workers of one or more
// pools.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/ids.hpp"
#include "daemon/decide/lanes.hpp"
#include "daemon/decide/pools.hpp"

namespace promised::test {

class Yard {
 public:
  explicit Yard(std::size_t pools = 1) : lines(pools) {}

  /// A job of owner 1000 that waits from now on, in lanes that all pools serve.
  Job& add(const std::string& queue, const Options& options = {}, const std::string& function = "f") {
    Job& job = *jobs_.emplace_back(std::make_unique<Job>(new_job_id()));
    job.function = &function_named(function);
    job.priority = static_cast<std::int8_t>(options.priority());
    job.submitted = clock += std::chrono::microseconds(1);
    lanes.enter(job, lane(queue, *job.function, quota_text(options.quotas(), 1000)));
    lanes.push(job);
    return job;
  }
  /// Takes the next job for a worker of the pool; null: none can begin.
  Job* run(std::size_t pool = 0) {
    LaneSeat* seat = lanes.next(lines[pool]);
    return seat == nullptr ? nullptr : &lanes.take(*seat, now);
  }
  /// The job is over.
  void end(Job& job) {
    lanes.give_back(job);
    lanes.remove(job);
    lanes.leave(job);
  }
  /// Runs so many, one after the other, and tells of which queues they were.
  std::map<std::string, int> shares(int jobs) {
    std::map<std::string, int> of;
    for (int i = 0; i < jobs; ++i) {
      Job* job = run();
      if (job == nullptr) break;
      ++of[job->lane->queue->name];
      end(*job);
    }
    return of;
  }
  Lane& lane(const std::string& queue, Function& function, const std::string& quotas = {}) {
    if (Lane* known = lanes.find(queue, function, quotas); known != nullptr) return *known;
    Lane& made = lanes.make(queue, function, quotas);
    for (Line& line : lines) lanes.serve(made, line);
    return made;
  }
  Function& function_named(const std::string& name) {
    Function& function = functions_[name];
    function.name = name;
    return function;
  }

  Lanes lanes{100'000};
  std::vector<Line> lines;
  Instant now{std::chrono::hours(1)};
  WallTime clock{std::chrono::hours(500'000)};

 private:
  std::map<std::string, Function> functions_;
  std::list<std::unique_ptr<Job>> jobs_;
};

}  // namespace promised::test
