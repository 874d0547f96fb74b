// SPDX-License-Identifier: Apache-2.0
// A committer that checks, backs up and compacts its store beside its work.
#include "daemon/store/maintenance.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.hpp"
#include "daemon/store/committer.hpp"
#include "daemon/store/room.hpp"
#include "daemon/store/unfinished_copy.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/fault_vfs.hpp"
#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

class StoreInUse {
 public:
  explicit StoreInUse(std::uint64_t batches = 1000) : batches_(batches) {
    commit(*open_store(state()), numbered_batches(batches));
  }
  [[nodiscard]] std::filesystem::path state() const { return directory_ / "state"; }
  [[nodiscard]] std::filesystem::path place(const std::string& name) const { return directory_ / name; }

  /// What somebody does to the store while it is closed; how many rows it was done to.
  int sql(const std::string& text) const {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open((state() / "promised.db").c_str(), &database) == SQLITE_OK);
    CHECK(sqlite3_exec(database, text.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    const int rows = sqlite3_changes(database);
    sqlite3_close(database);
    return rows;
  }
  void start() { committer_.emplace(open_store(state())); }
  void begin(StoreTask task, const std::string& path = {}) {
    if (!committer_) start();
    committer_->maintain({task, path});
  }
  /// Batches go on until it is done.
  event::StoreMaintained await() {
    std::optional<event::StoreMaintained> done;
    CHECK(eventually([&] {
      if (failed_) return true;
      pollfd poller{committer_->fd(), POLLIN, 0};
      ::poll(&poller, 1, 20);
      Committer::News news = committer_->collect();
      for (Event& answer : news.answers) done = std::get<event::StoreMaintained>(std::move(answer));
      if (news.committed == submitted_ && !done) commit_more();
      failed_ = news.failed.has_value();
      return done.has_value();
    }));
    CHECK_FALSE(failed_);
    REQUIRE(done.has_value());
    return *std::move(done);
  }
  event::StoreMaintained run(StoreTask task, const std::string& path = {}) {
    begin(task, path);
    return await();
  }
  /// What is said of what cannot be done.
  std::string refused(StoreTask task, const std::string& path = {}) {
    const auto done = run(task, path);
    if (!done.problem) return "it was done";
    CHECK(done.problem->code == "store");
    return done.problem->message;
  }
  void commit_more() {
    auto changes = numbered_batch(batches_++, 4000);
    submitted_ = committer_->submit(changes);
  }
  /// How many batches are in a state directory that nobody uses; the subject's own store is closed for that.
  [[nodiscard]] std::uint64_t batches_in(const std::filesystem::path& directory) {
    committer_.reset();
    return whole_batches(contents_of(directory)).value_or(0);
  }
  [[nodiscard]] std::uint64_t batches() const { return batches_; }
  Committer& committer() { return *committer_; }
  void end() { committer_.reset(); }
  /// The names in the state directory that are not the store's own.
  [[nodiscard]] std::vector<std::string> leftovers() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(state())) {
      const std::string name = entry.path().filename();
      const bool own =
          name.starts_with("promised.db") || name == "lock" || name == "backups" || name == "results";
      if (!own) names.push_back(name);
    }
    return names;
  }

 private:
  TempDirectory directory_;
  std::uint64_t batches_;
  std::uint64_t submitted_ = 0;
  bool failed_ = false;
  std::optional<Committer> committer_;
};

