// SPDX-License-Identifier: Apache-2.0
// What isolation costs, and what a crash: a fresh process for each job beside a reused worker, and the time
// from the submission of a job that kills its process with SIGSEGV until its client knows of it.
//
//   isolation-bench [--check] [CRASHES] [WORKER]   default: 200 crashes a pool, the worker of the benchmarks
//
// WORKER: another program that has the functions `echo` and `crash`, for example one with much debug
// information. --check: exit 1 when a goal is missed.
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <exception>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/subject.hpp"

namespace {

using namespace promised;
using namespace promised::bench;

constexpr std::size_t kTrips = 2000;
constexpr std::size_t kPipelined = 4000;
constexpr std::size_t kUnderWay = 200;
constexpr std::size_t kForks = 200;
/// DESIGN 7, in microseconds.
constexpr double kMostCrash = 10'000;
/// A process of its own for each job, over a reused worker.
constexpr double kMostForFresh = 1'000;

struct Figures {
  double p50 = 0;  ///< µs, of a round trip
  double p99 = 0;
  double rate = 0;       ///< jobs a second
  double crash_p50 = 0;  ///< µs
  double crash_p99 = 0;
};

double micros_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

/// What the kernel takes for a process that does nothing, in microseconds: no isolation costs less.
double bare_fork() {
  std::vector<double> micros;
  for (std::size_t i = 0; i < kForks; ++i) {
    const auto begin = Clock::now();
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    if (pid < 0 || ::waitpid(pid, nullptr, 0) != pid) throw std::runtime_error("cannot fork");
    micros.push_back(micros_since(begin));
  }
  std::sort(micros.begin(), micros.end());
  return percentile(micros, 0.5);
}

class Measured {
 public:
  Measured(Client& client, const std::string& queue)
      : client_(client), options_(Options{}.queue(queue).durability(Durability::memory)) {}

  Figures measure(std::size_t crashes) {
    Figures figures;
    std::vector<double> trips = round_trips();
    figures.p50 = percentile(trips, 0.5);
    figures.p99 = percentile(trips, 0.99);
    figures.rate = pipelined();
    std::vector<double> crash = crash_times(crashes);
    figures.crash_p50 = percentile(crash, 0.5);
    figures.crash_p99 = percentile(crash, 0.99);
    return figures;
  }

 private:
  Future<std::string> submit(const char* function) {
    return client_.submit<std::string>(options_, function, payload_);
  }
  std::vector<double> round_trips() {
    std::vector<double> micros;
    for (std::size_t i = 0; i < kTrips; ++i) {
      const auto begin = Clock::now();
      if (submit("echo").result(kPatience) != payload_)
        throw std::runtime_error("echo returns something else");
      micros.push_back(micros_since(begin));
    }
    std::sort(micros.begin(), micros.end());
    return micros;
  }
  double pipelined() {
    std::deque<Future<std::string>> under_way;
    const auto begin = Clock::now();
    for (std::size_t done = 0, sent = 0; done < kPipelined; ++done) {
      while (sent < kPipelined && under_way.size() < kUnderWay) {
        under_way.push_back(submit("echo"));
        ++sent;
      }
      (void)under_way.front().result(kPatience);
      under_way.pop_front();
    }
    return static_cast<double>(kPipelined) * 1e6 / micros_since(begin);
  }
  /// Each finds a worker that is ready: the start of the next one is not measured.
  std::vector<double> crash_times(std::size_t crashes) {
    std::vector<double> micros;
    for (std::size_t i = 0; i < crashes; ++i) {
      wait_for_workers(client_);
      const auto begin = Clock::now();
      try {
        (void)submit("crash").result(kPatience);
        throw std::runtime_error("a job that crashes does not fail");
      } catch (const JobFailed& failed) {
        micros.push_back(micros_since(begin));
        if (failed.failure().cause != Cause::crashed) throw;
      }
    }
    std::sort(micros.begin(), micros.end());
    return micros;
  }

  Client& client_;
  Options options_;
  const std::string payload_ = std::string(64, 'x');
};

void print(const std::string& what, const Figures& f) {
  std::cout << "  " << std::left << std::setw(22) << what << std::right << std::fixed << std::setprecision(0)
            << std::setw(10) << f.p50 << std::setw(10) << f.p99 << std::setw(12) << f.rate << std::setw(14)
            << f.crash_p50 << std::setw(14) << f.crash_p99 << '\n';
}

/// In microseconds.
bool goal(const std::string& what, double figure, double most) {
  const bool met = figure <= most;
  std::cout << "  " << (met ? "met     " : "MISSED  ") << what << ": below " << std::setprecision(0)
            << most / 1000 << " ms: " << std::setprecision(1) << figure / 1000 << " ms\n";
  return met;
}

int run(std::size_t crashes, const std::string& worker, bool check) {
  const double fork = bare_fork();  // while this process has one thread
  const Folder folder("/tmp");
  const std::string pool = "program = " + worker + "\nsize = 2\nkill_grace = 100ms\n";
  Subject subject(folder.path() / "daemon", "[pool.reused]\nqueues = reused\n" + pool +
                                                "[pool.fresh]\nqueues = fresh\nisolation = job\n" + pool);
  Client client = subject.client();
  wait_for_workers(client);
  const Figures reused = Measured(client, "reused").measure(crashes);
  const Figures fresh = Measured(client, "fresh").measure(crashes);
  subject.expect_alive();
  std::cout << "64 B, memory, 2 workers; times in us; " << crashes << " crashes each\n  " << std::left
            << std::setw(22) << "" << std::right << std::setw(10) << "p50" << std::setw(10) << "p99"
            << std::setw(12) << "jobs/s" << std::setw(14) << "crash p50" << std::setw(14) << "crash p99"
            << '\n';
  print("isolation = worker", reused);
  print("isolation = job", fresh);
  std::cout << "  job over worker" << std::setprecision(2) << std::setw(17) << fresh.p50 / reused.p50
            << std::setw(10) << fresh.p99 / reused.p99 << std::setw(12) << fresh.rate / reused.rate << '\n'
            << "  a bare fork, exit and wait takes this kernel " << std::setprecision(0) << fork
            << " us, p50\n";
  const double worst = std::max(reused.crash_p99, fresh.crash_p99);
  const double more = fresh.p50 - reused.p50;
  std::cout << "goals\n";
  const bool quick_crash = goal("a crash is seen by the client, p99", worst, kMostCrash);
  const bool quick_fork = goal("isolation = job over a reused worker, p50", more, kMostForFresh);
  return check && !(quick_crash && quick_fork) ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::vector<std::string> given(argv + 1, argv + argc);
    const bool check = !given.empty() && given[0] == "--check";
    if (check) given.erase(given.begin());
    return run(!given.empty() ? std::stoul(given[0]) : 200,
               given.size() > 1 ? given[1] : PROMISED_BENCH_WORKER, check);
  } catch (const std::exception& e) {
    std::cerr << "isolation-bench: " << e.what() << '\n';
    return 2;
  }
}
