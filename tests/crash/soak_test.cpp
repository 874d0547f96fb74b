// SPDX-License-Identifier: Apache-2.0
// DESIGN 2.3 Workers that die in every way, under load and for long: each death costs one attempt of one job,
// and nothing is left over.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <utility>

#include "common/fd.hpp"
#include "tests/crash/deeds.hpp"
#include "tests/crash/heap_gauge.hpp"
#include "tests/crash/load.hpp"
#include "tests/crash/storm.hpp"
#include "tests/support/proc.hpp"

namespace promised::test {
namespace {

constexpr std::uint64_t kOfEachPool = 2, kWorkers = 6;
/// Jobs of the load that are under way; deaths by which every buffer and table of the daemon has the size
/// that it needs, and deaths in all; the longest pause between two kills of the test, in milliseconds;
/// whether the sandbox is strict, where root starts it.
#ifndef PROMISED_SANITIZED
constexpr std::size_t kUnderWay = 200, kSettled = 100, kDeaths = 400;
constexpr std::uint64_t kPause = 100;
constexpr bool kStrict = true;
#else  // with which a worker takes long to start
constexpr std::size_t kUnderWay = 20, kSettled = 30, kDeaths = 300;
constexpr std::uint64_t kPause = 10'000;
constexpr bool kStrict = false;  // it refuses what the search for leaks at a program's exit takes
#endif

#ifndef PROMISED_SANITIZED
/// Bytes that a death may leave, where a leak is of more; beside that, what may be more at one quiet moment
/// than at another: in the daemon that is SQLite's, in the spawner next to nothing.
constexpr std::int64_t kOfADeath = 50, kOfDaemon = 512 * 1024, kOfSpawner = 16 * 1024;
/// Mappings more, of threads and of large buffers; KiB that are freed and still resident.
constexpr std::size_t kMappings = 40;
constexpr std::uint64_t kOfTheAllocator = 4 * 1024;
#endif

/// All that one can have too much of.
struct Belongings {
  std::size_t files_of_daemon = 0;
  std::size_t files_of_spawner = 0;
  std::set<std::string> in_directory;
  friend bool operator==(const Belongings&, const Belongings&) = default;
};

class Soak {
 public:
  explicit Soak(std::uint64_t seed) : random_(seed) {
    std::map<std::string, std::optional<std::string>> environment;
#ifndef PROMISED_SANITIZED
    environment["LD_PRELOAD"] = HEAP_LIBRARY;
#endif
    daemon_.start(environment);
    // An end by a signal that the test sends costs the job that runs, whichever it is.
    killer_ = std::jthread(
        [this, of_its_own = random_()](const std::stop_token& stop) { kill_now_and_then(of_its_own, stop); });
  }

  /// What is there after a third of them is what there may be in the end.
  void run(std::size_t deaths) {
    const std::size_t settled = std::max(kSettled, deaths / 3);
    while (deaths_ < deaths) {
      start_one();
      while (under_way_.size() > kUnderWay) settle_one();
      if (settled_ == 0 && deaths_ >= settled) take_stock();
    }
    killer_ = {};
    while (!under_way_.empty()) settle_one();
    if (settled_ == 0) take_stock();
  }

  void expect_balance() {
    const PoolView pool = view();
    // What the test has killed had no job in its hands, or one that told of it, or was going already.
    const std::size_t crashes = crashes_ + deeds_.denied_runs();
    CHECK(pool.crashes >= crashes);
    CHECK(pool.crashes <= crashes + killed_);
    CHECK(by_kill_ <= killed_.load());
    CHECK(eventually([&] {  // with each question what has arrived before is acknowledged
      const auto jobs = client_.status(kPatience).jobs_by_state;
      return std::all_of(jobs.begin(), jobs.end(), [](std::uint64_t count) { return count == 0; });
    }));
  }

