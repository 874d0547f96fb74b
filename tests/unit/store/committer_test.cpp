// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/committer.hpp"

#include <doctest/doctest.h>
#include <poll.h>

#include <condition_variable>
#include <mutex>

#include "tests/support/eventually.hpp"
#include "tests/support/fault_vfs.hpp"
#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

using File = FaultVfs::File;
using Call = FaultVfs::Call;

/// Where syncs wait while it is shut.
class Gate {
 public:
  void shut() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    moved_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    waiting_ = true;
    moved_.notify_all();
    moved_.wait(lock, [this] { return open_; });
    waiting_ = false;
  }
  /// Returns when somebody waits at the shut gate.
  [[nodiscard]] bool wait_for_somebody() {
    std::unique_lock lock(mutex_);
    return moved_.wait_for(lock, kPatience, [this] { return waiting_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable moved_;
  bool open_ = true;
  bool waiting_ = false;
};

/// A committer as the loop uses it, on a disk whose syncs can be held up.
class Subject {
 public:
  Subject() {
    vfs.before_log_sync([this] { gate.pass(); });
    committer.emplace(open_store(directory.path()));
    submit({insert(1'000'000)});  // the first commit to a new log syncs more than once
    REQUIRE(wait_for(1));
  }
  ~Subject() { gate.open(); }
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;

  std::uint64_t submit(std::vector<Change> changes) {
    const std::uint64_t batch = committer->submit(changes);
    CHECK(changes.empty());
    return batch;
  }
  /// Collects when the descriptor says so, until `done` holds of all news so far.
  bool collect_until(const std::function<bool()>& done) {
    return eventually([&] {
      pollfd poller{committer->fd(), POLLIN, 0};
      if (::poll(&poller, 1, 100) == 1) take(committer->collect());
      return done();
    });
  }
  bool wait_for(std::uint64_t batch) {
    return collect_until([&] { return committed >= batch; });
  }
  void take(Committer::News news) {
    CHECK(news.committed >= committed);
    committed = news.committed;
    facts = news.facts;
    for (Event& answer : news.answers) results.push_back(std::get<event::ResultLoaded>(std::move(answer)));
    if (news.failed) failures.push_back(*news.failed);
    if (news.full) shortages.push_back(*news.full);
  }
  /// The next write finds the disk full, and this returns when that has been told.
  bool fill_disk(std::uint64_t job) {
    vfs.fail(File::log, Call::write, 1, FaultVfs::Fault::full);
    submit({insert(job)});
    return collect_until([&] { return facts.full_since != WallTime(); });
  }
  [[nodiscard]] std::uint64_t log_syncs() const { return vfs.count(File::log, Call::sync); }
  /// Everything on disk, after the committer has gone.
  Contents end() {
    gate.open();
    committer.reset();
    return contents_of(directory.path());
  }

  TempDirectory directory;
  Gate gate;
  FaultVfs vfs;
  std::optional<Committer> committer;
  std::uint64_t committed = 0;
  StoreFacts facts;
  std::vector<event::ResultLoaded> results;
  std::vector<Problem> failures;
  std::vector<Problem> shortages;
};

TEST_CASE("batches are numbered, and an idle committer commits each at once") {
  Subject subject;
  const std::uint64_t syncs = subject.log_syncs();
  for (std::uint64_t n = 2; n < 12; ++n) {
    CHECK(subject.submit({insert(n)}) == n);
    REQUIRE(subject.wait_for(n));
    CHECK(subject.committed == n);
  }
  CHECK(subject.log_syncs() - syncs == 10);
  CHECK(subject.facts.bytes > 0);
  CHECK(subject.facts.last_commit > WallTime());
  CHECK(subject.end().jobs.size() == 11);
}

TEST_CASE("nothing to write is no batch") {
  Subject subject;
  CHECK(subject.submit({}) == 1);
  CHECK(subject.submit({insert(2)}) == 2);
  CHECK(subject.submit({}) == 2);
}

TEST_CASE("all that comes during a commit is written with the next one") {
  Subject subject;
  subject.gate.shut();
  subject.submit({insert(2)});
  REQUIRE(subject.gate.wait_for_somebody());
  const std::uint64_t syncs = subject.log_syncs();
  std::uint64_t last = 0;
  for (std::uint64_t n = 0; n < 1000; ++n) last = subject.submit({insert(10 + n)});
  subject.take(subject.committer->collect());  // the disk stands still: this must not
  CHECK(subject.committed == 1);
  subject.gate.open();
  REQUIRE(subject.wait_for(last));
  CHECK(subject.log_syncs() - syncs <= 2);
  CHECK(subject.end().jobs.size() == 1002);
}

TEST_CASE("a batch is not reported before its sync has returned") {
  Subject subject;
  subject.gate.shut();
  const std::uint64_t batch = subject.submit({insert(2)});
  REQUIRE(subject.gate.wait_for_somebody());
  pollfd poller{subject.committer->fd(), POLLIN, 0};
  CHECK(::poll(&poller, 1, 50) == 0);
  CHECK(subject.committer->collect().committed == batch - 1);
  subject.gate.open();
  CHECK(subject.wait_for(batch));
}

TEST_CASE("jobs that come and go during a commit are reported but never written") {
  Subject subject;
  subject.gate.shut();
  subject.submit({insert(2)});
  REQUIRE(subject.gate.wait_for_somebody());
  const std::uint64_t syncs = subject.log_syncs();
  std::uint64_t last = 0;
  for (std::uint64_t n = 10; n < 1010; ++n) {
    subject.submit({insert(n)});
    subject.submit({change::StartJob{job_id(n), 1}, succeed(n)});
    last = subject.submit({remove(n)});
  }
  subject.gate.open();
  REQUIRE(subject.wait_for(last));
  CHECK(subject.log_syncs() - syncs == 1);  // the one that was held up
  CHECK(subject.end().jobs.size() == 2);
}

TEST_CASE("a result that was submitted before it was asked for is found") {
  Subject subject;
  subject.submit({insert(2), succeed(2, "the value"), insert(3)});
  subject.committer->load(effect::LoadResult{job_id(2)});
  subject.committer->load(effect::LoadResult{job_id(3)});
  REQUIRE(subject.collect_until([&] { return subject.results.size() == 2; }));
  CHECK(subject.committed == 2);
  CHECK(subject.results[0].job == job_id(2));
  CHECK(subject.results[0].found);
  CHECK(subject.results[0].result.view() == "the value");
  CHECK(subject.results[1].job == job_id(3));
  CHECK_FALSE(subject.results[1].found);
  CHECK(subject.committer->collect().answers.empty());
}

TEST_CASE("a failure of the disk is told once, and nothing after it is claimed to be written") {
  Subject subject;
  subject.gate.shut();
  const std::uint64_t good = subject.submit({insert(2)});
  REQUIRE(subject.gate.wait_for_somebody());
  const std::uint64_t bad = subject.submit({insert(3)});
  subject.vfs.fail(File::log, Call::sync, 2, FaultVfs::Fault::io);
  subject.gate.open();
  REQUIRE(subject.collect_until([&] { return !subject.failures.empty(); }));
  CHECK(subject.failures[0].message.find("disk I/O error") != std::string::npos);
  CHECK(subject.committed == good);
  subject.vfs.heal();
  CHECK(subject.submit({insert(4)}) == bad + 1);
  subject.committer->load(effect::LoadResult{job_id(2)});
  const Contents contents = subject.end();
  CHECK(contents.job(2) != nullptr);
  CHECK(contents.job(4) == nullptr);
  CHECK(subject.failures.size() == 1);
}

TEST_CASE("after a failure there is no further news") {
  Subject subject;
  subject.vfs.fail(File::log, Call::write, 1, FaultVfs::Fault::io);
  subject.submit({insert(2)});
  REQUIRE(subject.collect_until([&] { return !subject.failures.empty(); }));
  subject.submit({insert(3)});
  subject.committer->load(effect::LoadResult{job_id(1)});
  pollfd poller{subject.committer->fd(), POLLIN, 0};
  CHECK(::poll(&poller, 1, 50) == 0);
  const Committer::News news = subject.committer->collect();
  CHECK_FALSE(news.failed.has_value());
  CHECK(news.committed == 1);
  CHECK(news.answers.empty());
  subject.vfs.heal();
}

TEST_CASE("a committer that goes commits what it was given") {
  Subject subject;
  subject.gate.shut();
  for (std::uint64_t n = 2; n < 102; ++n) subject.submit({insert(n)});
  REQUIRE(subject.gate.wait_for_somebody());
  CHECK(subject.end().jobs.size() == 101);
}

TEST_CASE("an idle committer returns the space of what was deleted") {
  Subject subject;
  std::vector<Change> inserts;
  std::vector<Change> deletes;
  for (std::uint64_t n = 2; n < 8002; ++n) {
    inserts.emplace_back(insert(n, std::string(4096, 'x')));
    deletes.emplace_back(remove(n));
  }
  REQUIRE(subject.wait_for(subject.submit(std::move(inserts))));
  REQUIRE(subject.wait_for(subject.submit(std::move(deletes))));
  CHECK(eventually([&] { return subject.committer->collect().facts.bytes < 20'000'000; }));
}

TEST_CASE("on a full disk all that was given is kept, and written in order when there is space") {
  Subject subject;
  REQUIRE(subject.fill_disk(2));
  CHECK(subject.committed == 1);
  std::uint64_t last = 0;
  for (std::uint64_t n = 0; n < 100; ++n) last = subject.submit({insert(10 + n)});
  last = subject.submit({succeed(2), remove(10)});
  CHECK(subject.committer->unwritten() > 0);
  CHECK(subject.shortages.size() == 1);
  subject.vfs.heal();
  REQUIRE(subject.wait_for(last));
  REQUIRE(subject.collect_until([&] { return subject.facts.full_since == WallTime(); }));
  CHECK(subject.committer->unwritten() == 0);
  CHECK(subject.shortages.size() == 1);
  CHECK(subject.failures.empty());
  const Contents contents = subject.end();
  CHECK(contents.jobs.size() == 101);
  REQUIRE(contents.job(2) != nullptr);
  CHECK(contents.job(2)->state == State::succeeded);
}

TEST_CASE("on a full disk what is there is read at once, and what is still to be written when it is") {
  Subject subject;
  REQUIRE(subject.wait_for(subject.submit({insert(2), succeed(2, "there")})));
  REQUIRE(subject.fill_disk(3));
  subject.submit({succeed(3, "to come")});
  subject.committer->load(effect::LoadResult{job_id(3)});
  subject.committer->load(effect::LoadResult{job_id(2)});
  REQUIRE(subject.collect_until([&] { return !subject.results.empty(); }));
  CHECK(subject.results.size() == 1);
  CHECK(subject.results[0].result.view() == "there");
  subject.vfs.heal();
  REQUIRE(subject.collect_until([&] { return subject.results.size() == 2; }));
  CHECK(subject.results[1].found);
  CHECK(subject.results[1].result.view() == "to come");
}

TEST_CASE("on a full disk a page of the backlog that is not full is not taken for the last one") {
  Subject subject;
  const auto waiting = [](std::uint64_t n) {
    change::InsertJob job = insert(n);
    job.backlog = true;
    return job;
  };
  REQUIRE(subject.wait_for(subject.submit({waiting(2), waiting(3)})));
  REQUIRE(subject.fill_disk(4));
  const std::uint64_t last = subject.submit({waiting(5)});
  const auto ask = [&](std::uint32_t most) {
    subject.committer->load(effect::LoadBacklog{"reports", "report.build", {}, 0, moment(0), most});
  };
  ask(10);
  ask(2);
  std::vector<std::size_t> sizes;
  const auto collect = [&] {
    Committer::News news = subject.committer->collect();
    subject.committed = news.committed;
    for (const Event& answer : news.answers)
      sizes.push_back(std::get<event::BacklogLoaded>(answer).jobs.size());
    return !sizes.empty();
  };
  REQUIRE(eventually(collect));
  CHECK(sizes == std::vector<std::size_t>{2});
  subject.vfs.heal();
  REQUIRE(eventually([&] { return collect() && subject.committed == last && sizes.size() == 2; }));
  CHECK(sizes == std::vector<std::size_t>{2, 3});
}

TEST_CASE("a committer that goes while the disk is full ends, and what was not told is not there") {
  Subject subject;
  REQUIRE(subject.fill_disk(2));
  subject.submit({insert(3)});
  subject.committer.reset();
  subject.vfs.heal();
  CHECK(contents_of(subject.directory.path()).jobs.size() == 1);
}

TEST_CASE("a full disk that lets nothing be copied out of the log is told, and is over by itself") {
  Subject subject;
  subject.vfs.fail(File::database, Call::write, 1, FaultVfs::Fault::full);
  REQUIRE(subject.wait_for(subject.submit({insert(2, std::string(6'000'000, 'x'))})));
  REQUIRE(subject.collect_until([&] { return subject.facts.full_since != WallTime(); }));
  subject.vfs.heal();
  REQUIRE(subject.collect_until([&] { return subject.facts.full_since == WallTime(); }));
  CHECK(subject.failures.empty());
}

TEST_CASE("a disk that breaks while it is full fails the store") {
  Subject subject;
  REQUIRE(subject.fill_disk(2));
  subject.vfs.fail(File::log, Call::write, 1, FaultVfs::Fault::io);
  REQUIRE(subject.collect_until([&] { return !subject.failures.empty(); }));
  CHECK(subject.committed == 1);
  subject.vfs.heal();
}

TEST_CASE("bytes that wait for the disk are counted until they are on it, or need not be written") {
  Subject subject;
  CHECK(subject.committer->unwritten() == 0);
  subject.gate.shut();
  subject.submit({insert(2, std::string(1000, 'x'))});
  REQUIRE(subject.gate.wait_for_somebody());
  const std::uint64_t one = subject.committer->unwritten();
  CHECK(one > 1000);
  CHECK(one < 2000);
  subject.submit({insert(3, std::string(5000, 'x'))});
  CHECK(subject.committer->unwritten() > one + 5000);
  const std::uint64_t last = subject.submit({succeed(3, std::string(7000, 'x')), remove(3)});
  CHECK(subject.committer->unwritten() == one);
  subject.gate.open();
  REQUIRE(subject.wait_for(last));
  CHECK(subject.committer->unwritten() == 0);
  CHECK(subject.facts.unwritten == 0);
}

}  // namespace
}  // namespace promised::test
