// SPDX-License-Identifier: Apache-2.0
// DESIGN 2.3 Each way in which a job can misbehave: what its client sees, and that the neighbours notice
// nothing.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>

#include <fstream>

#include "common/messages.hpp"
#include "common/wire/worker_codec.hpp"
#include "tests/support/proc.hpp"
#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

constexpr auto kRunTimeout = 300ms;
constexpr std::uint64_t kMaxResult = 2 << 20;

/// Two workers: one runs a neighbour for as long as the scene lasts, the other gets the misdeed, with more
/// jobs behind it in its channel.
class Scene {
 public:
  explicit Scene(const DaemonConfig::Lines& lines = {}) : daemon_(config(lines)) {
    REQUIRE(eventually([&] { return neighbour_.running(); }));
  }

  /// The failure of this call, which has to fail.
  template <class... A>
  [[nodiscard]] Failure failure_of(const Options& options, const char* function, A&&... arguments) {
    const auto misdeed = client_.submit(options, function, std::forward<A>(arguments)...);
    for (int i = 0; i < 8; ++i) behind_.push_back(client_.submit<std::int64_t>("attempt"));
    const auto failure = misdeed.failure(kPatience);
    REQUIRE(failure);
    CHECK(failure->attempt == 1);
    CHECK(failure->pid > 0);
    CHECK_FALSE(failure->message.empty());
    CHECK(misdeed.state() == State::failed);
    return *failure;
  }
  template <class... A>
  [[nodiscard]] Failure failure_of(const char* function, A&&... arguments) {
    return failure_of(Options(), function, std::forward<A>(arguments)...);
  }

  void neighbours_notice_nothing() {
    for (const auto& future : behind_) CHECK(future.result(kPatience) == 1);
    CHECK_FALSE(neighbour_.done());
    write_file(gate_, "");
    CHECK(neighbour_.result(kPatience) == 1);
    CHECK(eventually([&] { return pool_view(client_, "misbehave").workers == 2; }));
    CHECK(pool_view(client_, "misbehave").state == "ready");
  }

  [[nodiscard]] TestDaemon& daemon() { return daemon_; }
  [[nodiscard]] Client& client() { return client_; }
  [[nodiscard]] std::uint64_t crashes() { return pool_view(client_, "misbehave").crashes; }

 private:
  static DaemonConfig config(const DaemonConfig::Lines& lines) {
    DaemonConfig config;
    config.pool("misbehave", worker_binary("misbehave"),
                {{"size", "2"}, {"prefetch", "16"}, {"kill_grace", "100ms"}});
    config.limit("max_result", std::to_string(kMaxResult));
    for (const auto& [key, value] : lines) config.set("pool.misbehave", key, value);
    return config;
  }

  TestDaemon daemon_;
  Client client_ = connect(daemon_);
  const std::filesystem::path gate_ = daemon_.directory() / "gate";
  const Future<std::int64_t> neighbour_ = client_.submit<std::int64_t>("wait_for", gate_.string());
  std::vector<Future<std::int64_t>> behind_;
};

/// A frame of the worker's protocol; the payload that it announces is not in it.
Bytes frame(const message::FromWorker& message, std::size_t payload_size = 0) {
  std::string bytes;
  wire::encode_frame(message, payload_size, bytes);
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  return {begin, begin + bytes.size()};
}

Options limited() {
  return Options().run_timeout(kRunTimeout);
}

std::vector<pid_t> pids_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istream_iterator<pid_t>(in), {}};
}

}  // namespace

