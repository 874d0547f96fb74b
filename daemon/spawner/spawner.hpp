// SPDX-License-Identifier: Apache-2.0
// The small process that starts, signals and reaps the workers. It is forked at start, before any thread; it
// alone keeps the privileges that starting workers as other users needs. Fork, user, limits and fds are its
// whole job: it never sees a client's bytes. When a worker goes, it ends what that has left, in its cgroup or
// as orphans; when the daemon goes, however it goes, all workers with all that they have started, and exits.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/clock.hpp"
#include "common/fd.hpp"
#include "common/result.hpp"
#include "daemon/nouns.hpp"
#include "daemon/settings.hpp"
#include "daemon/spawner/predecessor.hpp"

namespace promised {

/// How a worker is to be started, whichever it is.
struct SpawnRequest {
  std::string program{};
  std::vector<std::string> arguments{};  ///< after argv[0]
  std::vector<std::string>
      environment{};  ///< KEY=VALUE, all of it but what the spawner adds (worker_marks.hpp)
  std::string directory{};
  std::string user{};              ///< empty: the spawner's own, or that which `Spawner::fork` was told
  std::uint64_t memory_limit = 0;  ///< bytes: of its cgroup's memory, or of its address space; 0: none
  std::uint64_t open_files = 0;    ///< 0: as it is
  std::uint64_t processes = 0;     ///< 0: no limit
  std::uint64_t core_size = 0;     ///< bytes
  std::int32_t nice = 0;
  Sandbox sandbox = Sandbox::none;
};

struct Spawned {
  WorkerId worker;
  pid_t pid;
};
struct SpawnFailed {
  WorkerId worker;
  std::string reason;  ///< such as "/opt/x: No such file or directory"
};
struct Exited {
  WorkerId worker;
  pid_t pid;
  int signal;  ///< 0: it exited
  int exit_code;
  std::uint64_t peak_memory;  ///< bytes resident
  Nanos user{0};              ///< CPU time
  Nanos system{0};
  bool out_of_memory = false;  ///< its cgroup's memory was used up, and the kernel killed it
};
using SpawnerReport = std::variant<Spawned, SpawnFailed, Exited>;

/// What holds workers: their limits, and what they start.
enum class Containment : std::uint8_t {
  rlimit,            ///< limits of single processes; what they start is found by session and environment
  cgroup,            ///< a cgroup each
  cgroup_and_rlimit  ///< a cgroup each, and limits of single processes for want of a controller
};
[[nodiscard]] constexpr std::string_view to_string(Containment c) {
  switch (c) {
    case Containment::rlimit:
      return "rlimit";
    case Containment::cgroup:
      return "cgroup";
    case Containment::cgroup_and_rlimit:
      return "cgroup+rlimit";
  }
  return {};
}

/// How things stand once the spawner works for a state directory.
struct TakenOver {
  Containment containment = Containment::rlimit;
  std::string why;                  ///< rlimit: why there is no cgroup; cgroup_and_rlimit: what it lacks
  std::uint32_t ended = 0;          ///< processes of an earlier daemon that were killed
  std::vector<Leftover> leftovers;  ///< the first of them
};

/// The daemon's end.
class Spawner {
 public:
  /// Forks the spawner process. Call before any thread is started and before privileges are dropped. Workers
  /// without a user of their own run as `default_user` (empty: as the caller), all others as one of `users`:
  /// it refuses everybody else, whatever it is asked for later. Their soft limit of open files is
  /// `open_files`, for the caller's may have been raised for what it holds itself; 0: as the caller's.
  [[nodiscard]] static Result<std::unique_ptr<Spawner>> fork(const std::string& default_user,
                                                             const std::vector<std::string>& users,
                                                             std::uint64_t open_files = 0);
  /// Closes the connection: the spawner kills what is left and exits; waits for that. One that does not exit
  /// is killed.
  ~Spawner();
  Spawner(const Spawner&) = delete;
  Spawner& operator=(const Spawner&) = delete;

  /// Before the first worker, when no other daemon can be on the state directory that `state` stands for:
  /// kills what an earlier one left running (of `users` alone, see predecessor.hpp), and gets cgroups for the
  /// workers where they can be had. From now on all that workers start is marked. Waits for the answer.
  [[nodiscard]] Result<TakenOver> take_over(const std::string& state, const std::vector<uid_t>& users);

  /// Readable when read() has reports; while has_unsent(), writable when it can send more.
  [[nodiscard]] int fd() const;
  [[nodiscard]] pid_t pid() const;

  /// Starts a worker: fd 3 is its end of the channel, fd 4 the worker page, stdout and stderr the output
  /// pipe, stdin /dev/null, all else closed; its own session and process group; default signal dispositions.
  [[nodiscard]] Result<void> spawn(WorkerId worker, const SpawnRequest& request, int channel, int worker_page,
                                   int output);
  /// Sends `signal` to the worker's process group; nothing happens if it has ended.
  [[nodiscard]] Result<void> kill(WorkerId worker, int signal);
  /// Neither waits for the spawner: orders for which there is no room are kept, in their order, until read()
  /// finds some.
  [[nodiscard]] bool has_unsent() const { return !unsent_.empty(); }

  /// If the spawner itself was stopped, has it go on; whether it was. For who has got a SIGCHLD.
  [[nodiscard]] Result<bool> resume();
  /// Kills the spawner, which does not obey: with it go its workers, by the kernel; what these have started
  /// comes to the nearest subreaper.
  [[nodiscard]] Result<void> kill_itself();

  /// Sends what has waited for room, and appends what has happened; never blocks. A Problem means that the
  /// spawner itself is gone.
  [[nodiscard]] Result<void> read(std::vector<SpawnerReport>& reports);

 private:
  struct Unsent {
    std::string order;
    std::vector<Fd> fds;
    std::optional<WorkerId> starts;  ///< whom, if it is to start one
  };
  Spawner(Fd channel, pid_t pid, Fd process);
  [[nodiscard]] Result<void> give(std::string order, std::span<const int> fds,
                                  std::optional<WorkerId> starts);
  [[nodiscard]] Result<void> send_unsent(std::vector<SpawnerReport>& reports);
  Fd channel_;
  Fd process_;  ///< readable when it has ended
  pid_t pid_;
  std::deque<Unsent> unsent_;
};

}  // namespace promised
