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
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

namespace promised {
namespace {

using Path = std::filesystem::path;

constexpr std::string_view kMemory = "memory", kPids = "pids";
// Until the processes that an earlier daemon left in its groups are gone.
constexpr std::chrono::milliseconds kPatience{5000};

// Of groups that a job has made in its worker's, in one step.
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

// The first group in this one that has not been found in use. Invalid: there is none.
struct Inner {
  Fd group;
  std::string name;
};
Inner first_in(int group, const std::set<std::string>& in_use) {
  const auto close = [](DIR* open) { ::closedir(open); };
  Fd again(::openat(group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, decltype(close)> entries(again.valid() ? ::fdopendir(again.get()) : nullptr,
                                                      close);
  if (!entries) return {};
  static_cast<void>(again.release());  // the stream closes it
  for (const dirent* entry = ::readdir(entries.get()); entry != nullptr; entry = ::readdir(entries.get())) {
    const std::string name = entry->d_name;
    if (entry->d_type != DT_DIR || name == "." || name == ".." || in_use.contains(name)) continue;
    return {Fd(::openat(group, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)), name};
  }
  return {};
}

// The innermost first, as only an empty group can go; two descriptors and no path, however deep they are.
// True: kMostAtOnce are gone, and there may be more. What stays is in use, and so is what it is in.
bool remove_below(const Path& group) {
  struct Level {
    std::string name;
    std::set<std::string> in_use;
  };
  std::vector<Level> levels(1);
  Fd here(::open(group.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (std::size_t removed = 0; here.valid() && removed < kMostAtOnce;) {
    if (Inner inner = first_in(here.get(), levels.back().in_use); inner.group.valid()) {
      here = std::move(inner.group);
      levels.push_back({std::move(inner.name), {}});
      continue;
    }
    if (levels.size() == 1) return false;
    const std::string name = std::move(levels.back().name);
    levels.pop_back();
    here = Fd(::openat(here.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (::unlinkat(here.get(), name.c_str(), AT_REMOVEDIR) == 0) {
      ++removed;
    } else {
      levels.back().in_use.insert(name);
    }
  }
  return here.valid();
}

Result<void> end_what_is_in(const Path& workers, CgroupFolders& folders) {
  std::error_code error;
  std::vector<Path> left;
  for (std::filesystem::directory_iterator i(workers, error), end; !error && i != end; i.increment(error)) {
    if (i->is_directory(error)) left.push_back(i->path());
  }
  if (error) return Problem::of("system", workers.string() + ": " + error.message());
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (const Path& group : left) {
    PROMISED_TRY(write_to(group / "cgroup.kill", "1"));
    for (;;) {
      PROMISED_ASSIGN(const CgroupFolders::Removed removed, folders.remove(group));
      if (removed == CgroupFolders::Removed::gone) break;
      if (removed == CgroupFolders::Removed::in_part) continue;
      if (std::chrono::steady_clock::now() > deadline)
        return Problem::of("system", group.string() + ": its processes were killed and are still there");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  return {};
}

// Without what somebody may have set for it (frozen, how many there may be in it).
Result<void> make_anew(const Path& workers, CgroupFolders& folders) {
  PROMISED_TRY(folders.remove(workers));
  return folders.make(workers);
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
  if (::rmdir(group.c_str()) == 0 || errno == ENOENT) return Removed::gone;
  if (!is_in_use(errno)) return Problem::system("remove " + group.string());
  // Of a process, or of groups below it.
  if (remove_below(group)) return Removed::in_part;
  if (::rmdir(group.c_str()) == 0 || errno == ENOENT) return Removed::gone;
  if (!is_in_use(errno)) return Problem::system("remove " + group.string());
  return Removed::in_use;
}

Result<Cgroups> Cgroups::take(Path root, const std::vector<pid_t>& own, CgroupFolders& folders) {
  PROMISED_ASSIGN(const CgroupControllers controllers, check(root, own));
  const Path daemon = root / "daemon", workers = root / "workers";
  if (const Result<void> made = folders.make(daemon); !made.ok()) return no_cgroup(made.problem().message);
  Result<void> done = move_to(daemon, own);
  if (done.ok()) done = turn("+", controllers, root);
  if (done.ok()) done = folders.make(workers);
  if (done.ok()) done = end_what_is_in(workers, folders);
  if (done.ok()) done = make_anew(workers, folders);
  if (done.ok()) done = turn("+", controllers, workers);
  if (done.ok()) return Cgroups(workers, controllers, folders);
  // As it was: a process may be in a group again once no controller is on for those below it.
  std::string why = done.problem().message;
  if (const auto undone = turn("-", controllers, root); !undone.ok()) why += "; " + undone.problem().message;
  if (const auto undone = move_to(root, own); !undone.ok()) why += "; " + undone.problem().message;
  return no_cgroup(why);
}

std::vector<pid_t> Cgroups::left_in(const Path& root) {
  std::vector<pid_t> pids;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator i(root / "workers", error), end; !error && i != end;
       i.increment(error)) {
    if (i->path().filename() != "cgroup.procs") continue;
    std::ifstream processes(i->path());
    pids.insert(pids.end(), std::istream_iterator<pid_t>(processes), {});
  }
  return pids;
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
  ending_.insert(group);
}

bool Cgroups::tidy() {
  bool in_part = false;
  std::erase_if(ending_, [&](const Path& group) {
    if (in_part) return false;
    const Result<CgroupFolders::Removed> removed = folders_->remove(group);
    in_part = removed.ok() && *removed == CgroupFolders::Removed::in_part;
    return !removed.ok() || *removed == CgroupFolders::Removed::gone;
  });
  return in_part;
}

}  // namespace promised
