// SPDX-License-Identifier: Apache-2.0
// What the administrator decides: the configuration after validation, as plain values. daemon/config reads it
// from files and flags; everybody else only reads this.
#pragma once

#include <sys/types.h>

#include <promised/types.hpp>
#include <promised/views.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/glob.hpp"

namespace promised {

/// What a worker is kept from (SEMANTICS I6). Each level is kept from all that the one before is.
enum class Sandbox : std::uint8_t {
  none,      ///< gaining privileges, and the daemon's environment
  standard,  ///< other people's /tmp; written `default`
  strict     ///< the network, writing to files, and system calls that only administration needs
};

/// A pool: worker processes of one program under one policy.
struct PoolSettings {
  std::string name;
  std::string program;  ///< absolute path
  std::vector<std::string> arguments;
  std::uint32_t size = 1;           ///< workers, however little there is to do
  std::vector<std::string> queues;  ///< globs; empty: all
  std::vector<std::string>
      functions;  ///< globs: what is offered of what its program registers; empty: all of it
  std::map<std::string, std::string> environment;
  std::string directory = "/";
  std::string user;                            ///< empty: the daemon's own
  std::uint32_t prefetch = 0;                  ///< jobs in one worker's channel; 0: adaptive
  std::uint64_t memory_limit = 0;              ///< bytes a worker; 0: none (docs/pools.md: what counts)
  std::uint64_t open_files = 0;                ///< 0: the daemon's own
  std::chrono::milliseconds run_timeout{0};    ///< of one attempt; 0: none
  std::chrono::milliseconds kill_grace{2000};  ///< between SIGTERM and SIGKILL
  /// Until a worker has said which functions it has, and until it has begun a job that it was given.
  std::chrono::milliseconds start_timeout{30000};
  std::chrono::milliseconds progress_timeout{0};  ///< silence of a running job; 0: none

  std::chrono::seconds cpu_time{0};  ///< of one job, of all threads; 0: none
  std::uint64_t processes = 0;       ///< that one worker may have, itself included; 0: no limit
  std::uint64_t core_size = 0;       ///< bytes of a core file; 0: none is written
  int nice = 0;                      ///< -20 to 19
  Sandbox sandbox = Sandbox::none;
  Isolation isolation = Isolation::worker;
  std::uint32_t size_max = 0;                  ///< workers when jobs wait; below size: there are always size
  std::chrono::milliseconds idle_time{60000};  ///< after which one above size that has no job is stopped
  std::uint64_t recycle_jobs = 0;              ///< that a worker runs in its life; 0: any number
  std::chrono::milliseconds recycle_time{0};   ///< that it lives; 0: as long as it likes
  std::uint64_t recycle_memory = 0;            ///< bytes resident above which it is replaced; 0: none
  std::string program_version;  ///< differs when there is another file at `program`; empty: not known

  /// Workers at most.
  [[nodiscard]] std::uint32_t most() const { return std::max(size, size_max); }
  [[nodiscard]] bool serves(const std::string& queue) const { return lets_in(queues, queue); }
  [[nodiscard]] bool offers(const std::string& function) const { return lets_in(functions, function); }
  friend bool operator==(const PoolSettings&, const PoolSettings&) = default;

