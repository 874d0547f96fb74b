// SPDX-License-Identifier: Apache-2.0
// No wait hangs: each call that blocks, with the worker, the daemon and the connection killed under it.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { throw; }
  };
};

struct Awaited {
  std::mutex mutex;
  std::condition_variable changed;
  bool over = false;
  std::exception_ptr error;
};

Detached await_it(Future<std::int64_t> future, Awaited& awaited) {
  std::exception_ptr error;
  try {
    static_cast<void>(co_await future);
  } catch (...) {
    error = std::current_exception();
  }
  const std::lock_guard lock(awaited.mutex);
  awaited.error = error;
  awaited.over = true;
  awaited.changed.notify_one();
}

/// A call that blocks until the job has ended, and how it ends then: by a worker's crash, and after a
/// restart.
struct EndWait {
  const char* name;
  std::function<void(Client&, const Future<std::int64_t>&)> call;
  const char* when_crashed;  ///< the beginning of what it throws
};

constexpr const char* kFailed = "JobFailed crashed: ";
constexpr const char* kNothing = "nothing";

const std::vector<EndWait>& end_waits() {
  using Job = const Future<std::int64_t>&;
  static const std::vector<EndWait> all{
      {"result", [](Client&, Job job) { (void)job.result(); }, kFailed},
      {"value", [](Client&, Job job) { (void)job.value(); }, kFailed},
      {"exception", [](Client&, Job job) { (void)job.exception(); }, kNothing},
      {"failure", [](Client&, Job job) { (void)job.failure(); }, kNothing},
      {"wait", [](Client&, Job job) { (void)job.wait(); }, kNothing},
      {"wait()", [](Client&, Job job) { (void)promised::wait(std::vector<AnyFuture>{job}); }, kNothing},
      {"as_completed",
       [](Client&, Job job) {
         for (auto& done : as_completed(std::vector{job})) (void)done.result();
       },
       kFailed},
      {"take", [](Client&, Job job) { (void)job.take(); }, kFailed},
      {"by name",
       [](Client& client, Job job) {
         (void)client.future<std::int64_t>(client.show(job.id(), kPatience).name).result();
       },
       kFailed},
      {"co_await",
       [](Client&, Job job) {
         Awaited awaited;
         await_it(job, awaited);
         std::unique_lock lock(awaited.mutex);
         awaited.changed.wait(lock, [&] { return awaited.over; });
         if (awaited.error) std::rethrow_exception(awaited.error);
       },
       kFailed},
  };
  return all;
}

/// A call that blocks until the daemon has answered.
struct Question {
  const char* name;
  std::function<void(Client&, const Future<std::int64_t>&)> call;
};

const std::vector<Question>& questions() {
  using Job = const Future<std::int64_t>&;
  static const std::vector<Question> all{
      {"state", [](Client&, Job job) { (void)job.state(); }},
      {"running", [](Client&, Job job) { (void)job.running(); }},
      {"remember", [](Client&, Job job) { (void)job.remember("again"); }},
      {"timeout", [](Client&, Job job) { (void)job.timeout(1h); }},
      {"forget", [](Client&, Job job) { (void)job.forget(); }},
      {"status", [](Client& client, Job) { (void)client.status(); }},
      {"jobs", [](Client& client, Job) { (void)client.jobs(); }},
      {"show", [](Client& client, Job job) { (void)client.show(job.id()); }},
      {"futures: size", [](Client& client, Job) { (void)client.futures().size(); }},
      {"futures: find", [](Client& client, Job) { (void)client.futures().contains("none"); }},
      {"futures: iterate",
       [](Client& client, Job) {
         for (const Remembered& one : client.futures()) (void)one.name();
       }},
      {"accepted by name", [](Client& client, Job job) { client.future(job.id()).accepted(); }},
      {"cancel", [](Client&, Job job) { (void)job.cancel(); }},
  };
  return all;
}

/// Calls on threads of their own, and what became of each.
class Blocked {
 public:
  void start(const std::string& name, std::function<void()> call) {
    const std::size_t place = ends_.size();
    ends_.push_back({name, {}});
    threads_.emplace_back([this, place, call = std::move(call)] {
      std::string text = thrown_by(call);
      const std::lock_guard lock(mutex_);
      ends_[place].second = std::move(text);
      ++over_;
    });
  }
  /// Once all are over; a test failure that names those that are not.
  std::map<std::string, std::string> ends() {
    const bool all = eventually([this] {
      const std::lock_guard lock(mutex_);
      return over_ == ends_.size();
    });
    if (!all) {
      const std::lock_guard lock(mutex_);
      for (const auto& [name, text] : ends_) {
        if (text.empty()) MESSAGE("still waits: " << name);
      }
      std::abort();  // its threads cannot be ended
    }
    threads_.clear();
    return {ends_.begin(), ends_.end()};
  }