  void expect_nothing_left() {
    const pid_t spawner = this->spawner();
    const auto all_there = [&] {
      const auto workers = children_of(spawner);
      return workers.size() == kWorkers && view().workers == kWorkers && view().busy == 0 &&
             std::all_of(workers.begin(), workers.end(), [](pid_t pid) { return children_of(pid).empty(); });
    };
    CHECK(eventually(all_there));
    Belongings now;
    CHECK(eventually([&] { return (now = belongings()) == at_first_; }));
    CHECK(now.files_of_daemon == at_first_.files_of_daemon);
    CHECK(now.files_of_spawner == at_first_.files_of_spawner);
    CHECK(now.in_directory == at_first_.in_directory);
#ifndef PROMISED_SANITIZED
    renew_workers();
    expect_no_memory_left("the daemon", daemon_.pid(), memory_of_daemon_, kOfDaemon);
    expect_no_memory_left("the spawner", spawner, memory_of_spawner_, kOfSpawner);
#endif
    std::string kinds;
    for (const auto& [what, count] : counts_) kinds += ", " + what + ": " + std::to_string(count);
    MESSAGE("deaths: " << deaths_ << ", jobs that ended badly: " << told_ << ", crashes in them: " << crashes_
                       << ", with a place: " << placed_ << ", killed by the test: " << killed_.load()
                       << ", of them in a job: " << by_kill_ << kinds << ", jobs that ended well: " << well_);
    // Who crashes does not look for the names for long: on a machine that is busy some have none.
    CHECK(placed_ * 10 >= to_be_placed_ * 9);
    CHECK(daemon_.stop() == Exit{});
  }

#ifndef PROMISED_SANITIZED  // which keep what is freed, and look for leaks
  void expect_no_memory_left(const std::string& whose, pid_t pid, const Memory& at_first,
                             std::int64_t of_chance) {
    const auto deaths = static_cast<std::int64_t>(deaths_ - settled_);
    const std::int64_t allowed = of_chance + deaths * kOfADeath;
    Memory now;
    const auto grown = [&] {
      now = memory_of(pid);
      return static_cast<std::int64_t>(now.live - at_first.live);
    };
    CHECK(eventually([&] { return grown() <= allowed; }));
    CHECK(grown() <= allowed);
    CHECK(now.mappings <= at_first.mappings + kMappings);
    CHECK(now.resident < at_first.resident + kOfTheAllocator);
    MESSAGE(whose << ": " << at_first.live << " bytes allocated after " << settled_ << " deaths, " << now.live
                  << " after " << deaths_ << " (allowed: " << allowed << " more); resident KiB "
                  << at_first.resident << ", " << now.resident << "; mappings " << at_first.mappings << ", "
                  << now.mappings);
  }
#endif

 private:
  struct UnderWay {
    const Deed* deed;  ///< null: a job that ends well
    std::int64_t number;
    AnyFuture future;
  };

  static DaemonConfig config() {
    const bool strict = kStrict && ::geteuid() == 0;
    DaemonConfig config;
    config.limit("max_result", std::to_string(kMaxResult));
    for (const auto& [pool, lines] : {std::pair{Pool::together, DaemonConfig::Lines{{"recycle_jobs", "100"}}},
                                      {Pool::apart, {{"isolation", "job"}}},
                                      {Pool::sandboxed, {{"sandbox", strict ? "strict" : "default"}}}}) {
      config.pool(name_of(pool), worker_binary("misbehave"),
                  {{"size", std::to_string(kOfEachPool)}, {"queues", name_of(pool)}, {"kill_grace", "50ms"}});
      for (const auto& [key, value] : lines) config.set(std::string("pool.") + name_of(pool), key, value);
    }
#ifndef PROMISED_SANITIZED
    config.set("pool.apart", "memory_limit", "96MiB");  // soon used up: before the next kill, mostly
#endif
    return config;
  }

  /// Of all pools together.
  [[nodiscard]] PoolView view() {
    PoolView all;
    for (const PoolView& pool : client_.status(kPatience).pools) {
      all.workers += pool.workers;
      all.busy += pool.busy;
      all.crashes += pool.crashes;
    }
    return all;
  }
  [[nodiscard]] pid_t spawner() const {
    return children_of(daemon_.pid()).at(0);
  }

