// SPDX-License-Identifier: Apache-2.0
// The store alone: how many changes a second one committer thread makes durable, what a change costs the
// thread that hands it over, and how fast a backlog is read back at a start.
//
//   store-bench [DIRECTORY [JOBS]]     a fresh directory is made below DIRECTORY (default: the current one)
#include <poll.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/ids.hpp"
#include "daemon/store/committer.hpp"

namespace promised {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void give_up(const Problem& problem) {
  std::fprintf(stderr, "store-bench: %s\n", problem.message.c_str());
  std::exit(1);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Of this thread.
double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::unique_ptr<Store> open_store(const std::string& directory) {
  auto store = Store::open(directory);
  if (!store) give_up(store.problem());
  return *std::move(store);
}

change::InsertJob insert(const JobId& id) {
  return {id, 1000, "report.build", Options(), Payload(std::string(64, 'a')), Now::read().wall};
}

change::EndJob end(const JobId& id) {
  return {id, State::succeeded, {}, {}, Payload(std::string(64, 'r')), Now::read().wall, Now::read().wall, 1};
}

/// Hands over batches, at most `ahead` of them not yet on disk, and says what that took.
class Load {
 public:
  Load(const std::string& directory, std::uint64_t ahead)
      : committer_(open_store(directory)), ahead_(ahead) {}

  void submit(std::vector<Change>& changes) {
    changes_ += changes.size();
    const double start = processor_seconds();
    const std::uint64_t batch = committer_.submit(changes);
    in_submit_ += processor_seconds() - start;
    if (batch > ahead_) wait_for(batch - ahead_);
    batches_ = batch;
  }
  void report(const char* what, std::size_t jobs) {
    wait_for(batches_);
    const double took = seconds_since(start_);
    std::printf("%-46s %9.0f jobs/s  %6.0f ns a change of the loop's processor time\n", what,
                static_cast<double>(jobs) / took, 1e9 * in_submit_ / static_cast<double>(changes_));
  }

 private:
  void wait_for(std::uint64_t batch) {
    while (committed_ < batch) {
      pollfd poller{committer_.fd(), POLLIN, 0};
      if (::poll(&poller, 1, -1) < 0) give_up(Problem::system("poll"));
      const Committer::News news = committer_.collect();
      if (news.failed) give_up(*news.failed);
      committed_ = news.committed;
    }
  }

  Committer committer_;
  std::uint64_t ahead_;
  std::uint64_t committed_ = 0;
  std::uint64_t batches_ = 0;
  std::size_t changes_ = 0;
  double in_submit_ = 0;
  Clock::time_point start_ = Clock::now();
};

void bench_inserts(const std::string& directory, std::size_t jobs, std::size_t batch, std::uint64_t ahead) {
  Load load(directory, ahead);
  std::vector<Change> changes;
  for (std::size_t done = 0; done < jobs; done += batch) {
    for (std::size_t i = 0; i < batch; ++i) changes.emplace_back(insert(new_job_id()));
    load.submit(changes);
  }
  const std::string what =
      "inserted, batches of " + std::to_string(batch) + ", " + std::to_string(ahead) + " ahead";
  load.report(what.c_str(), jobs);
}

/// The whole life of named jobs: insert and name, then end, then drop and delete, each in a later batch.
void bench_lives(const std::string& directory, std::size_t jobs, std::size_t batch) {
  Load load(directory, 4);
  std::vector<Change> changes;
  std::vector<JobId> alive;
  std::vector<JobId> ended;
  for (std::size_t done = 0; done < jobs; done += batch) {
    for (const JobId& id : ended) {
      changes.emplace_back(change::DropName{1000, id.text(), State::lapsed, Now::read().wall});
      changes.emplace_back(change::DeleteJob{id});
      changes.emplace_back(change::DeleteName{1000, id.text()});
    }
    for (const JobId& id : alive) changes.emplace_back(end(id));
    ended = std::exchange(alive, {});
    for (std::size_t i = 0; i < batch; ++i) {
      alive.push_back(new_job_id());
      changes.emplace_back(insert(alive.back()));
      changes.emplace_back(change::SetName{1000, alive.back().text(), alive.back(), std::chrono::minutes(1)});
    }
    load.submit(changes);
  }
  load.report("named, ended, deleted", jobs);
}

/// Unnamed jobs that have ended before the disk was ready for them: never written.
void bench_elision(const std::string& directory, std::size_t jobs, std::size_t batch) {
  Load load(directory, 4);
  std::vector<Change> changes;
  for (std::size_t done = 0; done < jobs; done += batch) {
    for (std::size_t i = 0; i < batch; ++i) {
      const JobId id = new_job_id();
      changes.emplace_back(insert(id));
      changes.emplace_back(end(id));
      changes.emplace_back(change::DeleteJob{id});
    }
    load.submit(changes);
  }
  load.report("come and gone within a batch", jobs);
}

void bench_replay(const std::string& directory) {
  const auto start = Clock::now();
  const auto store = open_store(directory);
  const double opened = seconds_since(start);
  std::size_t jobs = 0;
  if (const auto done = store->replay([&](const RecoveredJob&) { ++jobs; }, [](const RecoveredName&) {});
      !done) {
    give_up(done.problem());
  }
  std::printf("%-46s %9.0f jobs/s  (%zu jobs, %.0f MB; opened in %.0f ms)\n", "read back at a start",
              static_cast<double>(jobs) / (seconds_since(start) - opened), jobs,
              static_cast<double>(store->facts().bytes) / 1e6, opened * 1e3);
}

int run(const std::filesystem::path& parent, std::size_t jobs) {
  std::string directory = (parent / "store-bench-XXXXXX").string();
  if (::mkdtemp(directory.data()) == nullptr)
    give_up(Problem::system("cannot make a directory in " + parent.string()));
  std::printf("%zu jobs with 64 B of arguments and of result, SQLite WAL, synchronous=FULL, in %s\n", jobs,
              directory.c_str());
  bench_inserts(directory + "/one", std::max<std::size_t>(jobs / 100, 1), 1, 0);
  bench_inserts(directory + "/small", jobs, 64, 4);
  bench_inserts(directory + "/large", jobs, 1000, 4);
  bench_replay(directory + "/large");
  bench_lives(directory + "/lives", jobs, 500);
  bench_elision(directory + "/elided", jobs, 500);
  std::filesystem::remove_all(directory);
  return 0;
}

}  // namespace
}  // namespace promised

int main(int argc, char** argv) {
  const std::size_t jobs = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 300'000;
  return promised::run(argc > 1 ? argv[1] : ".", jobs);
}