TEST_CASE("a check looks at everything, while commits go on, and leaves nothing behind") {
  StoreInUse subject;
  const auto done = subject.run(StoreTask::check);
  REQUIRE_FALSE(done.problem.has_value());
  CHECK(done.report.task == StoreTask::check);
  CHECK(done.report.damages == 0);
  CHECK(done.report.jobs >= 3000);
  CHECK(done.report.names + done.report.tombstones >= 1000);
  CHECK(done.report.bytes > 100'000);
  CHECK(subject.leftovers().empty());
  CHECK(subject.batches_in(subject.state()) == subject.batches());
}

TEST_CASE("a backup is a state directory with all that was committed before it began") {
  StoreInUse subject;
  const std::uint64_t before = subject.batches();
  const auto done = subject.run(StoreTask::backup, subject.place("backup"));
  REQUIRE_FALSE(done.problem.has_value());
  CHECK(done.report.path == subject.place("backup"));
  CHECK(done.report.damages == 0);
  struct stat made {};
  REQUIRE(::stat(subject.place("backup").c_str(), &made) == 0);
  CHECK((made.st_mode & 0777) == 0700);
  REQUIRE(::stat((subject.place("backup") / "promised.db").c_str(), &made) == 0);
  CHECK((made.st_mode & 0777) == 0600);
  CHECK(std::distance(std::filesystem::directory_iterator(subject.place("backup")), {}) == 1);
  CHECK(subject.leftovers().empty());
  CHECK(subject.batches_in(subject.place("backup")) >= before);
  CHECK(subject.batches_in(subject.state()) == subject.batches());
}

TEST_CASE("without a path a backup goes below the state directory, and each has a name of its own") {
  StoreInUse subject;
  const auto first = subject.run(StoreTask::backup), second = subject.run(StoreTask::backup);
  for (const auto& done : {first, second}) {
    REQUIRE_FALSE(done.problem.has_value());
    CHECK(done.report.path.starts_with((subject.state() / "backups" / "20").string()));
    CHECK(subject.batches_in(done.report.path) >= 1000);
  }
  CHECK(first.report.path != second.report.path);
}

TEST_CASE("a backup is refused with what to do where it cannot be made, and nothing is left of the try") {
  StoreInUse subject;
  const auto has = [](const std::string& text, const std::string& part) {
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  std::filesystem::create_directory(subject.place("there"));
  const std::string there = subject.place("there"), own = subject.state();
  CHECK(subject.refused(StoreTask::backup, there) ==
        there + " is there already; name a directory that is not, or move it away");
  CHECK(subject.refused(StoreTask::backup, "backup") ==
        "expected an absolute path of a directory to be made, found \"backup\"");
  CHECK(subject.refused(StoreTask::backup, "///") ==
        "expected an absolute path of a directory to be made, found \"///\"");
  CHECK(subject.refused(StoreTask::backup, own + "/results") ==
        "expected an absolute path of a directory to be made, found \"" + own +
            "/results\", which is in the state directory itself; below " + own +
            "/backups there is room for it");
  CHECK(subject.refused(StoreTask::backup, there + "/no/such") ==
        "cannot make the directory " + there + "/no/such.unfinished: No such file or directory; " + there +
            "/no must be a directory that is there already");
  const std::string forbidden = subject.refused(StoreTask::backup, "/sys/promised-backup");
  has(forbidden, "cannot make the directory /sys/promised-backup.unfinished: ");
  has(forbidden,
      "; the daemon runs as user " + std::to_string(::geteuid()) +
          ", who must be able to write to /sys, and as a service of systemd it may write outside its "
          "state directory only to what ReadWritePaths= names in its unit; without a path the backup "
          "goes to " +
          own + "/backups");
  CHECK(subject.leftovers().empty());
  CHECK(std::filesystem::is_empty(there));
}

TEST_CASE("what is too large for the disk is refused before it begins, with what to do") {
  const TempDirectory directory;
  write_file(directory / "promised.db", "");
  std::filesystem::resize_file(directory / "promised.db", std::uintmax_t{1} << 42);
  std::atomic<std::uint32_t> percent{0};
  const auto tried = [&](StoreTask task) {
    std::atomic<bool> done{false};
    Maintenance maintenance(
        {task, {}}, directory.path(), [&] { done = true; }, percent);
    CHECK(eventually([&] { return done.load(); }));
    const TempDirectory other;
    const auto store = open_store(other.path());
    CHECK(maintenance.take_turn(*store).value() == Maintenance::Turn::done);
    const auto outcome = maintenance.outcome();
    return outcome.problem ? outcome.problem->message : "it was done";
  };
  const std::string check = tried(StoreTask::check);
  CAPTURE(check);
  CHECK(check.starts_with("there is no room for a copy of the store in " + directory.path().string() +
                          "/check.unfinished" +
                          ": it needs 4TiB, with 64MiB to stay free for the daemon's own work, and "));
  CHECK(
      check.ends_with(" are free; free some, or run `promisectl store backup DIRECTORY` with a directory on "
                      "another disk, which checks what it copies"));
  const std::string backup = tried(StoreTask::backup);
  CHECK(backup.ends_with(" are free; free some, or name a directory on another disk"));
  CHECK_FALSE(std::filesystem::exists(directory / "check.unfinished"));
  CHECK(std::filesystem::is_empty(directory / "backups"));
}

TEST_CASE("a copy leaves room for the daemon on its own disk, and takes all of another one") {
  constexpr std::uint64_t kMebi = std::uint64_t{1} << 20;
  const Room own{"/there", true, 100 * kMebi}, other{"/there", false, 100 * kMebi};
  CHECK(check_room(own, 36 * kMebi, StoreTask::check).ok());
  CHECK_FALSE(check_room(own, 37 * kMebi, StoreTask::check).ok());
  CHECK(check_room(other, 100 * kMebi, StoreTask::backup).ok());
  CHECK(check_room(other, 100 * kMebi + 1, StoreTask::backup).problem().message ==
        "there is no room for a copy of the store in /there: it needs 101MiB, and 100MiB are free; free "
        "some, or "
        "name a directory on another disk");
  CHECK(check_room_left({"/there", true, kRoomToLeave}).ok());
  CHECK(check_room_left({"/there", false, 0}).ok());
  CHECK(check_room_left({"/there", true, kRoomToLeave - 1}).problem().message ==
        "the copy of the store in /there was given up half-way: the disk is filling up, and 64MiB are to "
        "stay free "
        "for the daemon's own work; free some, or have the backup made on another disk");
  CHECK(look_for_room("/no/such", "/").problem().message ==
        "cannot ask how much room there is in /no/such: No such file or directory");
}

TEST_CASE(
    "a disk that is full in the middle ends the backup, leaves nothing of it, and does not touch the store") {
  FaultVfs vfs;
  StoreInUse subject;
  vfs.fail(FaultVfs::File::database, FaultVfs::Call::write, 30, FaultVfs::Fault::full, "backup.unfinished/");
  const std::string said = subject.refused(StoreTask::backup, subject.place("backup"));
  CHECK(said == "cannot write the copy " + (subject.place("backup.unfinished") / "promised.db").string() +
                    ": database or disk is full (SQLite code 13)");
  CHECK_FALSE(std::filesystem::exists(subject.place("backup.unfinished")));
  CHECK_FALSE(std::filesystem::exists(subject.place("backup")));
  vfs.heal();
  CHECK_FALSE(subject.run(StoreTask::backup, subject.place("backup")).problem.has_value());
  CHECK(subject.batches_in(subject.state()) == subject.batches());
}

TEST_CASE("a damaged store is found so, and its backup has a name that says it") {
  StoreInUse subject;
  CHECK(subject.sql("UPDATE job SET result_size=result_size+1 WHERE state=5") > 1000);
  subject.start();
  const auto check = subject.run(StoreTask::check);
  REQUIRE_FALSE(check.problem.has_value());
  CHECK(check.report.damages > 1000);
  REQUIRE(check.report.damage.size() == 20);
  CHECK(check.report.damage.front().find("its result should have") != std::string::npos);
  const auto backup = subject.run(StoreTask::backup, subject.place("backup"));
  REQUIRE_FALSE(backup.problem.has_value());
  CHECK(backup.report.damages == check.report.damages);
  CHECK(backup.report.path == subject.place("backup.damaged"));
  CHECK_FALSE(std::filesystem::exists(subject.place("backup")));
  CHECK(subject.refused(StoreTask::backup, subject.place("backup"))
            .starts_with(backup.report.path + " is there already"));
}

TEST_CASE("damage on disk is found though the daemon remembers the page as it was") {
  StoreInUse subject;
  subject.start();
  {
    const Fd file(::open((subject.state() / "promised.db").c_str(), O_RDWR | O_CLOEXEC));
    const std::string garbage(4096, '\x5a');
    for (off_t page = 10; page < 20; ++page)
      REQUIRE(::pwrite(file.get(), garbage.data(), garbage.size(), page * 4096) == 4096);
  }
  subject.begin(StoreTask::check);
  std::optional<event::StoreMaintained> done;
  REQUIRE(eventually([&] {
    for (Event& answer : subject.committer().collect().answers)
      done = std::get<event::StoreMaintained>(std::move(answer));
    return done.has_value();
  }));
  REQUIRE_FALSE(done->problem.has_value());
  CHECK(done->report.damages > 0);
}

TEST_CASE("a backup has the results that are files, and one that is missing is damage") {
  StoreInUse subject;
  const std::string id = job_id(10).text();  // of the first batch, so it has ended
  CHECK(subject.sql(
            "UPDATE job SET result_file=1, result=NULL, result_size=1000 WHERE substr(id, 15)=x'000a'") == 1);
  std::filesystem::create_directory(subject.state() / "results");
  write_file(subject.state() / "results" / id, std::string(1000, 'r'));
  const auto sound = subject.run(StoreTask::backup, subject.place("sound"));
  REQUIRE_FALSE(sound.problem.has_value());
  CHECK(sound.report.damage == std::vector<std::string>());
  CHECK(sound.report.result_files == 1);
  CHECK(read_file(subject.place("sound") / "results" / id) == std::string(1000, 'r'));
  std::filesystem::remove(subject.state() / "results" / id);
  const auto damaged = subject.run(StoreTask::backup, subject.place("damaged"));
  REQUIRE_FALSE(damaged.problem.has_value());
  CHECK(damaged.report.damages == 1);
  CHECK(damaged.report.damage.front().starts_with("the result of job " + id +
                                                  " should be a file of 1000 bytes"));
}

TEST_CASE("a compaction gives all space back, step by step between commits") {
  StoreInUse subject(0);
  subject.start();
  std::vector<Change> inserts, deletes;
  for (std::uint64_t n = 1'000'000; n < 1'003'000; ++n) {
    inserts.emplace_back(insert(n, std::string(4096, 'x')));
    deletes.emplace_back(remove(n));
  }
  for (std::vector<Change>* changes : {&inserts, &deletes}) {
    const std::uint64_t batch = subject.committer().submit(*changes);
    REQUIRE(eventually([&] { return subject.committer().collect().committed == batch; }));
  }
  const auto done = subject.run(StoreTask::compact);
  REQUIRE_FALSE(done.problem.has_value());
  CHECK(done.report.bytes_before > 12'000'000);
  CHECK(done.report.bytes < 1'000'000);
  CHECK(subject.batches_in(subject.state()) == subject.batches());
}

TEST_CASE("a store without anything to give back is compacted at once") {
  StoreInUse subject;
  const auto done = subject.run(StoreTask::compact);
  REQUIRE_FALSE(done.problem.has_value());
  CHECK(done.report.bytes > 0);
}

TEST_CASE("what is stopped says so and leaves nothing, wherever it was") {
  // From the moment when it was asked for to when it is done.
  for (std::uint32_t percent = 0; percent < 100; percent += 10) {
    CAPTURE(percent);
    StoreInUse subject(3000);
    subject.begin(StoreTask::backup, subject.place("backup"));
    REQUIRE(eventually([&] {
      return subject.committer().maintenance_percent() >= percent ||
             std::filesystem::exists(subject.place("backup"));
    }));
    subject.committer().stop_maintenance();
    const auto done = subject.await();
    CHECK(subject.leftovers().empty());
    CHECK_FALSE(std::filesystem::exists(subject.place("backup.unfinished")));
    CHECK(done.problem.has_value() != std::filesystem::exists(subject.place("backup")));
    if (!done.problem) continue;
    CHECK(done.problem->code == "interrupted");
    CHECK(done.problem->message == "the daemon is stopping and has given this up; nothing of it is left");
  }
}

TEST_CASE("a committer that goes takes what is unfinished with it") {
  StoreInUse subject(3000);
  subject.begin(StoreTask::backup, subject.place("backup"));
  REQUIRE(eventually([&] { return std::filesystem::exists(subject.place("backup.unfinished")); }));
  subject.end();
  CHECK_FALSE(std::filesystem::exists(subject.place("backup.unfinished")));
  CHECK(subject.leftovers().empty());
}

TEST_CASE("what a kill has left unfinished is removed at the next start, and nothing else") {
  const TempDirectory directory;
  std::filesystem::create_directories(directory / "check.unfinished" / "results");
  write_file(directory / "check.unfinished" / "promised.db", "half");
  const auto backup = directory / "elsewhere.unfinished";
  std::filesystem::create_directories(backup / "results");
  write_file(backup / "promised.db", "half");
  write_file(backup / "results" / job_id(1).text(), "a result");
  write_file(directory / "backup.unfinished", backup.string() + "\n");
  SUBCASE("as it was left") {
    CHECK(remove_unfinished_copies(directory.path()).ok());
    CHECK(std::filesystem::is_empty(directory.path()));
  }
  SUBCASE("with a file of somebody's in it") {
    write_file(backup / "results" / "mine", "");
    const auto removed = remove_unfinished_copies(directory.path());
    REQUIRE_FALSE(removed.ok());
    CHECK(removed.problem().message ==
          "cannot remove the directory " + (backup / "results").string() + ": Directory not empty");
    CHECK(std::filesystem::exists(backup / "results" / "mine"));
    CHECK(std::filesystem::exists(directory / "backup.unfinished"));
  }
  SUBCASE("with a note that was not whole") {
    write_file(directory / "backup.unfinished", backup.string().substr(0, 20));
    CHECK(remove_unfinished_copies(directory.path()).ok());
    CHECK(std::filesystem::exists(backup / "promised.db"));
    CHECK_FALSE(std::filesystem::exists(directory / "backup.unfinished"));
  }
  SUBCASE("with a link in its place") {
    std::filesystem::rename(backup, directory / "other");
    std::filesystem::create_symlink(directory / "other", backup);
    const auto removed = remove_unfinished_copies(directory.path());
    REQUIRE_FALSE(removed.ok());
    CHECK(removed.problem().message ==
          backup.string() + " is not a directory of this daemon's; it is left as it is");
    CHECK(std::filesystem::exists(directory / "other" / "promised.db"));
  }
}

}  // namespace
}  // namespace promised::test