  static bool runs_once(const Deed* deed, std::int64_t number) {
    return deed != nullptr ? deed->options.at_most_once() : number % 4 == 0;
  }

  void start_one() {
    const Pool pool = choose_pool(random_());
    if (random_() % 3 != 0) {
      const auto number = static_cast<std::int64_t>(random_() % 1'000'000);
      Options options = Options().queue(name_of(pool));
      options.at_most_once(runs_once(nullptr, number));
      under_way_.push_back({nullptr, number, client_.submit(options, "quick", number)});
      return;
    }
    const Deed& deed = deeds_.choose(pool, random_);
    Options options = deed.options;
    under_way_.push_back(
        {&deed, 0,
         client_.submit_arguments(options.queue(name_of(pool)), deed.function, {deed.arguments, {}})});
  }

  void settle_one() {
    const UnderWay one = std::move(under_way_.front());
    under_way_.pop_front();
    ++ended_;
    const std::string what = one.deed == nullptr ? "quick" : one.deed->function;
    CAPTURE(what);
    if (one.deed != nullptr && one.deed->then != Then::nothing && cancel(one)) return;
    const auto failure = one.future.failure(kPatience);
    if (one.deed == nullptr && !failure) {
      CHECK(from_value<std::int64_t>(one.future.value()) == one.number);
      ++well_;
    } else if (one.deed != nullptr && one.deed->may_end(failure)) {
      settle_as_meant(*one.deed, one.future, failure);
    } else {
      REQUIRE(failure);
      const std::string how = std::string(to_string(failure->cause)) + ": " + failure->message;
      CAPTURE(how);
      CHECK(failure->attempt == 1);
      const bool interrupted = runs_once(one.deed, one.number) && failure->cause == Cause::interrupted;
      ++told_;
      // It had begun when its worker was killed for what the job before it had done, which counts that death.
      if (interrupted && failure->signal == 0) {
        CHECK(failure->message == "its run was cut off, and it was submitted to run at most once");
        ++counts_["interrupted, by the job before it"];
        return;
      }
      // There is no telling whether it had begun when the test killed its worker.
      CHECK((failure->cause == Cause::crashed || interrupted));
      CHECK(failure->signal == SIGKILL);
      ++deaths_;
      ++crashes_;
      ++by_kill_;
      ++counts_[std::string("killed by the test (") + what + ")"];
    }
  }

  void settle_as_meant(const Deed& deed, const AnyFuture& future, const std::optional<Failure>& failure) {
    crashes_ += deed.crashes;
    if (!failure) {
      CHECK(future.value().is_null() == (deed.returns == Returns::nothing));
      deaths_ += deed.dies == Dies::nobody ? 0 : 1;
      ++counts_[std::string("succeeded (") + deed.function + ")"];
      return;
    }
    ++told_;
    const bool before_the_first = failure->limit == "deadline" && failure->attempt == 0;
    CHECK((failure->attempt == deed.attempts || before_the_first));
    // What has run into a limit of its time has been killed; memory that is refused need not kill.
    const bool nobody_died = deed.dies == Dies::nobody || before_the_first || failure->cause == Cause::memory;
    deaths_ += nobody_died ? 0 : std::max(deed.crashes, 1U);
    ++counts_[std::string(to_string(failure->cause)) + " (" + deed.function + ")"];
#ifndef PROMISED_SANITIZED  // whose handlers tell of it in their own way
    if (deed.place == nullptr || failure->signal == SIGKILL) return;
    ++to_be_placed_;
    if (failure->backtrace.starts_with("#0 ") && failure->backtrace.find(deed.place) != std::string::npos)
      ++placed_;
#endif
  }

  /// False: it has ended before, by a kill of the test.
  bool cancel(const UnderWay& one) {
    CHECK(eventually([&] { return one.future.done() || one.future.running(); }));
    const Then then = one.deed->then;
    if (!one.future.cancel(CancelOptions().now(then == Then::cancel_now))) return false;
    CHECK_FALSE(one.future.failure(kPatience));
    CHECK(one.future.cancelled());
    ++told_;
    ++deaths_;
    ++counts_[then == Then::cancel ? "cancelled" : "cancelled now"];
    return true;
  }