TEST_CASE("I a crash by a signal fails its own job, with the signal and the place") {
  struct Way {
    const char* function;
    int signal;
    const char* place;
  };
  for (const Way& way :
       {Way{"segfault", SIGSEGV, "misbehave::segfault() at misbehave_deaths.cpp:"},
        Way{"segfault_traced", SIGSEGV, "misbehave::segfault() at misbehave_deaths.cpp:"},
        Way{"segfault_with_traced_thread", SIGSEGV, "misbehave::segfault() at misbehave_deaths.cpp:"},
        Way{"abort", SIGABRT, "misbehave::abort_now() at misbehave_deaths.cpp:"},
        Way{"overflow_stack", SIGSEGV, "descend at misbehave_deaths.cpp:"}}) {
    CAPTURE(way.function);
    Scene scene;
    const Failure failure = scene.failure_of(way.function);
    CHECK(failure.cause == Cause::crashed);
    CHECK(failure.signal == way.signal);
    CHECK(failure.message.find("protocol") == std::string::npos);
#ifndef PROMISED_SANITIZED  // whose handlers tell of it in their own way
    CAPTURE(failure.backtrace);
    CHECK(failure.backtrace.find(way.place) != std::string::npos);
#endif
    scene.neighbours_notice_nothing();
    CHECK(scene.crashes() == 1);
  }
}

TEST_CASE("I an exit without an answer fails its own job, with the status") {
  for (const char* function : {"leave", "exit", "exit_in_destructor"}) {
    for (const int code : {0, 7}) {
      CAPTURE(function);
      CAPTURE(code);
      Scene scene;
      const Failure failure = scene.failure_of(function, code);
      CHECK(failure.cause == Cause::exited);
      CHECK(failure.exit_code == code);
      CHECK(failure.message.find("without an answer") != std::string::npos);
      scene.neighbours_notice_nothing();
      CHECK(scene.crashes() == 1);
    }
  }
}

TEST_CASE("I T3 what does not end by itself is ended by run_timeout, whatever it does about it") {
  for (const char* function : {"spin", "sleep", "ignore_sigterm", "stop_itself", "sleep_with_traced_thread",
                               "sleep_traced_by_orphan"}) {
    CAPTURE(function);
    Scene scene;
    const Failure failure = scene.failure_of(limited(), function);
    CHECK(failure.cause == Cause::timed_out);
    CHECK(failure.limit == "run_timeout");
    scene.neighbours_notice_nothing();
    CHECK(is_gone(failure.pid));
  }
}

TEST_CASE("I4 a fork bomb is gone with its job") {
  Scene scene;
  const auto pids = scene.daemon().directory() / "pids";
  constexpr int kMost = 200;
  const Failure failure = scene.failure_of(Options().run_timeout(2s), "fork_bomb", pids.string(), kMost);
  CHECK(failure.cause == Cause::timed_out);
  scene.neighbours_notice_nothing();
  const std::vector<pid_t> made = pids_in(pids);
  CHECK(made.size() > 1);  // how many more it gets to make in that time is the machine's
  for (const pid_t pid : made) CHECK(eventually([&] { return is_gone(pid); }));
}

TEST_CASE("I4 an orphan in a session of its own goes with the job that left it") {
  Scene scene;
  const auto orphan = scene.client().submit<pid_t>("orphan", true).result(kPatience);
  CHECK(eventually([&] { return is_gone(orphan); }));
  scene.neighbours_notice_nothing();
  CHECK(scene.crashes() == 0);
}

TEST_CASE("I4 an orphan that a job keeps from its worker goes at once, and the worker with it, as no crash") {
  for (const char* isolation : {"worker", "job"}) {
    CAPTURE(isolation);
    Scene scene(DaemonConfig::Lines{{"isolation", isolation}});
    const auto orphan = scene.client().submit<pid_t>("orphan_elsewhere").result(kPatience);
    CHECK(eventually([&] { return is_gone(orphan); }));
    scene.neighbours_notice_nothing();
    CHECK(scene.crashes() == 0);
  }
}

TEST_CASE("I a job that closes every descriptor fails, and its worker with it") {
  Scene scene;
  const Failure failure = scene.failure_of("close_everything");
  CHECK((failure.cause == Cause::exited || failure.cause == Cause::crashed));
  scene.neighbours_notice_nothing();
  CHECK(scene.crashes() == 1);
}

TEST_CASE("E1 garbage on the channel ends the worker, and the failure names it") {
  Scene scene;
  const Failure failure = scene.failure_of("write_garbage", std::string(1000, '\xff'));
  CHECK(failure.cause == Cause::crashed);
  CHECK(failure.message.find("broke its protocol") != std::string::npos);
  scene.neighbours_notice_nothing();
  CHECK(scene.crashes() == 1);
}

