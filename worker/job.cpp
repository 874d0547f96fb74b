// SPDX-License-Identifier: Apache-2.0
#include <promised/worker.hpp>

#include "worker/runner.hpp"

namespace promised {

const JobId& Job::id() const {
  return runner_.id();
}

std::uint32_t Job::attempt() const {
  return runner_.attempt();
}

const std::string& Job::function() const {
  return runner_.function();
}

void Job::progress(double percent, std::string_view message) {
  runner_.progress(percent, message);
}

bool Job::cancelled() const {
  return runner_.cancelled();
}

bool Job::poll(std::span<pollfd> fds, std::chrono::milliseconds most) {
  return runner_.poll(fds, most);
}

std::chrono::seconds Job::cpu_time() const {
  return runner_.cpu_time();
}

void Job::wait_for(const std::vector<JobId>& ids) {
  runner_.wait_for(ids);
}

void Job::emit_value(const Value& part) {
  runner_.emit(part);
}

void Job::write_note(std::string_view key, const Value& value) {
  runner_.write_note(key, value);
}

Value Job::read_note(std::string_view key) {
  return runner_.read_note(key);
}

void detail::become(Job& job, const JobId& id) {
  job.runner_.become(id);
}

}  // namespace promised
