// SPDX-License-Identifier: Apache-2.0
// The files of a daemon that was killed in the middle of its work, cut off at every page: what was only
// written and not synced may be missing without harm; of what was synced nothing may be missed in silence.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>

#include "tests/crash/storm.hpp"

namespace promised::test {
namespace {

namespace fs = std::filesystem;
constexpr std::uintmax_t kCutPage = 4096;
constexpr std::uintmax_t kFrame = kCutPage + 24;
constexpr std::uintmax_t kLogHeader = 32;

/// The boundaries of pages and of the log's frames, below `size`; at most `most` of them, others with each
/// seed.
std::vector<std::uintmax_t> choose_cuts(std::uintmax_t size, std::size_t most, std::mt19937_64& random) {
  std::vector<std::uintmax_t> cuts;
  for (std::uintmax_t at = 0; at < size; at += kCutPage) cuts.push_back(at);
  for (std::uintmax_t at = kLogHeader; at < size; at += kFrame) cuts.push_back(at);
  std::shuffle(cuts.begin(), cuts.end(), random);
  cuts.resize(std::min(cuts.size(), most));
  return cuts;
}

void copy_cut(const fs::path& from, const fs::path& to, const std::string& name, std::uintmax_t size) {
  fs::create_directories(to);
  for (const char* file : {"promised.db", "promised.db-wal", "results"}) {
    fs::remove_all(to / file);
    if (fs::exists(from / file)) fs::copy(from / file, to / file, fs::copy_options::recursive);
  }
  fs::resize_file(to / name, size);
}

bool is_refusal(const Wrong& wrong) {
  return wrong.size() == 1 && wrong[0].find("put a copy of it back, or move") != std::string::npos;
}

struct Counts {
  int whole = 0, older = 0, refused = 0;
};

/// Of a database that was cut all is there, or it is refused.
void try_database(const Storm& storm, std::uintmax_t size, Counts& counts) {
  CAPTURE(size);
  const TempDirectory directory;
  copy_cut(storm.daemon().state_dir(), directory.path(), "promised.db", size);
  const Wrong wrong = storm.audit(directory.path());
  if (is_refusal(wrong)) {
    ++counts.refused;
  } else {
    expect_nothing_wrong(wrong);
    ++counts.whole;
  }
}

/// Of a log that was cut behind what was synced all is there. Before that nobody can tell that there was
/// more: what is there is whole.
void try_log(const Storm& storm, std::uintmax_t size, Counts& counts) {
  CAPTURE(size);
  const TempDirectory directory;
  copy_cut(storm.daemon().state_dir(), directory.path(), "promised.db-wal", size);
  if (size >= storm.faults().synced_size("promised.db-wal")) {
    expect_nothing_wrong(storm.audit(directory.path()));
    ++counts.whole;
  } else {
    expect_nothing_wrong(audit_older_store(directory.path()));
    ++counts.older;
  }
}

/// The daemon itself, without workers: it serves what was told, or refuses to start and says what to do.
void try_daemon(const Storm& storm, const std::string& name, std::uintmax_t size, Counts& counts) {
  CAPTURE(name);
  CAPTURE(size);
  TestDaemon daemon(DaemonConfig{}, TestDaemon::NotStarted{});
  copy_cut(storm.daemon().state_dir(), daemon.state_dir(), name, size);
  const bool must_serve = name == "promised.db-wal" && size >= storm.faults().synced_size(name);
  if (const auto exit = daemon.try_start()) {
    CHECK_FALSE(must_serve);
    CHECK(*exit == Exit{1, 0});
    CHECK(daemon.log().find("put a copy of it back, or move") != std::string::npos);
    ++counts.refused;
    return;
  }
  expect_nothing_wrong(storm.audit_told(daemon.endpoint()));
  ++counts.whole;
}

TEST_CASE("E5 R9 files that were cut off anywhere lose nothing that was synced in silence") {
  std::mt19937_64 random(choose_seed());
  Storm storm(random());
  const std::size_t most = choose_count("PROMISED_CRASH_CUTS", 40);
  storm.live_and_die({}, PowerCut::none);
  storm.fold_log();
  const Exit exit = storm.live_and_die({.act = "kill_before", .at = 300 + random() % 700}, PowerCut::none);
  CHECK(exit == Exit{0, SIGKILL});
  const fs::path state = storm.daemon().state_dir();
  const std::uintmax_t synced = storm.faults().synced_size("promised.db-wal");
  const std::uintmax_t written = fs::file_size(state / "promised.db-wal");
  Counts database, log, daemon;
  for (const auto size : choose_cuts(fs::file_size(state / "promised.db"), most, random))
    try_database(storm, size, database);
  for (const auto size : choose_cuts(written, most, random)) try_log(storm, size, log);
  for (std::uintmax_t size = synced; size <= written; size += kCutPage) try_log(storm, size, log);
  for (const auto size : choose_cuts(fs::file_size(state / "promised.db"), most / 10, random))
    try_daemon(storm, "promised.db", size, daemon);
  try_daemon(storm, "promised.db-wal", synced, daemon);
  MESSAGE("database cut: " << database.refused << " times refused, " << database.whole << " times all there");
  MESSAGE("log cut, " << written - synced << " of its " << written << " bytes not synced: " << log.whole
                      << " times all there, " << log.older << " times whole but older");
  MESSAGE("daemon started on such files: " << daemon.refused << " times refused, " << daemon.whole
                                           << " times all there");
  storm.settle();
}

}  // namespace
}  // namespace promised::test
