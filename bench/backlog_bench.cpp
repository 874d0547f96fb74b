// SPDX-License-Identifier: Apache-2.0
// What a long queue costs: how fast it is taken in, what memory and disk it takes, and how long a daemon that
// was killed needs until it serves again.
//
//   backlog-bench [JOBS] [DIRECTORY]     default: 1000000 jobs of 64 bytes, below /tmp
#include <cstdlib>
#include <deque>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <promised/client.hpp>
#include <stdexcept>
#include <string>

#include "bench/subject.hpp"

namespace {

using namespace promised;
using namespace promised::bench;

constexpr auto kAnswer = kPatience;
constexpr std::size_t kWindow = 4000;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Memory that is in use, in MiB; "VmRSS" or "VmHWM" (the most so far).
double memory_of(pid_t pid, const std::string& what) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string key; status >> key;) {
    double kib = 0;
    if (key == what + ":" && status >> kib) return kib / 1024;
  }
  throw std::runtime_error("cannot read the memory of process " + std::to_string(pid));
}

double mib_in(const std::filesystem::path& folder) {
  std::uintmax_t bytes = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder))
    bytes += file.is_regular_file() ? file.file_size() : 0;
  return static_cast<double>(bytes) / (1 << 20);
}

void fill(Client& client, std::size_t jobs) {
  const std::string payload(64, 'x');
  std::deque<AnyFuture> under_way;
  const auto accept_first = [&] {
    under_way.front().accepted(kAnswer);
    under_way.pop_front();
  };
  for (std::size_t i = 0; i < jobs; ++i) {
    under_way.push_back(client.submit(Options{}, "echo", payload));
    if (under_way.size() < kWindow) continue;
    for (std::size_t k = 0; k < kWindow / 2; ++k) accept_first();
  }
  while (!under_way.empty()) accept_first();
}

std::uint64_t not_ended(const StatusView& view) {
  return view.jobs_by_state.at(static_cast<std::size_t>(State::pending)) +
         view.jobs_by_state.at(static_cast<std::size_t>(State::running));
}

int run(std::size_t jobs, const std::filesystem::path& directory) {
  const Folder folder(directory);
  Subject subject(folder.path(), "[pool.bench]\nprogram = " PROMISED_BENCH_WORKER "\nkill_grace = 100ms\n");
  std::cout << std::fixed << std::setprecision(1);
  {
    Client client = subject.client();
    // The only worker has this one in its hands, before and after the kill.
    client.submit(Options{}, "hold").accepted(kAnswer);
    const auto start = Clock::now();
    fill(client, jobs);
    const double took = seconds_since(start);
    std::cout << jobs << " durable jobs of 64 B accepted in " << took << " s, "
              << static_cast<std::uint64_t>(static_cast<double>(jobs) / took) << " jobs/s\n"
              << "  memory " << memory_of(subject.pid(), "VmRSS") << " MiB, at most "
              << memory_of(subject.pid(), "VmHWM") << " MiB; disk " << mib_in(subject.state()) << " MiB\n";
  }
  subject.kill();
  const auto start = Clock::now();
  subject.start();
  Client client = subject.client();
  const StatusView view = client.status(kAnswer);
  std::cout << "killed; the next one has answered after " << seconds_since(start) << " s, with "
            << not_ended(view) << " jobs\n  memory " << memory_of(subject.pid(), "VmRSS") << " MiB, at most "
            << memory_of(subject.pid(), "VmHWM") << " MiB\n";
  return not_ended(view) == jobs + 1 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::size_t jobs = argc > 1 ? std::stoul(argv[1]) : 1'000'000;
    return run(jobs, argc > 2 ? argv[2] : "/tmp");
  } catch (const std::exception& e) {
    std::cerr << "backlog-bench: " << e.what() << '\n';
    return 2;
  }
}