 private:
  std::mutex mutex_;
  std::deque<std::pair<std::string, std::string>> ends_;
  std::size_t over_ = 0;
  std::vector<std::jthread> threads_;
};

ClientOptions patient(const TestDaemon& daemon, std::chrono::milliseconds connect_timeout = kPatience) {
  ClientOptions options;
  options.endpoint = daemon.endpoint();
  options.connect_timeout = connect_timeout;
  options.log = [](std::string_view) {};
  return options;
}

/// A running job for each wait, all with a name, behind one gate; map and shutdown too.
struct Waits {
  explicit Waits(std::chrono::milliseconds connect_timeout)
      : client(patient(daemon, connect_timeout)), closing(patient(daemon, connect_timeout)) {
    for (const EndWait& wait : end_waits()) {
      jobs.push_back(client.submit<std::int64_t>(Options().remember(wait.name, 1h), "tally_and_wait",
                                                 begun.string(), gate.string()));
      jobs.back().accepted(kPatience);
      blocked.start(wait.name, [&, job = jobs.back()] { wait.call(client, job); });
    }
    blocked.start("map", [&] {
      for (const std::int64_t pid : client.map<std::int64_t>("tally_and_wait", std::vector{begun.string()},
                                                             std::vector{gate.string()}))
        (void)pid;
    });
    static_cast<void>(closing.submit("tally_and_wait", begun.string(), gate.string()));
    blocked.start("shutdown", [&] { closing.shutdown(); });
    // In their functions: what a worker has not yet begun is no loss of that worker's.
    REQUIRE(eventually([&] { return lines_in(begun) == end_waits().size() + 2; }));
  }

  TestDaemon daemon{story_config(static_cast<int>(end_waits().size()) + 2)};
  const std::filesystem::path gate = daemon.directory() / "gate";
  const std::filesystem::path begun = daemon.directory() / "begun";
  Client client;
  Client closing;
  std::vector<Future<std::int64_t>> jobs;
  Blocked blocked;
};

TEST_CASE("S7 no wait hangs when the worker under it is killed") {
  Waits waits(kPatience);
  JobFilter running;
  running.states = {State::running};
  for (const JobView& job : waits.client.jobs(running, kPatience).jobs) ::kill(job.worker_pid, SIGKILL);
  const auto ends = waits.blocked.ends();
  for (const EndWait& wait : end_waits()) {
    CAPTURE(wait.name);
    CHECK(ends.at(wait.name).starts_with(wait.when_crashed));
  }
  CHECK(ends.at("map").starts_with(kFailed));
  CHECK(ends.at("shutdown") == kNothing);
}

TEST_CASE("S7 no wait hangs when the daemon is killed under it and comes back: it ends with the result") {
  Waits waits(kPatience);
  waits.daemon.kill9();
  Blocked asked;
  for (std::size_t i = 0; i < questions().size(); ++i) {
    const Question& question = questions()[i];
    if (std::string(question.name) == "cancel" || std::string(question.name) == "forget") continue;
    asked.start(question.name, [&, i] { question.call(waits.client, waits.jobs[i % waits.jobs.size()]); });
  }
  const auto late = waits.client.submit<std::int64_t>("add", 1, 2);
  asked.start("accepted", [&] { late.accepted(); });
  write_file(waits.gate, "");
  waits.daemon.start();
  for (const auto& [name, end] : asked.ends()) {
    CAPTURE(name);
    CHECK(end == kNothing);
  }
  for (const auto& [name, end] : waits.blocked.ends()) {
    CAPTURE(name);
    CHECK(end == kNothing);
  }
  CHECK(late.result(kPatience) == 3);
}

TEST_CASE("S7 no wait hangs when the daemon has gone for good: all throw within connect_timeout") {
  Waits waits(300ms);
  waits.daemon.kill9();
  Blocked asked;
  for (const Question& question : questions()) {
    asked.start(question.name, [&] { question.call(waits.client, waits.jobs.front()); });
  }
  const auto check = [](const std::map<std::string, std::string>& ends) {
    for (const auto& [name, end] : ends) {
      CAPTURE(name);
      CHECK(end.starts_with("DisconnectedError: "));
      CHECK(end.find("has been gone for more than 300 ms") != std::string::npos);
    }
  };
  check(asked.ends());
  check(waits.blocked.ends());
  // Close does not wait for a daemon that is gone either.
  static_cast<void>(waits.client.close());
}

}  // namespace
