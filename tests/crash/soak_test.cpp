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
#include "common/messages.hpp"
#include "common/wire/worker_codec.hpp"
#include "tests/crash/heap_gauge.hpp"
#include "tests/crash/load.hpp"
#include "tests/crash/storm.hpp"
#include "tests/support/proc.hpp"

namespace promised::test {
namespace {

constexpr std::uint64_t kWorkers = 4, kTogether = 2;  // the others run each job in a process of its own
constexpr const char* kApart = "apart";
/// Jobs of the load that are under way; deaths by which every buffer and table of the daemon has the size
/// that it needs, and deaths in all; the longest pause between two kills of the test, in milliseconds.
#ifndef PROMISED_SANITIZED
constexpr std::size_t kUnderWay = 200, kSettled = 100, kDeaths = 400;
constexpr std::uint64_t kPause = 100;
#else  // with which a worker takes long to start
constexpr std::size_t kUnderWay = 20, kSettled = 30, kDeaths = 100;
constexpr std::uint64_t kPause = 10'000;
#endif

/// What the test does about a job that runs.
enum class Then : std::uint8_t { nothing, cancel, cancel_now };

/// What a job does, and how it has to end.
struct Deed {
  const char* function;
  Value::List arguments;
  Cause cause = Cause::none;  ///< none: as cancelled
  int signal = 0;
  int exit_code = 0;
  Options options = {};
  std::uint32_t crashes = 1;  ///< that it takes until the job has ended
  Then then = Then::nothing;
};

Value garbage() {
  return to_value(std::string(100, '\xff'));
}

/// The beginning of an answer that never comes in full.
Value half_an_answer() {
  std::string bytes;
  wire::encode_frame(message::FromWorker(message::AttemptEnded{0, {}, {}}), 1 << 16, bytes);
  bytes.resize(bytes.size() + 1000);
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  return Value(Bytes(begin, begin + bytes.size()));
}

const std::vector<Deed>& deadly() {
  static const std::vector<Deed> all{
      {"segfault", {}, Cause::crashed, SIGSEGV},
      {"abort", {}, Cause::crashed, SIGABRT},
      {"overflow_stack", {}, Cause::crashed, SIGSEGV},
      {"leave", {to_value(0)}, Cause::exited, 0, 0},
      {"leave", {to_value(9)}, Cause::exited, 0, 9},
      {"exit", {to_value(3)}, Cause::exited, 0, 3},
      {"exit_in_destructor", {to_value(4)}, Cause::exited, 0, 4},
      {"send_and_die", {half_an_answer()}, Cause::crashed, SIGKILL},
      {"write_garbage", {garbage()}, Cause::crashed, SIGKILL},
      {"print_and_abort", {to_value("last words")}, Cause::crashed, SIGABRT},
      {"orphan_and_abort", {to_value(true)}, Cause::crashed, SIGABRT},
      {"segfault", {}, Cause::quarantined, 0, 0, Options().retry_on(Retry::crash), 3},
      {"sleep", {}, Cause::timed_out, 0, 0, Options().run_timeout(20ms), 0},
      {"spin", {}, Cause::timed_out, 0, 0, Options().run_timeout(20ms), 0},
      {"stop_itself", {}, Cause::timed_out, 0, 0, Options().run_timeout(20ms), 0},
      {"fork_bomb",
       {to_value("/dev/null"), to_value(20)},
       Cause::timed_out,
       0,
       0,
       Options().run_timeout(20ms),
       0},
      {"ignore_sigterm", {}, Cause::timed_out, 0, 0, Options().progress_timeout(20ms), 0},
      {"sleep", {}, Cause::timed_out, 0, 0, Options().deadline(500ms), 0},
      {"sleep", {}, Cause::none, 0, 0, {}, 0, Then::cancel},
      {"ignore_sigterm", {}, Cause::none, 0, 0, {}, 0, Then::cancel_now},
  };
  return all;
}

/// Without sanitizers, whose shadow memory is above any limit.
[[maybe_unused]] const Deed& greedy() {
  static const Deed deed{"allocate", {}, Cause::memory, 0, 0, {}, 0};
  return deed;
}

bool is_as_meant(const Deed& deed, const Failure& failure) {
  if (failure.cause != deed.cause) return false;
  if (failure.cause != Cause::crashed && failure.cause != Cause::exited) return true;
  return (failure.signal == deed.signal || failure.signal == 0) && failure.exit_code == deed.exit_code;
}

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
    CHECK(pool.crashes >= crashes_);
    CHECK(pool.crashes <= crashes_ + killed_);
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
    expect_no_memory_left("the daemon", daemon_.pid(), memory_of_daemon_, kOfDaemon);
    expect_no_memory_left("the spawner", spawner, memory_of_spawner_, kOfSpawner);
#endif
    std::string kinds;
    for (const auto& [what, count] : counts_) kinds += ", " + what + ": " + std::to_string(count);
    MESSAGE("deaths: " << deaths_ << ", jobs that ended badly: " << told_ << ", crashes in them: " << crashes_
                       << ", killed by the test: " << killed_.load() << ", of them in a job: " << by_kill_
                       << kinds << ", jobs that ended well: " << well_);
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
    DaemonConfig config;
    config.pool("together", worker_binary("misbehave"),
                {{"size", std::to_string(kTogether)},
                 {"queues", "default"},
                 {"recycle_jobs", "100"},
                 {"kill_grace", "50ms"}});
    config.pool("apart", worker_binary("misbehave"),
                {{"size", std::to_string(kWorkers - kTogether)},
                 {"queues", kApart},
                 {"isolation", "job"},
                 {"kill_grace", "50ms"}});
#ifndef PROMISED_SANITIZED
    config.set("pool.apart", "memory_limit", "96MiB");  // soon used up: before the next kill, mostly
#endif
    return config;
  }