 private:
  [[nodiscard]] static bool lets_in(const std::vector<std::string>& globs, const std::string& name) {
    return globs.empty() || std::any_of(globs.begin(), globs.end(), [&](const std::string& pattern) {
             return glob_matches(pattern, name);
           });
  }
};

/// What it takes to make workers of one pool serve under another configuration of it.
enum class PoolChange : std::uint8_t {
  none,
  policy,  ///< those that are there can go on: it differs in what the daemon does with them
  process  ///< others have to take their place: it differs in what a worker's process is given at its start
};
/// Every key that is not named in it is of the process.
[[nodiscard]] inline PoolChange compare(PoolSettings before, const PoolSettings& after) {
  if (before.program_version.empty() || after.program_version.empty())
    before.program_version = after.program_version;
  if (before == after) return PoolChange::none;
  before.size = after.size;
  before.size_max = after.size_max;
  before.idle_time = after.idle_time;
  before.recycle_jobs = after.recycle_jobs;
  before.recycle_time = after.recycle_time;
  before.recycle_memory = after.recycle_memory;
  before.queues = after.queues;
  before.functions = after.functions;
  before.prefetch = after.prefetch;
  before.run_timeout = after.run_timeout;
  before.progress_timeout = after.progress_timeout;
  before.kill_grace = after.kill_grace;
  before.start_timeout = after.start_timeout;
  return before == after ? PoolChange::policy : PoolChange::process;
}

/// The most that a queue may weigh: beyond that, one of weight 1 hardly moves beside it.
inline constexpr std::uint32_t kMostWeight = 1000;
/// Jobs that a queue's length or a quota's size may be given as.
inline constexpr std::int64_t kMostJobs = 1'000'000'000;

/// How a queue is to be served (SEMANTICS Q1, Q2, Q6, Q7), or all queues that a glob stands for.
struct QueueSettings {
  std::string name;  ///< with * or ?: a glob
  std::uint32_t weight = 1;
  std::chrono::milliseconds ageing{0};  ///< waiting for so long is worth one of priority; 0: nothing is
  Rate rate{};
  std::uint64_t max_length = 0;  ///< jobs that may wait; 0: any number
  bool hold = false;             ///< take calls to functions that no pool offers
  bool paused = false;

