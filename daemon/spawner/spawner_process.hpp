// SPDX-License-Identifier: Apache-2.0
// The spawner's own side: a loop over the daemon's orders, the ends of children, and the launches under way.
// It sleeps in poll and holds no bytes of any client.
#pragma once

#include <poll.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/fd.hpp"
#include "common/result.hpp"
#include "daemon/spawner/cgroup.hpp"
#include "daemon/spawner/spawner_wire.hpp"
#include "daemon/spawner/strays.hpp"

namespace promised {

class SpawnerProcess {
 public:
  /// `channel`: the end that is the spawner's. Workers without a user run as `default_user`, others as one of
  /// `users`, with the soft limit `open_files`; 0: the spawner's.
  SpawnerProcess(Fd channel, std::string default_user, std::vector<std::string> users,
                 std::uint64_t open_files);

  /// Works until the daemon is gone, then kills and reaps all that is left. The exit status to end with: 0,
  /// or 1, said on stderr, where the spawner cannot work.
  [[nodiscard]] int run();

 private:
  using Clock = std::chrono::steady_clock;
  struct Ending {
    Exited report;
    Clock::time_point latest;  ///< when it is told at the latest
  };
  struct Child {
    WorkerId worker{};
    Fd status;                       ///< open while exec has neither happened nor failed
    std::string reason;              ///< why it failed
    std::uint64_t memory_kills = 0;  ///< of its cgroup, when it was last told to end
    bool killed = false;             ///< it has been sent SIGKILL, and has not ended
  };

  [[nodiscard]] Result<void> set_up();
  [[nodiscard]] Result<void> serve();
  [[nodiscard]] Result<void> turn();
  [[nodiscard]] Result<void> obey();
  [[nodiscard]] Result<void> spawn(WorkerId worker, spawner_wire::Datagram datagram);
  [[nodiscard]] Result<void> check_permitted(const std::string& user) const;
  void mark(std::vector<std::string>& environment, WorkerId worker) const;
  [[nodiscard]] Result<NewCgroup> make_cgroup(WorkerId worker, const SpawnRequest& request);
  void kill(const spawner_wire::KillOrder& order);
  /// Answers it: nobody has been started yet, so nothing else is on its way to the daemon.
  void take_over(const spawner_wire::TakeOverOrder& order);
  [[nodiscard]] Result<void> take_cgroup(std::vector<Leftover>& ended);

  void reap();
  [[nodiscard]] bool awaits_killed() const;
  void ended(pid_t pid, int status, const rusage& usage);
  /// Reads what a launch has said so far, and reports it once it is over.
  void look_at_launch(pid_t pid, Child& child);
  void report(const SpawnerReport& report);
  /// Of workers that have ended, when what they left is dead too.
  void report_ended();
  /// Milliseconds that the loop sleeps at most; -1: until something happens.
  [[nodiscard]] int patience() const;
  [[nodiscard]] Result<void> send_reports();

  /// A step of what is to be done for the groups of ended workers. True: there is more of it.
  [[nodiscard]] bool tidy_cgroups();
  void end_strays();
  void kill_all();

  Fd channel_;
  std::string default_user_;
  std::vector<std::string> users_;
  std::uint64_t open_files_;
  Fd child_signals_;
  std::string mark_;  ///< kStateVariable's value; empty: none has been asked for
  CgroupFolders cgroup_folders_;
  std::optional<Cgroups> cgroups_;
  std::map<pid_t, Child> children_;
  std::map<WorkerId, pid_t> pids_;
  std::deque<Ending> endings_;
  bool tidy_ = false;  ///< groups of ended workers may be empty
  Strays strays_;
  std::deque<std::string> unsent_;
  std::vector<pollfd> polled_;
  bool daemon_gone_ = false;
};

}  // namespace promised
