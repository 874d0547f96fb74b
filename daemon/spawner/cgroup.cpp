// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/cgroup.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

namespace promised {
namespace {

using Path = std::filesystem::path;

constexpr std::string_view kMemory = "memory", kPids = "pids";
// Of groups that a job has made in its worker's, in one step: so many are gone into, removed, or found in
// use.
constexpr std::size_t kMostAtOnce = 128;

Problem no_cgroup(const std::string& why) {
  return Problem::of("no_cgroup", why);
}

// The kernel makes the files: one that is not there is a control that it does not have.
Result<void> write_to(const Path& file, std::string_view text) {
  const Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid() || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return Problem::system("write " + std::string(text) + " to " + file.string());
  return {};
}

Result<std::string> read_from(const Path& file) {
  std::ifstream in(file);
  if (!in) return Problem::system("read " + file.string());
  return std::string{std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Before anything is changed: that it is ours alone. The controllers that there are for what is below.
Result<CgroupControllers> check(const Path& root, const std::vector<pid_t>& own) {
  const Result<std::string> controllers = read_from(root / "cgroup.controllers");
  const Result<std::string> processes = read_from(root / "cgroup.procs");
  if (!controllers.ok()) return no_cgroup(controllers.problem().message);
  if (!processes.ok()) return no_cgroup(processes.problem().message);
  for (const std::string& pid : words_of(*processes)) {
    if (std::none_of(own.begin(), own.end(), [&](pid_t p) { return std::to_string(p) == pid; }))
      return no_cgroup(root.string() + " is not the daemon's alone: process " + pid + " is in it too");
  }
  const std::vector<std::string> there = words_of(*controllers);
  return CgroupControllers{has(there, kMemory), has(there, kPids)};
}

Result<void> move_to(const Path& group, const std::vector<pid_t>& pids) {
  for (const pid_t pid : pids) PROMISED_TRY(write_to(group / "cgroup.procs", std::to_string(pid)));
  return {};
}

// `sign`: "+" or "-", of those that there are, for the groups below.
Result<void> turn(std::string_view sign, CgroupControllers controllers, const Path& group) {
  const Path file = group / "cgroup.subtree_control";
  if (controllers.memory) PROMISED_TRY(write_to(file, std::string(sign) + std::string(kMemory)));
  if (controllers.pids) PROMISED_TRY(write_to(file, std::string(sign) + std::string(kPids)));
  return {};
}

// The kernel says the first of a group, and the second is said of an ordinary folder.
bool is_in_use(int error) {
  return error == EBUSY || error == ENOTEMPTY;
}

// Of one that nothing is in.
Result<CgroupFolders::Removed> remove_empty(const Path& group) {
  if (::rmdir(group.c_str()) == 0 || errno == ENOENT) return CgroupFolders::Removed::gone;
  if (is_in_use(errno)) return CgroupFolders::Removed::in_use;
  return Problem::system("remove " + group.string());
}

// Whoever made it may have closed it to its own user, who may be this process's too.
Fd open_group(int in, const char* name) {
  // Where it may not, it is open or cannot be opened. (The negation is for gcc, which wants results used.)
  static_cast<void>(!::fchmodat(in, name, 0700, 0));
  return Fd(::openat(in, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// What an earlier daemon left, whichever group it is in, and the groups themselves: with them goes what
// somebody may have set for them (frozen, how many there may be in them).
Result<void> end_and_remove(const Path& workers, CgroupFolders& folders) {
  using Removed = CgroupFolders::Removed;
  using Clock = std::chrono::steady_clock;
  // Or who is in them might make others for as long as these are removed.
  if (const Path kill = workers / "cgroup.kill"; std::filesystem::exists(kill))
    PROMISED_TRY(write_to(kill, "1"));
  for (std::optional<Clock::time_point> killed;;) {
    PROMISED_ASSIGN(const Removed removed, folders.remove(workers));
    if (removed == Removed::gone) return {};
    if (removed == Removed::in_part) continue;
    if (!killed) {
      PROMISED_TRY(write_to(workers / "cgroup.kill", "1"));
      killed = Clock::now();
    } else if (Clock::now() > *killed + folders.patience()) {
      return Problem::of("system", workers.string() + ": its processes were killed, and it is still in use");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

std::optional<Path> cgroup_of(std::string_view cgroup, std::string_view mountinfo) {
  std::istringstream groups{std::string(cgroup)};
  std::string own;
  for (std::string line; std::getline(groups, line);) {
    if (line.starts_with("0::")) own = line.substr(3);
  }
  if (own.empty() || own.find("/../") != std::string::npos) return std::nullopt;
  std::istringstream mounts{std::string(mountinfo)};
  for (std::string line; std::getline(mounts, line);) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    std::istringstream words(line);
    std::string id, parent, device, mounted, at;
    words >> id >> parent >> device >> mounted >> at;
    // A container may see a part of the tree: `mounted` is what its mount begins with.
    if (mounted == "/") return Path(at + own).lexically_normal();
    if (own == mounted || own.starts_with(mounted + "/"))
      return Path(at + own.substr(mounted.size())).lexically_normal();
  }
  return std::nullopt;
}

std::optional<Path> own_cgroup() {
  const Result<std::string> cgroup = read_from("/proc/self/cgroup");
  const Result<std::string> mountinfo = read_from("/proc/self/mountinfo");
  if (!cgroup.ok() || !mountinfo.ok()) return std::nullopt;
  return cgroup_of(*cgroup, *mountinfo);
}

bool ended_by_memory(int status, std::uint64_t kills_before, std::uint64_t kills) {
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && kills > kills_before;
}

Result<void> CgroupFolders::make(const Path& group) {
  if (::mkdir(group.c_str(), 0755) != 0 && errno != EEXIST) return Problem::system("make " + group.string());
  return {};
}

Result<CgroupFolders::Removed> CgroupFolders::remove(const Path& group) {
  PROMISED_ASSIGN(const Removed removed, remove_empty(group));
  if (removed == Removed::gone) {
    in_part_.erase(group);
    return removed;
  }
  // Of a process, or of groups below it.
  const auto below = in_part_.try_emplace(group, group).first;
  if (below->second.remove_some()) return Removed::in_part;
  in_part_.erase(below);
  return remove_empty(group);
}

GroupsBelow::GroupsBelow(const Path& group) : here_(open_group(AT_FDCWD, group.c_str())), levels_(1) {}

// Two descriptors and no path, however deep they are.
bool GroupsBelow::remove_some() {
  for (std::size_t done = 0; here_.valid() && done < kMostAtOnce; ++done) {
    if (const std::string name = next(); !name.empty()) {
      if (::unlinkat(here_.get(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) enter(name);
    } else if (levels_.size() > 1) {
      leave();
    } else {
      return false;
    }
  }
  return here_.valid();
}

// The first group in this one that has not been found in use; empty: there is none.
std::string GroupsBelow::next() const {
  const auto close = [](DIR* open) { ::closedir(open); };
  Fd again(::openat(here_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, decltype(close)> entries(again.valid() ? ::fdopendir(again.get()) : nullptr,
                                                      close);
  if (!entries) return {};
  static_cast<void>(again.release());  // the stream closes it
  for (const dirent* entry = ::readdir(entries.get()); entry != nullptr; entry = ::readdir(entries.get())) {
    std::string name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != ".." && !levels_.back().in_use.contains(name))
      return name;
  }
  return {};
}

// One that cannot be gone into has not gone either.
void GroupsBelow::enter(const std::string& name) {
  if (Fd inner = open_group(here_.get(), name.c_str()); inner.valid()) {
    here_ = std::move(inner);
    levels_.push_back({name, {}});
  } else {
    levels_.back().in_use.insert(name);
  }
}

void GroupsBelow::leave() {
  const std::string name = std::move(levels_.back().name);
  levels_.pop_back();
  here_ = Fd(::openat(here_.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (here_.valid() && ::unlinkat(here_.get(), name.c_str(), AT_REMOVEDIR) != 0)
    levels_.back().in_use.insert(name);
}

Result<Cgroups> Cgroups::take(Path root, const std::vector<pid_t>& own, CgroupFolders& folders) {
  PROMISED_ASSIGN(const CgroupControllers controllers, check(root, own));
  const Path daemon = root / "daemon", workers = root / "workers";
  if (const Result<void> made = folders.make(daemon); !made.ok()) return no_cgroup(made.problem().message);
  Result<void> done = move_to(daemon, own);
  if (done.ok()) done = turn("+", controllers, root);
  if (done.ok()) done = end_and_remove(workers, folders);
  if (done.ok()) done = folders.make(workers);
  if (done.ok()) done = turn("+", controllers, workers);
  if (done.ok()) return Cgroups(workers, controllers, folders);
  // As it was: a process may be in a group again once no controller is on for those below it.
  std::string why = done.problem().message;
  if (const auto undone = turn("-", controllers, root); !undone.ok()) why += "; " + undone.problem().message;
  if (const auto undone = move_to(root, own); !undone.ok()) why += "; " + undone.problem().message;
  return no_cgroup(why);
}

Cgroups::Left Cgroups::left_in(const Path& root) {
  Left left;
  for (std::vector<Path> groups{root / "workers"}; !groups.empty();) {
    const Path group = std::move(groups.back());
    groups.pop_back();
    std::error_code error;
    for (std::filesystem::directory_iterator i(group, error), end; !error && i != end; i.increment(error)) {
      std::error_code gone;
      if (i->is_directory(gone)) groups.push_back(i->path());
      if (i->path().filename() != "cgroup.procs") continue;
      std::ifstream processes(i->path());
      if (!processes && !left.unread) left.unread = Problem::system("read " + i->path().string());
      left.processes.insert(left.processes.end(), std::istream_iterator<pid_t>(processes), {});
    }
    if (error && error != std::errc::no_such_file_or_directory && !left.unread)
      left.unread = Problem::system("read " + group.string(), error.value());
  }
  return left;
}

Path Cgroups::group_of(WorkerId worker) const {
  return workers_ / std::to_string(static_cast<std::uint32_t>(worker));
}

NewCgroup::~NewCgroup() {
  if (groups_ != nullptr) groups_->end(worker_);
}

Result<NewCgroup> Cgroups::make(WorkerId worker, const CgroupLimits& limits) {
  const Path group = group_of(worker);
  PROMISED_TRY(folders_->make(group));
  NewCgroup made(*this, worker);
  if (limits.memory > 0 && controllers_.memory) {
    PROMISED_TRY(write_to(group / "memory.max", std::to_string(limits.memory)));
    // One process of a worker killed and the others left would be neither alive nor dead.
    PROMISED_TRY(write_to(group / "memory.oom.group", "1"));
    // Without swap accounting there is no such file, and then no swap that could make the limit a slow one.
    std::error_code error;
    if (std::filesystem::exists(group / "memory.swap.max", error))
      PROMISED_TRY(write_to(group / "memory.swap.max", "0"));
  }
  if (limits.processes > 0 && controllers_.pids)
    PROMISED_TRY(write_to(group / "pids.max", std::to_string(limits.processes)));
  made.file().reset(::open((group / "cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!made.file().valid()) return Problem::system("open " + (group / "cgroup.procs").string());
  return made;
}

std::uint64_t Cgroups::memory_kills(WorkerId worker) const {
  std::ifstream events(group_of(worker) / "memory.events");
  std::string word;
  std::uint64_t count = 0;
  while (events >> word >> count) {
    if (word == "oom_kill") return count;
  }
  return 0;
}

void Cgroups::end(WorkerId worker) {
  const Path group = group_of(worker);
  // What cannot be killed in this way is killed as a stray; the group stays until it is empty.
  static_cast<void>(write_to(group / "cgroup.kill", "1").ok());
  ending_.emplace(group, Ending::quietly);
}

Cgroups::Tidied Cgroups::tidy() {
  Tidied tidied;
  for (auto i = ending_.begin(); i != ending_.end() && !tidied.more;) {
    auto& [group, state] = *i;
    const Result<CgroupFolders::Removed> removed = folders_->remove(group);
    if (!removed.ok() && std::exchange(state, Ending::told_of) == Ending::quietly)
      tidied.problems.push_back(removed.problem());
    tidied.more = removed.ok() && *removed == CgroupFolders::Removed::in_part;
    i = removed.ok() && *removed == CgroupFolders::Removed::gone ? ending_.erase(i) : std::next(i);
  }
  return tidied;
}

}  // namespace promised
