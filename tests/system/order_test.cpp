// SPDX-License-Identifier: Apache-2.0
// Which job begins when: rates, ageing and weights of queues, and how many run at once (SEMANTICS Q1 to Q6).
#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;
using namespace std::chrono_literals;

namespace {

/// Jobs that are remembered, so that they can be looked at after their end.
class Kept {
 public:
  explicit Kept(Client& client) : client_(client) {}

  template <class... A>
  void submit(Options options, std::string_view function, const A&... arguments) {
    futures_.push_back(client_.submit(options.remember("job " + std::to_string(futures_.size()), 60s),
                                      function, arguments...));
    futures_.back().accepted(kPatience);
  }
  [[nodiscard]] std::size_t how_many(State state) {
    return static_cast<std::size_t>(std::count_if(futures_.begin(), futures_.end(),
                                                  [&](const AnyFuture& f) { return f.state() == state; }));
  }
  /// All of them, in the order of their submission, once all have succeeded.
  [[nodiscard]] std::vector<JobView> views() {
    std::vector<JobView> all;
    for (const AnyFuture& future : futures_) {
      CHECK_FALSE(future.failure(kPatience));
      all.push_back(client_.show(future.id()));
    }
    return all;
  }

 private:
  Client& client_;
  std::vector<AnyFuture> futures_;
};

/// How many of the jobs ran at the same time, at most.
std::size_t most_at_once(const std::vector<JobView>& jobs) {
  std::size_t most = 0;
  for (const JobView& at : jobs) {
    most = std::max(most,
                    static_cast<std::size_t>(std::count_if(jobs.begin(), jobs.end(), [&](const JobView& job) {
                      return job.started <= at.started && at.started < job.ended;
                    })));
  }
  return most;
}

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::istringstream text(read_file(file));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

/// A pool of one whose worker is busy until the gate opens: what is submitted meanwhile waits together.
class HeldPool {
 public:
  explicit HeldPool(DaemonConfig config) : daemon(std::move(config)), client(connect(daemon)) {
    blocker_ = client.submit("wait_for", gate());
    REQUIRE(eventually([&] { return blocker_.state() == State::running; }));
  }
  /// A job that writes `line` when it begins.
  void submit(const Options& options, const std::string& line) {
    futures_.push_back(client.submit(options, "append", file().string(), line));
    futures_.back().accepted(kPatience);
  }
  [[nodiscard]] std::vector<std::string> order() {
    write_file(gate(), "");
    for (const AnyFuture& future : futures_) CHECK_FALSE(future.failure(kPatience));
    return lines_of(file());
  }

  TestDaemon daemon;
  Client client;

 private:
  [[nodiscard]] std::string gate() const { return daemon.directory() / "gate"; }
  [[nodiscard]] std::filesystem::path file() const { return daemon.directory() / "order"; }

  AnyFuture blocker_;
  std::vector<AnyFuture> futures_;
};

}  // namespace

TEST_CASE("Q2 a rate holds between the beginnings of jobs, over all pools, and is told as the reason") {
  DaemonConfig config = story_config(2);
  config.pool("other", STORY_WORKER, {{"size", "2"}});
  config.set("queue.slow", "rate", "20/s burst 1").set("queue.slower", "rate", "1/h burst 1");
  TestDaemon daemon(config);
  Client client = connect(daemon);
  Kept jobs(client);
  for (int i = 0; i < 8; ++i) jobs.submit(Options().queue("slow"), "add", i, 1);
  const std::vector<JobView> views = jobs.views();
  for (int i = 0; i < 8; ++i) {
    CAPTURE(i);
    // What is told of times is rounded, and the wall clock may be set a little meanwhile.
    CHECK(views[static_cast<std::size_t>(i)].started - views[0].submitted >= i * 50ms - 2ms);
  }
  CHECK(client.submit<int>(Options().queue("slower"), "add", 1, 1).result(kPatience) == 2);
  const auto next = client.submit<int>(Options().queue("slower"), "add", 1, 1);
  next.accepted(kPatience);
  const Explanation why = client.explain(next.id(), kPatience);
  REQUIRE(why.reasons.size() == 1);
  CHECK(why.reasons[0].code == "rate");
  CHECK(why.reasons[0].subject == "slower");
}

TEST_CASE("Q5 of a key with a number so many run at once, and never more") {
  TestDaemon daemon(story_config(6));
  Client client = connect(daemon);
  const std::string gate = daemon.directory() / "gate";
  Kept jobs(client);
  for (int i = 0; i < 12; ++i) jobs.submit(Options().quota("host", 3), "wait_for", gate);
  REQUIRE(eventually([&] { return jobs.how_many(State::running) == 3; }));
  // Others do not need the key, and find a worker.
  CHECK(client.submit<int>("add", 1, 2).result(kPatience) == 3);
  CHECK(jobs.how_many(State::running) == 3);
  CHECK(jobs.how_many(State::pending) == 9);
  write_file(gate, "");
  CHECK(most_at_once(jobs.views()) == 3);
}

TEST_CASE("Q3 one quota bounds the jobs of two pools together") {
  DaemonConfig config = story_config(3, {{"queues", "here"}});
  config.pool("other", STORY_WORKER, {{"size", "3"}, {"queues", "there"}});
  config.set("quota.server", "size", "2");
  TestDaemon daemon(config);
  Client client = connect(daemon);
  const std::string gate = daemon.directory() / "gate";
  Kept jobs(client);
  for (int i = 0; i < 4; ++i) {
    for (const char* queue : {"here", "there"})
      jobs.submit(Options().queue(queue).quota("server"), "wait_for", gate);
  }
  REQUIRE(eventually([&] { return jobs.how_many(State::running) == 2; }));
  CHECK(client.submit<int>(Options().queue("here"), "add", 1, 2).result(kPatience) == 3);
  CHECK(client.submit<int>(Options().queue("there"), "add", 1, 2).result(kPatience) == 3);
  CHECK(jobs.how_many(State::running) == 2);
  write_file(gate, "");
  CHECK(most_at_once(jobs.views()) == 2);
}

TEST_CASE("Q6 of two queues with weights 3 and 1 three jobs of the one begin for each of the other") {
  HeldPool held(story_config(1).set("queue.heavy", "weight", "3"));
  for (int i = 0; i < 24; ++i) {
    held.submit(Options().queue("heavy"), "heavy");
    held.submit(Options().queue("light"), "light");
  }
  const std::vector<std::string> order = held.order();
  REQUIRE(order.size() == 48);
  for (std::ptrdiff_t n = 4; n <= 24; n += 4) {
    CAPTURE(n);
    const auto heavy = std::count(order.begin(), order.begin() + n, "heavy");
    CHECK(heavy >= n * 3 / 4 - 1);
    CHECK(heavy <= n * 3 / 4 + 1);
  }
}

TEST_CASE("Q1 with ageing a job of low priority that has waited goes before a later one of a higher") {
  HeldPool held(story_config(1).set("queue.default", "ageing", "20ms"));
  held.submit(Options().priority(0), "low");
  const auto submitted = std::chrono::steady_clock::now();
  REQUIRE(eventually([&] { return std::chrono::steady_clock::now() > submitted + 5 * 20ms; }));
  held.submit(Options().priority(5), "high");
  held.submit(Options().priority(0), "late and low");
  CHECK(held.order() == std::vector<std::string>{"low", "high", "late and low"});
}