  /// By a descriptor: the number may stand for another process by then. Never twice while no job ends:
  /// workers that are killed as they start, on a slow machine, would be a program that fails.
  void kill_now_and_then(std::uint64_t seed, const std::stop_token& stop) {
    std::mt19937_64 random(seed);
    const pid_t spawner = this->spawner();
    std::size_t ended = 0;
    while (!stop.stop_requested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % kPause));
      const std::size_t now = ended_;
      if (std::exchange(ended, now) == now) continue;
      const std::lock_guard lock(killing_);
      const auto workers = children_of(spawner);
      if (workers.empty()) continue;
      const pid_t pid = workers[random() % workers.size()];
      const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
      if (!process.valid() || parent_of(pid) != spawner) continue;
      if (::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) == 0) ++killed_;
    }
  }

  void take_stock() {
    const std::lock_guard lock(killing_);
    while (!under_way_.empty()) settle_one();
    settled_ = deaths_;
    const auto quiet = [&] { return view().workers == kWorkers && view().busy == 0; };
    // The same numbers before and after: not in the middle of a death.
    CHECK(eventually([&] {
      at_first_ = belongings();
      return quiet() && belongings() == at_first_;
    }));
#ifndef PROMISED_SANITIZED
    renew_workers();
    memory_of_daemon_ = memory_of(daemon_.pid());
    memory_of_spawner_ = memory_of(spawner());
#endif
  }

#ifndef PROMISED_SANITIZED
  /// All are new ones: the daemon holds no output of theirs, which may be a few hundred KiB of each.
  void renew_workers() {
    const auto former = children_of(spawner());
    for (const pid_t pid : former) {
      if (::kill(pid, SIGKILL) == 0) ++killed_;
    }
    CHECK(eventually([&] {
      const auto pools = client_.status(kPatience).pools;
      const auto now = children_of(spawner());
      return std::all_of(pools.begin(), pools.end(), [](const PoolView& p) { return p.state == "ready"; }) &&
             view().workers == kWorkers &&
             std::find_first_of(now.begin(), now.end(), former.begin(), former.end()) == now.end();
    }));
  }
#endif

  [[nodiscard]] Belongings belongings() const {
    Belongings all{open_files_of(daemon_.pid()), open_files_of(spawner()), {}};
    for (const auto& entry : std::filesystem::recursive_directory_iterator(daemon_.directory().path()))
      all.in_directory.insert(entry.path().string());
    return all;
  }

  std::mt19937_64 random_;
  TestDaemon daemon_{config(), TestDaemon::NotStarted{}};
  Client client_ = [this] {
    ClientOptions options;
    options.endpoint = daemon_.endpoint();
    options.connect_timeout = kPatience;
    return Client(options);
  }();
  const Deeds deeds_{daemon_.directory() / "runs"};
  std::deque<UnderWay> under_way_;
  std::size_t told_ = 0, deaths_ = 0, crashes_ = 0, placed_ = 0, to_be_placed_ = 0, by_kill_ = 0, well_ = 0;
  std::atomic<std::size_t> killed_ = 0;
  std::atomic<std::size_t> ended_ = 0;  ///< or about to be waited for
  std::map<std::string, std::size_t> counts_;
  std::size_t settled_ = 0;  ///< deaths by then
  Belongings at_first_;
#ifndef PROMISED_SANITIZED
  Memory memory_of_daemon_, memory_of_spawner_;
#endif
  std::mutex killing_;
  std::jthread killer_;
};

TEST_CASE(
    "DESIGN 2.3 workers that die in every way under load cost one attempt of one job each, and leave "
    "nothing") {
  Soak soak(choose_seed());
  soak.run(choose_count("PROMISED_SOAK_DEATHS", kDeaths));
  soak.expect_balance();
  soak.expect_nothing_left();
}

}  // namespace
}  // namespace promised::test
