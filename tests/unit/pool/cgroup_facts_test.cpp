// SPDX-License-Identifier: Apache-2.0
// What is read out of what the kernel tells of cgroups and of who has ended in one.
#include <doctest/doctest.h>
#include <signal.h>

#include <filesystem>
#include <string>

#include "daemon/spawner/cgroup.hpp"

using namespace promised;
using Path = std::filesystem::path;

TEST_CASE("I3 where the own cgroup is mounted") {
  const std::string mounts =
      "22 1 0:20 / /proc rw - proc proc rw\n"
      "31 22 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
  CHECK(cgroup_of("0::/system.slice/promised.service\n", mounts) ==
        Path("/sys/fs/cgroup/system.slice/promised.service"));
  CHECK(cgroup_of("4:memory:/x\n0::/\n", mounts) == Path("/sys/fs/cgroup/"));
  CHECK_FALSE(cgroup_of("4:memory:/x\n", mounts).has_value());
  CHECK_FALSE(cgroup_of("0::/a\n", "22 1 0:20 / /proc rw - proc proc rw\n").has_value());
  // A container sees its part of the tree.
  const std::string part = "31 22 0:26 /box /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
  CHECK(cgroup_of("0::/box/inner\n", part) == Path("/sys/fs/cgroup/inner"));
  CHECK_FALSE(cgroup_of("0::/boxer\n", part).has_value());
  CHECK_FALSE(cgroup_of("0::/../other\n", mounts).has_value());
}

TEST_CASE("I3 a worker is told as killed for memory if it was killed, and nobody else by then") {
  const int killed = SIGKILL;  // as wait() has it
  CHECK(ended_by_memory(killed, 0, 1));
  CHECK(ended_by_memory(killed, 1, 2));
  CHECK_FALSE(ended_by_memory(killed, 0, 0));
  // A child had been killed when the daemon told the worker to end.
  CHECK_FALSE(ended_by_memory(killed, 1, 1));
  // A child has been killed, and the worker goes its own way.
  CHECK_FALSE(ended_by_memory(SIGSEGV, 0, 1));
  CHECK_FALSE(ended_by_memory(SIGSEGV | 0x80, 0, 1));  // with a core
  CHECK_FALSE(ended_by_memory(9 << 8, 0, 1));          // exit status 9
}