TEST_CASE("E1 a worker that stops in the middle of a frame is ended, and its job with it") {
  Scene scene;
  Bytes half = frame(message::FromWorker(message::AttemptEnded{0, {}, {}}));
  half.resize(half.size() / 2);
  const Failure failure = scene.failure_of("send_on_channel", half);
  CHECK(failure.cause == Cause::crashed);
  CHECK(failure.message.find("it stopped in the middle of a frame on its channel (fd 3)") !=
        std::string::npos);
  scene.neighbours_notice_nothing();
}

TEST_CASE("E1 a job that dies while its result is on the way has no result") {
  Scene scene;
  Bytes some = frame(message::FromWorker(message::AttemptEnded{0, {}, {}}), 1 << 20);
  some.resize(some.size() + 1000);
  const Failure failure = scene.failure_of("send_and_die", some);
  CHECK(failure.cause == Cause::crashed);
  CHECK(failure.signal == SIGKILL);
  scene.neighbours_notice_nothing();
  CHECK(scene.crashes() == 1);
}

TEST_CASE("E1 a job whose process is killed while the library sends its result has no result") {
  for (const char* isolation : {"worker", "job"}) {
    CAPTURE(isolation);
    Scene scene(DaemonConfig::Lines{{"isolation", isolation}});
    const Failure failure = scene.failure_of("killed_in_mid_answer", kMaxResult / 2);
    CHECK(failure.cause == Cause::crashed);
    CHECK(failure.signal == SIGKILL);
    scene.neighbours_notice_nothing();
    CHECK(scene.crashes() == 1);
  }
}

TEST_CASE("E2 a result over the limit fails its own job, and names the limit") {
  for (const char* isolation : {"worker", "job"}) {
    CAPTURE(isolation);
    Scene scene(DaemonConfig::Lines{{"isolation", isolation}});
    const Failure failure = scene.failure_of("big", kMaxResult);
    CHECK(failure.cause == Cause::result_too_large);
    CHECK(failure.message.find("big: the result has ") == 0);
    CHECK(failure.message.find("; max_result allows " + std::to_string(kMaxResult)) != std::string::npos);
    scene.neighbours_notice_nothing();
    CHECK(scene.crashes() == 0);
  }
}

TEST_CASE("I3 a job opens as many files as open_files lets it, and no more") {
  for (const char* isolation : {"worker", "job"}) {
    CAPTURE(isolation);
    Scene scene(DaemonConfig::Lines{{"isolation", isolation}, {"open_files", "64"}});
    const auto opened = scene.client().submit<std::int64_t>("open_all_files").result(kPatience);
    CHECK(opened > 32);  // it has some open already
    CHECK(opened < 64);
    scene.neighbours_notice_nothing();
    CHECK(scene.crashes() == 0);
  }
}

TEST_CASE("I a child process that comes back from its job's function ends there, and says so") {
  Scene scene;
  const auto job = scene.client().submit<std::int64_t>("fork_and_return");
  CHECK(job.result(kPatience) > 0);
  CHECK(job.output() == "promised: a child process of job " + job.id().text() +
                            " came back from fork_and_return; it ends here\n");
  scene.neighbours_notice_nothing();
  CHECK(scene.crashes() == 0);
}

TEST_CASE("A5 of two answers to one job the first counts, and the worker that gave them is replaced") {
  Scene scene;
  // The first job of a worker has the number 0. The value is one that the function itself would not return.
  Bytes forged = frame(message::FromWorker(message::AttemptEnded{0, {}, {}}));
  const auto misdeed = scene.client().submit("send_on_channel", forged);
  CHECK(misdeed.value(kPatience).is_null());
  CHECK(eventually([&] { return scene.client().status(kPatience).stale_reports == 1; }));
  CHECK(eventually([&] {
    return scene.daemon().log().find("has broken its protocol and was killed: it reported of run 0, and ") !=
           std::string::npos;
  }));
  scene.neighbours_notice_nothing();
}