  /// Of both pools together.
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

  void start_one() {
    const bool apart = random_() % 3 == 0;
    const auto in_its_queue = [&](Options options) { return apart ? options.queue(kApart) : options; };
    if (random_() % 3 != 0) {
      const auto number = static_cast<std::int64_t>(random_() % 1'000'000);
      under_way_.push_back({nullptr, number, client_.submit(in_its_queue({}), "quick", number)});
      return;
    }
    const Deed& deed = choose_deed(apart);
    under_way_.push_back(
        {&deed, 0,
         client_.submit_arguments(in_its_queue(deed.options), deed.function, {deed.arguments, {}})});
  }

  [[nodiscard]] const Deed& choose_deed([[maybe_unused]] bool apart) {
#ifndef PROMISED_SANITIZED
    if (apart && random_() % 10 == 0) return greedy();
#endif
    return deadly()[random_() % deadly().size()];
  }

  void settle_one() {
    const UnderWay one = std::move(under_way_.front());
    under_way_.pop_front();
    ++ended_;
    const std::string what = one.deed == nullptr ? "quick" : one.deed->function;
    CAPTURE(what);
    if (one.deed != nullptr && one.deed->then != Then::nothing && cancel(one)) return;
    const auto failure = one.future.failure(kPatience);
    if (!failure) {
      REQUIRE(one.deed == nullptr);
      CHECK(from_value<std::int64_t>(one.future.value()) == one.number);
      ++well_;
      return;
    }
    ++told_;
    if (one.deed != nullptr && is_as_meant(*one.deed, *failure)) {
      // A deadline may be over before the first attempt.
      CHECK(failure->attempt <= std::max(one.deed->crashes, 1U));
      CHECK(failure->attempt >= one.deed->crashes);
      crashes_ += one.deed->crashes;
      // What has run into a limit of its time has been killed; memory that is refused need not kill.
      deaths_ += failure->cause == Cause::timed_out && failure->attempt > 0 ? 1 : one.deed->crashes;
      ++counts_[std::string(to_string(failure->cause)) + " (" + what + ")"];
      return;
    }
    CHECK(failure->attempt == 1);
    CHECK(failure->cause == Cause::crashed);
    CHECK(failure->signal == SIGKILL);
    ++deaths_;
    ++crashes_;
    ++by_kill_;
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
    memory_of_daemon_ = memory_of(daemon_.pid());
    memory_of_spawner_ = memory_of(spawner());
#endif
  }

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
  std::deque<UnderWay> under_way_;
  std::size_t told_ = 0, deaths_ = 0, crashes_ = 0, by_kill_ = 0, well_ = 0;
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