  [[nodiscard]] bool is_glob() const { return name.find_first_of("*?") != std::string::npos; }
  friend bool operator==(const QueueSettings&, const QueueSettings&) = default;
};

/// A named cap on how many jobs run at once (SEMANTICS Q3).
struct QuotaSettings {
  std::string name;
  std::uint64_t size = 0;
  friend bool operator==(const QuotaSettings&, const QuotaSettings&) = default;
};

/// The most that max_message and max_result may be: SQLite takes no row above 1'000'000'000 bytes, and a
/// write that it does not take ends the daemon. What is left is for the rest of the row.
inline constexpr std::uint64_t kLargestPayload = std::uint64_t{900} << 20;

/// The default of large_result: below, a row is cheaper than a file of its own.
inline constexpr std::uint64_t kLargeResult = std::uint64_t{1} << 20;

/// Everything that grows has its limit here, under its configuration name.
struct Limits {
  std::uint64_t max_message = std::uint64_t{64} << 20;  ///< bytes, arguments included
  std::uint64_t max_result = std::uint64_t{64} << 20;   ///< bytes
  std::uint64_t max_unread = std::uint64_t{256} << 20;  ///< bytes of answers that wait for one client
  // Of all, and of one owner.
  std::uint64_t max_jobs = 20'000'000;  ///< pending, running or kept
  std::uint64_t max_jobs_per_owner = 10'000'000;
  std::uint64_t max_bytes = std::uint64_t{4} << 30;  ///< arguments and results in memory
  std::uint64_t max_bytes_per_owner = std::uint64_t{2} << 30;
  std::uint64_t max_remembered = 10'000'000;  ///< names, tombstones included
  std::uint64_t max_remembered_per_owner = 5'000'000;
  std::uint64_t max_clients = 30'000;  ///< sessions
  std::uint64_t max_clients_per_owner = 15'000;
  std::uint64_t max_watches = 2'000'000;  ///< requests that wait for the end of a job
  std::uint64_t max_watches_per_owner = 1'000'000;
  std::uint64_t max_in_memory = 100'000;  ///< jobs that wait in memory; further durable ones wait on disk
  std::uint64_t max_queues = 100'000;     ///< that have jobs
  std::uint64_t max_unwritten = std::uint64_t{256} << 20;  ///< bytes that wait for the disk
  std::uint64_t max_name = 512;                            ///< bytes of a name
  std::uint64_t max_notes = std::uint64_t{64} << 10;       ///< bytes of a job's notes
  std::uint64_t max_parts = std::uint64_t{64} << 20;       ///< bytes of what a job streams
  std::uint64_t max_output = std::uint64_t{64} << 10;  ///< bytes of what a job prints that are kept; 0: none
  std::chrono::milliseconds default_lifespan{std::chrono::hours(1)};
  std::chrono::milliseconds max_lifespan{std::chrono::hours(24 * 30)};
  std::chrono::milliseconds keep_unfetched{
      std::chrono::minutes(10)};  ///< unnamed results whose submitter is gone
  std::chrono::milliseconds keep_tombstones{std::chrono::hours(24)};
  std::uint64_t max_tombstones = 1'000'000;  ///< of ids; the oldest makes room
  bool allow_forever = false;                ///< lifespans without an end
  std::uint32_t max_interruptions = 9;
  std::uint32_t max_crashes = 3;           ///< of a job that is tried again
  std::uint32_t max_waiting = 100;         ///< jobs of one pool that wait for others
  std::uint64_t max_subscriptions = 1000;  ///< to events; each is looked at with every event
  std::uint64_t max_subscriptions_per_owner = 100;
  std::uint64_t max_events = 10'000;    ///< that wait for one subscription whose client reads slowly
  std::uint32_t max_members = 10'000;   ///< of a composite, with those of the composites in it
  std::uint32_t max_callbacks = 1'000;  ///< of one job
  friend bool operator==(const Limits&, const Limits&) = default;
};

enum class NameUse : std::uint8_t {
  read,  ///< look at what is remembered under the name, and fetch it
  write  ///< also remember under it, replace, take and forget
};

/// Who may use the shared names that begin with `prefix`.
struct SharedNames {
  std::string prefix;
  NameUse use = NameUse::read;
  std::vector<uid_t> users;
  std::vector<gid_t> groups;
  bool everyone = false;  ///< who may use the daemon at all
  friend bool operator==(const SharedNames&, const SharedNames&) = default;
};

/// Who may do what. Nobody else may do anything.
struct Access {
  std::vector<uid_t> users;         ///< may submit, and see and steer their own jobs
  std::vector<gid_t> groups;        ///< members (by their primary group, as the kernel reports it) likewise
  bool everyone = false;            ///< any local user likewise
  std::vector<uid_t> admins;        ///< may see and steer all jobs; root and the daemon's own user always may
  std::vector<SharedNames> shared;  ///< any of these that fits will do
  friend bool operator==(const Access&, const Access&) = default;
};

/// A command line that is run when jobs have come to certain ends (SEMANTICS C9).
struct CommandSettings {
  std::string name;
  std::vector<State> outcomes{State::failed};
  std::vector<std::string> functions;  ///< of the jobs that have ended: globs; empty: all
  std::vector<std::string> queues;     ///< that they were in; empty: all
  std::vector<std::string> words;      ///< the program and its arguments
  std::string queue = "commands";      ///< in which it waits for a worker of a pool that has exec
  std::chrono::milliseconds run_timeout{60000};
  friend bool operator==(const CommandSettings&, const CommandSettings&) = default;
};

struct Settings {
  std::string config_file;  ///< empty: none
  std::string endpoint;     ///< ipc://PATH
  mode_t endpoint_mode = 0600;
  std::string state_dir;
  std::uint64_t large_result = kLargeResult;  ///< bytes; results above are files of their own
  std::string user;                           ///< the daemon's own after start; empty: stays who it is
  std::string log_level = "info";
  std::chrono::milliseconds stop_grace{10000};  ///< for running jobs, after SIGTERM
  Limits limits;
  Access access;
  std::vector<PoolSettings> pools;
  std::vector<QueueSettings> queues;  ///< the first that fits counts, one with the very name before globs
  std::vector<QuotaSettings> quotas;
  std::vector<CommandSettings> commands;
};

}  // namespace promised