TEST_CASE("A2 a job that denies having begun, and kills its worker, does not run for ever") {
  struct Way {
    const char* what;
    Options options;
    std::size_t runs;
    Cause cause;
  };
  for (const Way& way : {Way{"as often as it likes", Options(), 3, Cause::crashed},
                         Way{"at most once", Options().at_most_once(), 1, Cause::interrupted}}) {
    CAPTURE(way.what);
    Scene scene;
    const auto runs = scene.daemon().directory() / "runs";
    const Failure failure = scene.failure_of(way.options, "deny_having_begun", runs.string());
    CHECK(failure.cause == way.cause);
    CHECK(failure.signal == SIGKILL);
    CHECK(pids_in(runs).size() == way.runs);
    scene.neighbours_notice_nothing();
  }
}

TEST_CASE("P4 a gigabyte of output neither holds up the job nor grows the daemon") {
  Scene scene;
  const std::uint64_t before = resident_kib(scene.daemon().pid()).most;
  const auto misdeed = scene.client().submit("print", std::uint64_t{1} << 30, "last words");
  CHECK_FALSE(misdeed.failure(5min));
  CHECK(resident_kib(scene.daemon().pid()).most < before + 32 * 1024);
  scene.neighbours_notice_nothing();
}

#ifndef PROMISED_SANITIZED  // whose shadow memory is larger than any sensible limit of address space
TEST_CASE("I3 a job that takes all the memory it may have fails with the cause memory") {
  Scene scene(DaemonConfig::Lines{{"memory_limit", "512MiB"}});
  const Failure failure = scene.failure_of("allocate");
  CHECK(failure.cause == Cause::memory);
  scene.neighbours_notice_nothing();
}
#endif

TEST_CASE("I what is thrown and is no std::exception fails the job with its type") {
  for (const auto& [function, type] :
       {std::pair{"throw_int", "int"}, {"throw_odd", "Odd"}, {"throw_text", "char"}}) {
    CAPTURE(function);
    Scene scene;
    const Failure failure = scene.failure_of(function);
    CHECK(failure.cause == Cause::exception);
    CHECK(failure.type.find(type) != std::string::npos);
    scene.neighbours_notice_nothing();
    CHECK(scene.crashes() == 0);
  }
}

TEST_CASE("I what a job makes of its own user and signals is not the next job's") {
  Scene scene;
  const auto changed =
      scene.client().submit<std::map<std::string, bool>>("change_itself", kStranger).result(kPatience);
  CHECK(changed.at("deaf"));
  CHECK(changed.at("shut"));
  CHECK(changed.at("other user") == (::getuid() == 0));
  for (int i = 0; i < 16; ++i) CHECK(scene.client().submit<uid_t>("who").result(kPatience) == ::getuid());
  CHECK_FALSE(scene.client().submit<bool>("deaf").result(kPatience));
  scene.neighbours_notice_nothing();
  CHECK(scene.crashes() == 0);
}

TEST_CASE("I a thread that outlives its job takes its own worker alone") {
  Scene scene;
  const auto end = scene.daemon().directory() / "end";
  CHECK_FALSE(scene.client().submit("leave_thread", end.string()).failure(kPatience));
  write_file(end, "");
  CHECK(eventually([&] { return scene.crashes() == 1; }));
  scene.neighbours_notice_nothing();
}

TEST_CASE("I a pool whose program has no function, or is slow, says so, and the others serve") {
  DaemonConfig config = story_config(1);
  config.pool("nothing", worker_binary("nothing"));
  const TempDirectory directory;
  const std::string gate = (directory / "gate").string();
  config.pool("slow", worker_binary("slow_start"), {{"arguments", gate}});
  TestDaemon daemon(config);
  Client client = connect(daemon);
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
  CHECK(pool_view(client, "slow").state == "starting");
  const auto waits = client.submit<void>("nothing");  // until it is known whether the slow one offers that
  std::ofstream(gate).flush();
  CHECK(eventually([&] { return pool_view(client, "nothing").state == "failing"; }));
  CHECK(pool_view(client, "nothing").reason.find("no function") != std::string::npos);
  CHECK(eventually([&] { return pool_view(client, "slow").state == "ready"; }));
  waits.result(kPatience);
}
