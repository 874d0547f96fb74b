// SPDX-License-Identifier: Apache-2.0
// Control groups (v2) for workers, one each: a way to kill all that a worker has started, which nothing gets
// away from, and limits that hold for all of it together, as far as the kernel has their controllers in this
// hierarchy. Only where the daemon was given a subtree of its own, as systemd does with Delegate=. In it:
//
//   ROOT/daemon           the daemon and its spawner: the kernel wants no process beside groups with limits
//   ROOT/workers/NUMBER   a worker and all that it starts
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/fd.hpp"
#include "common/result.hpp"
#include "daemon/nouns.hpp"

namespace promised {

/// Where the calling process's group is mounted, from the texts of /proc/self/cgroup and
/// /proc/self/mountinfo; nothing if there is no cgroup v2.
[[nodiscard]] std::optional<std::filesystem::path> cgroup_of(std::string_view cgroup,
                                                             std::string_view mountinfo);
/// The same from these files.
[[nodiscard]] std::optional<std::filesystem::path> own_cgroup();

/// Whether a worker with this status of wait() has been killed for want of memory. Something else of its
/// group may have been before, when the machine's was used up: a crash is a crash all the same, and so is an
/// end that the worker was told to make when `kills_before` had been killed, unless there are more by now.
[[nodiscard]] bool ended_by_memory(int status, std::uint64_t kills_before, std::uint64_t kills);

/// What a job has made in its worker's group, which is to go with it: any number of groups, and any depth.
class GroupsBelow {
 public:
  explicit GroupsBelow(const std::filesystem::path& group);
  /// A step of bounded length, which goes on where the last one ended; the innermost go first, as only an
  /// empty group can go. False: there is no more to do. What is left is in use, and so is what it is in.
  [[nodiscard]] bool remove_some();

 private:
  struct Level {
    std::string name;
    std::set<std::string> in_use;
  };
  [[nodiscard]] std::string next() const;
  void enter(const std::string& name);
  void leave();

  Fd here_;  ///< invalid: it cannot be looked into
  std::vector<Level> levels_;
};

/// How groups come and go. Tests put files in their place that the kernel would have made.
class CgroupFolders {
 public:
  virtual ~CgroupFolders() = default;
  /// Makes it, if it is not there.
  [[nodiscard]] virtual Result<void> make(const std::filesystem::path& group);
  enum class Removed : std::uint8_t {
    gone,
    in_use,  ///< there is a process in it, or in a group in it
    in_part  ///< some of the groups that a job has made in it are gone; to be called again
  };
  [[nodiscard]] virtual Result<Removed> remove(const std::filesystem::path& group);
  /// For how long what has been killed may still be there.
  [[nodiscard]] virtual std::chrono::milliseconds patience() const { return std::chrono::seconds(5); }

 private:
  std::map<std::filesystem::path, GroupsBelow> in_part_;
};

/// Of one group. One whose controller is not there is not kept by it.
struct CgroupLimits {
  std::uint64_t memory = 0;     ///< bytes; 0: none
  std::uint64_t processes = 0;  ///< 0: none
};

/// Which of these limits groups keep: where the machine has cgroups of both versions (hybrid), a controller
/// may be with the other one.
struct CgroupControllers {
  bool memory = false;  ///< "memory"
  bool pids = false;    ///< "pids", for CgroupLimits::processes

  [[nodiscard]] bool all() const { return memory && pids; }
};

class Cgroups;

/// The group of a worker that is being started: it ends with this object, unless keep() says that the worker
/// is in it. Cgroups outlives it.
class NewCgroup {
 public:
  NewCgroup() = default;  ///< none
  NewCgroup(Cgroups& groups, WorkerId worker) : groups_(&groups), worker_(worker) {}
  NewCgroup(NewCgroup&& other) noexcept
      : groups_(std::exchange(other.groups_, nullptr)),
        worker_(other.worker_),
        file_(std::move(other.file_)) {}
  NewCgroup& operator=(NewCgroup&&) = delete;
  ~NewCgroup();

  /// Whoever writes "0" to it joins the group. Invalid: there is none.
  [[nodiscard]] Fd& file() { return file_; }
  void keep() { groups_ = nullptr; }

 private:
  Cgroups* groups_ = nullptr;
  WorkerId worker_{};
  Fd file_;
};

class Cgroups {
 public:
  struct Left {
    std::vector<pid_t> processes;
    std::optional<Problem> unread;  ///< the first group that could not be looked into
  };
  /// What is in the groups that an earlier daemon has left there: take() ends it.
  [[nodiscard]] static Left left_in(const std::filesystem::path& root);
  /// Takes `root`, the group that the processes `own` (the daemon and its spawner) are in: moves them to a
  /// group of their own, kills what an earlier daemon left, and gets ready for workers. Problem "no_cgroup",
  /// with `own` where they were, where it is not theirs alone, may not be written to, or is not empty of what
  /// was left there in time. `folders` outlives this.
  [[nodiscard]] static Result<Cgroups> take(std::filesystem::path root, const std::vector<pid_t>& own,
                                            CgroupFolders& folders);

  [[nodiscard]] CgroupControllers controllers() const { return controllers_; }
  /// Makes the worker's group, with those of its limits that it keeps.
  [[nodiscard]] Result<NewCgroup> make(WorkerId worker, const CgroupLimits& limits);
  /// How many processes of it the kernel has killed so far for want of memory, its own or the machine's.
  [[nodiscard]] std::uint64_t memory_kills(WorkerId worker) const;
  /// Kills all that is in it; the group goes with one of the next tidy().
  void end(WorkerId worker);
  struct Tidied {
    bool more = false;              ///< it was one step, and there is more to do
    std::vector<Problem> problems;  ///< of groups that cannot be removed: each is told once, and tried again
  };
  /// Removes the groups of ended workers that are empty by now.
  [[nodiscard]] Tidied tidy();

 private:
  Cgroups(std::filesystem::path workers, CgroupControllers controllers, CgroupFolders& folders)
      : workers_(std::move(workers)), controllers_(controllers), folders_(&folders) {}
  [[nodiscard]] std::filesystem::path group_of(WorkerId worker) const;

  std::filesystem::path workers_;
  CgroupControllers controllers_;
  CgroupFolders* folders_;
  enum class Ending : std::uint8_t { quietly, told_of };
  std::map<std::filesystem::path, Ending> ending_;
};

}  // namespace promised
