// SPDX-License-Identifier: Apache-2.0
// The worker program of the crash tests: every run says which run it was, so that two outcomes of one job
// differ.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <promised/outcome.hpp>
#include <promised/worker.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

/// Writes the key to the file (one write, which does not mix with another process's), and returns the key,
/// this process and the number of the run in it.
std::string begin(const std::string& key, const std::string& file) {
  static int runs = 0;
  const int out = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  const std::string line = key + "\n";
  if (out < 0 || ::write(out, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    throw std::runtime_error("cannot write " + file);
  }
  ::close(out);
  return key + " " + std::to_string(::getpid()) + " " + std::to_string(++runs);
}

/// Runs for `ms`, and returns which run it was, and the padding.
std::string run(const std::string& key, const std::string& file, int ms, const std::string& padding) {
  const std::string which = begin(key, file);
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  return which + " " + padding;
}

/// The same, and tells all that a job can tell, each with the run that it is of: see audit_told().
std::string talk(promised::Job& job, const std::string& key, const std::string& file, int ms,
                 const std::string& padding) {
  const std::string which = begin(key, file);
  job.progress(50, which);
  job.note("worker", which);
  for (int i = 0; i < 3; ++i) job.emit(which + " part " + std::to_string(i));
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  return which + " " + padding;
}

std::string fail(const std::string& key, const std::string& file, int ms, const std::string& padding) {
  throw std::runtime_error(run(key, file, ms, padding));
}

/// Fails as long as it has not been tried so often.
std::string recover(promised::Job& job, const std::string& key, const std::string& file, unsigned attempts) {
  const std::string which = begin(key, file);
  if (job.attempt() < attempts)
    throw std::runtime_error(which + " failed at attempt " + std::to_string(job.attempt()));
  return which + " recovered";
}

/// Only one at a time may run with this lock.
std::string alone(const std::string& key, const std::string& file, const std::string& lock) {
  const std::string which = begin(key, file);
  const int mine = ::open((file + "." + lock).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (mine < 0 || ::flock(mine, LOCK_EX | LOCK_NB) != 0) throw std::runtime_error(which + " is not alone");
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  ::close(mine);
  return which + " alone";
}

/// Of the job that it follows: how it has ended, and with what.
std::string follow(const promised::Outcome& outcome, const std::string& key, const std::string& file) {
  const std::string which = begin(key, file) + " after " + std::string(to_string(outcome.state));
  return outcome.succeeded() ? which + " " + outcome.result<std::string>() : which;
}

/// Of the members of a composite: how many of them have succeeded.
std::string gather(const std::vector<promised::Outcome>& members, const std::string& key,
                   const std::string& file) {
  const auto well =
      std::count_if(members.begin(), members.end(), [](const auto& member) { return member.succeeded(); });
  return begin(key, file) + " gathered " + std::to_string(well) + " of " + std::to_string(members.size());
}

}  // namespace

int main(int argc, char** argv) {
  promised::Worker worker(argc, argv);
  worker.define("run", run).define("fail", fail).define("talk", talk);
  worker.define("recover", recover).define("alone", alone).define("follow", follow).define("gather", gather);
  return worker.run();
}
