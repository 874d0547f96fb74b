// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/unit/config/fixture.hpp"

namespace promised {
namespace {

using namespace std::chrono_literals;

TEST_CASE("every key of a pool reaches the settings") {
  const Scene scene;
  const Settings s = scene.settings(
      "[pool.docs]\n"
      "program = /opt/docs\n"
      "arguments = --fast 'two words' \"a \\\"b\\\"\" c\\ d ''\n"
      "size = 4\n"
      "queues = default, slow\n"
      "functions = docs.*, index\n"
      "environment = LANG=C\n"
      "environment = EMPTY=\n"
      "environment.TZ = UTC=0\n"
      "directory = /srv\n"
      "user = bob\n"
      "prefetch = 16\n"
      "memory_limit = 1GiB\n"
      "open_files = 64\n"
      "run_timeout = 5min\n"
      "kill_grace = 100ms\n"
      "start_timeout = 9s\n"
      "progress_timeout = 3s\n"
      "cpu_time = 1500ms\n"
      "processes = 12\n"
      "core_size = 1MiB\n"
      "nice = -3\n"
      "sandbox = strict\n"
      "isolation = job\n"
      "idle_time = 5s\n"
      "recycle_jobs = 1000\n"
      "recycle_time = 1d\n"
      "recycle_memory = 2GiB\n");
  PoolSettings wanted;
  wanted.name = "docs";
  wanted.program = "/opt/docs";
  wanted.arguments = {"--fast", "two words", "a \"b\"", "c d", ""};
  wanted.size = 4;
  wanted.queues = {"default", "slow"};
  wanted.functions = {"docs.*", "index"};
  wanted.environment = {{"LANG", "C"}, {"EMPTY", ""}, {"TZ", "UTC=0"}};
  wanted.directory = "/srv";
  wanted.user = "bob";
  wanted.prefetch = 16;
  wanted.memory_limit = 1 << 30;
  wanted.open_files = 64;
  wanted.run_timeout = 5min;
  wanted.kill_grace = 100ms;
  wanted.progress_timeout = 3s;
  wanted.start_timeout = 9s;
  wanted.cpu_time = 2s;
  wanted.processes = 12;
  wanted.core_size = 1 << 20;
  wanted.nice = -3;
  wanted.sandbox = Sandbox::strict;
  wanted.isolation = Isolation::job;
  wanted.idle_time = 5s;
  wanted.recycle_jobs = 1000;
  wanted.recycle_time = 24h;
  wanted.recycle_memory = std::uint64_t{2} << 30;
  REQUIRE(s.pools.size() == 1);
  CHECK(s.pools[0] == wanted);
}

TEST_CASE("I8 a pool may have the built-in function exec instead of a program") {
  const Scene scene;
  const auto program = scene.settings("[pool.shell]\nbuiltin = exec\n").pools.at(0).program;
  CHECK(program.starts_with("/"));
  CHECK(program.ends_with("/promised/promised-exec"));
  CHECK(scene.problem("[pool.a]\nbuiltin = shell\n") ==
        "FILE:2: builtin: expected exec, the one built-in function, found 'shell'");
  CHECK(scene.problem("[pool.a]\nprogram = /a\nbuiltin = exec\n") ==
        "FILE:3: [pool.a] has a program of its own; take one of the two out");
}

TEST_CASE("a pool has a fixed size, or one by load") {
  const Scene scene;
  const auto sizes = [&](const std::string& size) {
    const PoolSettings pool = scene.settings("[pool.a]\nprogram = /a\nsize = " + size + "\n").pools.at(0);
    return std::pair(pool.size, pool.most());
  };
  CHECK(sizes("4") == std::pair(4U, 4U));
  CHECK(sizes("2..8") == std::pair(2U, 8U));
  CHECK(sizes("0..1") == std::pair(0U, 1U));
  CHECK(sizes("3..3") == std::pair(3U, 3U));
}

TEST_CASE("adaptive prefetch is the default and can be said") {
  const Scene scene;
  CHECK(scene.settings("[pool.a]\nprogram = /a\n").pools.at(0).prefetch == 0);
  CHECK(scene.settings("[pool.a]\nprogram = /a\nprefetch = adaptive\n").pools.at(0).prefetch == 0);
}

TEST_CASE("E3 an impossible value in a pool is told with file, line and what was expected") {
  const Scene scene;
  const auto told = [&](const std::string& line) {
    return scene.problem("[pool.a]\nprogram = /a\n" + line + "\n");
  };
  CHECK(scene.problem("[pool.a]\nprogram = bin/a\n") ==
        "FILE:2: program: expected the absolute path of a worker program, found 'bin/a'");
  CHECK(scene.problem("\n[pool.a]\nsize = 1\n") ==
        "FILE:2: [pool.a] has no program; add program = /path/of/the/worker");
  CHECK(told("arguments = 'open") == "FILE:3: arguments: the quote ' is not closed");
  CHECK(told("arguments = x \\") ==
        "FILE:3: arguments: a backslash stands at the end, with nothing to protect");
  for (const std::string& size :
       std::vector<std::string>{"0", "4097", "8..2", "0..0", "..2", "2..", "2...3", "-1..2"}) {
    CHECK(told("size = " + size) ==
          "FILE:3: size: expected a whole number from 1 to 4096, or least and most such as 2..8, found '" +
              size + "'");
  }
  CHECK(told("recycle_jobs = -1") ==
        "FILE:3: recycle_jobs: expected a whole number from 0 to 1000000000, found '-1'");
  CHECK(told("recycle_memory = 5KiB") ==
        "FILE:3: recycle_memory: expected 0 (no limit) or at least 1MiB, found '5KiB'");
  CHECK(told("idle_time = 0") == "FILE:3: idle_time: expected a duration above zero, found '0'");
  CHECK(told("idle_time = soon").find("idle_time: expected a duration") != std::string::npos);
  for (const std::string& time : std::vector<std::string>{"soon", "1ms", "999ms"}) {
    CHECK(told("recycle_time = " + time) ==
          "FILE:3: recycle_time: expected 0 (no limit) or a duration of at least 1s, found '" + time + "'");
  }
  CHECK(told("queues = ,") == "FILE:3: queues: expected names of queues with commas between, found ','");
  const std::string long_name(256, 'q');
  CHECK(told("queues = " + long_name) ==
        "FILE:3: queues: expected names of queues of at most 255 bytes, found '" + long_name + "'");
  CHECK(told("functions = ,") ==
        "FILE:3: functions: expected names of functions with commas between, found ','");
  CHECK(told("functions = f, " + long_name) ==
        "FILE:3: functions: expected names of functions of at most 255 bytes, found '" + long_name + "'");
  CHECK(told("environment = LANG") == "FILE:3: environment: expected KEY=VALUE, found 'LANG'");
  CHECK(told("environment = 1A=b") ==
        "FILE:3: environment: expected the name of an environment variable, found '1A'");
  CHECK(told("environment.A = 1\nenvironment = A=2") ==
        "FILE:4: environment: the variable A is set a second time");
  for (const std::string& name : std::vector<std::string>{"PROMISED_WORKER", "PROMISED_STATE"}) {
    const std::string why = ": the variable " + name +
                            " is the daemon's own: by it the processes of a worker are found and ended; "
                            "leave it out";
    CHECK(told("environment." + name + " = 1") == "FILE:3: environment." + name + why);
    CHECK(told("environment = " + name + "=1") == "FILE:3: environment" + why);
  }
  CHECK(told("environment. = 1") ==
        "FILE:3: environment.: expected the name of an environment variable, found ''");
  CHECK(told("directory = srv") == "FILE:3: directory: expected an absolute path, found 'srv'");
  CHECK(told("user =") == "FILE:3: user: expected the name of a user, found ''");
  CHECK(told("user = @submitter") ==
        "FILE:3: user: expected the name of a user (no word stands for several), found '@submitter'");
  CHECK(told("prefetch = 0") ==
        "FILE:3: prefetch: expected adaptive or a whole number from 1 to 65536, found '0'");
  CHECK(told("memory_limit = 5KiB") ==
        "FILE:3: memory_limit: expected 0 (no limit) or at least 1MiB, found '5KiB'");
  CHECK(told("open_files = 3") ==
        "FILE:3: open_files: expected 0 (as the daemon) or a whole number from 16 to 1073741824, found '3'");
  CHECK(told("cpu_time = 10ms") ==
        "FILE:3: cpu_time: expected 0 (no limit) or a duration of at least 1s, found '10ms'");
  CHECK(told("processes = -1") ==
        "FILE:3: processes: expected 0 (no limit) or a whole number up to 4194304, found '-1'");
  CHECK(told("core_size = big").starts_with("FILE:3: core_size: expected "));
  CHECK(told("nice = 20") == "FILE:3: nice: expected a whole number from -20 to 19, found '20'");
  CHECK(told("sandbox = lax") == "FILE:3: sandbox: expected none, default or strict, found 'lax'");
  CHECK(told("isolation = thread") == "FILE:3: isolation: expected worker or job, found 'thread'");
  CHECK(told("start_timeout = 0") == "FILE:3: start_timeout: expected a duration above zero, found '0'");
  CHECK(told("run_timeout = 1w").find("run_timeout: expected a duration") != std::string::npos);
  CHECK(told("kill_grace = -1s").find("kill_grace: expected a duration") != std::string::npos);
  CHECK(told("sizze = 2") == "FILE:3: unknown key 'sizze' in [pool.a]; did you mean size?");
  CHECK(told("size = 1\nsize = 2") == "FILE:4: 'size' is given a second time; the first is on line 3");
}

TEST_CASE("E3 a bad name of a pool is told with file and line") {
  const Scene scene;
  for (const std::string& header : std::vector<std::string>{"pool", "pool.", "pool.a b", "pool docs",
                                                            "pool.-a", "pool." + std::string(65, 'a')}) {
    CHECK(scene.problem("[" + header + "]\nprogram = /a\n") ==
          "FILE:1: expected [pool.NAME], with a name of 1 to 64 letters, digits, '-', '_' and '.', found [" +
              header + "]");
  }
  CHECK(scene.settings("[pool.a.b-c_D9]\nprogram = /a\n").pools.at(0).name == "a.b-c_D9");
}

TEST_CASE("the drop-in folder beside the file is read in the order of names, *.conf alone") {
  const Scene scene;
  scene.write("conf/pools.d/20-b.conf", "[pool.b]\nprogram = /b\n");
  scene.write("conf/pools.d/10-a.conf", "[pool.a]\nprogram = /a\n[pool.a2]\nprogram = /a2\n");
  scene.write("conf/pools.d/30-c.conf.disabled", "nonsense");
  scene.write("conf/pools.d/.hidden.conf", "nonsense");
  const Settings s = scene.settings("[pool.main]\nprogram = /m\n");
  std::vector<std::string> names;
  for (const auto& pool : s.pools) names.push_back(pool.name);
  CHECK(names == std::vector<std::string>{"main", "a", "a2", "b"});
}

TEST_CASE("E3 only pools may be in the drop-in folder") {
  const Scene scene;
  const std::string file = scene.write("conf/pools.d/x.conf", "\n[daemon]\nlog_level = info\n");
  CHECK(scene.problem("") == file + ":2: only [pool.NAME] sections may be in this folder, found [daemon]");
}

TEST_CASE("E3 a pool that exists already is told with both places") {
  const Scene scene;
  const std::string file = scene.write("conf/pools.d/x.conf", "[pool.a]\nprogram = /a\n");
  CHECK(scene.problem("[daemon]\n[pool.a]\nprogram = /a\n") ==
        file + ":1: a pool 'a' exists already: FILE:2");
}

TEST_CASE("E3 an unreadable drop-in folder stops the start") {
  const Scene scene;
  scene.write("conf/pools.d", "a file where a folder should be");
  const std::string message = scene.problem("");
  CHECK(message == scene.path("conf/pools.d") + ": cannot read the folder of pools: Not a directory");
}

TEST_CASE(
    "--check warns of a program, a directory or a user that is missing or does not do, and is still "
    "content") {
  const Scene scene;
  const std::string plain = scene.write("plain", "");
  const std::string tool = scene.write("tool", "");
  std::filesystem::permissions(tool, std::filesystem::perms::owner_all);
  const std::string file = scene.write(
      "conf/promised.conf",
      "[pool.gone]\nprogram = /no/such\n[pool.plain]\nprogram = " + plain +
          "\n[pool.folder]\nprogram = /usr\n[pool.device]\nprogram = /dev/null\n[pool.fine]\n" +
          "program = " + tool + "\nuser = bob\n[pool.who]\nprogram = " + tool + "\nuser = mallory\n" +
          "[pool.lost]\nprogram = " + tool + "\ndirectory = /no/such/place\n" +
          "[pool.odd]\nprogram = " + tool + "\ndirectory = " + tool + "\n");
  const auto checked = scene.run({"--config", file, "--check"});
  REQUIRE(checked.ok());
  CHECK(checked->action == Invocation::Action::check);
  const std::string& text = checked->text;
  CHECK(text.find("warning: pool gone: /no/such: No such file or directory\n") != std::string::npos);
  CHECK(text.find("warning: pool plain: " + plain + ": not executable (chmod +x)\n") != std::string::npos);
  CHECK(text.find("warning: pool folder: /usr: is a directory, not a program\n") != std::string::npos);
  CHECK(text.find("warning: pool device: /dev/null: is a device, not a program\n") != std::string::npos);
  CHECK(text.find("warning: pool fine: only a daemon that root starts can run workers as 'bob'\n") !=
        std::string::npos);
  CHECK(text.find("warning: pool who: there is no user 'mallory' on this system\n") != std::string::npos);
  CHECK(text.find("warning: pool lost: directory /no/such/place: No such file or directory\n") !=
        std::string::npos);
  CHECK(text.find("warning: pool odd: directory " + tool + ": not a directory\n") != std::string::npos);
  CHECK(text.ends_with("ok\n"));
}

TEST_CASE("I3 --check warns of a limit of processes that does not bind root's workers") {
  Scene scene;
  const std::string tool = scene.write("tool", "");
  std::filesystem::permissions(tool, std::filesystem::perms::owner_all);
  const std::string file =
      scene.write("conf/promised.conf", "[pool.a]\nprogram = " + tool + "\nprocesses = 9\n");
  const auto warns = [&] {
    const auto checked = scene.run({"--config", file, "--check"});
    REQUIRE(checked.ok());
    return checked->text.find(
               "warning: pool a: processes is kept for root's workers only where each has a "
               "cgroup; give it a user\n") != std::string::npos;
  };
  CHECK_FALSE(warns());
  scene.environment.uid = 0;
  CHECK(warns());
}

TEST_CASE("E3 a limit of processes with which a worker could run no job is refused") {
  const Scene scene;
  const auto told = [&](const std::string& lines) { return scene.problem("[pool.a]\n" + lines); };
  CHECK(
      told("program = /a\nprocesses = 1\nisolation = job") ==
      "FILE:3: processes: expected 0 (no limit) or at least 2, for a worker that runs a job has itself, the "
      "process of its job (isolation = job); found '1'");
  CHECK(
      told("builtin = exec\nprocesses = 1") ==
      "FILE:3: processes: expected 0 (no limit) or at least 2, for a worker that runs a job has itself, the "
      "command that it runs (builtin = exec); found '1'");
  CHECK(
      told("builtin = exec\nisolation = job\nprocesses = 2") ==
      "FILE:4: processes: expected 0 (no limit) or at least 3, for a worker that runs a job has itself, the "
      "process of its job (isolation = job), the command that it runs (builtin = exec); found '2'");
  const auto taken = [&](const std::string& lines) {
    return scene.settings("[pool.a]\n" + lines).pools.at(0).processes;
  };
  CHECK(taken("program = /a\nprocesses = 1") == 1);
  CHECK(taken("program = /a\nprocesses = 0\nisolation = job") == 0);
  CHECK(taken("program = /a\nprocesses = 2\nisolation = job") == 2);
  CHECK(taken("builtin = exec\nprocesses = 3\nisolation = job") == 3);
}

TEST_CASE("I3 --check warns of a limit of processes that a user's workers use up before all have a job") {
  const Scene scene;
  const std::string tool = scene.write("tool", "");
  std::filesystem::permissions(tool, std::filesystem::perms::owner_all);
  const auto warns = [&](const std::string& lines) {
    const std::string file = scene.write("conf/promised.conf", "[pool.a]\nprogram = " + tool + "\n" + lines);
    const auto checked = scene.run({"--config", file, "--check"});
    REQUIRE(checked.ok());
    return checked->text.find(
               "warning: pool a: without cgroups, processes = 7 counts everything that the pool's user runs; "
               "4 workers with a job each need 8, so some workers may be unable to run a job\n") !=
           std::string::npos;
  };
  CHECK(warns("processes = 7\nsize = 2..4\nisolation = job\n"));
  CHECK_FALSE(warns("processes = 8\nsize = 2..4\nisolation = job\n"));
  CHECK_FALSE(warns("processes = 7\nsize = 2..4\n"));
}

TEST_CASE("--check prints what it found") {
  const Scene scene;
  const std::string file =
      scene.write("conf/promised.conf",
                  "[daemon]\nendpoint = ipc:///run/x.sock\nstate_dir = /var/lib/x\nuser = alice\n"
                  "[access]\nusers = bob\ngroups = staff\nshared = shared/a/:write:alice,@staff\n"
                  "shared = shared/:read:*\n"
                  "[pool.a]\nprogram = /bin/true\narguments = -v\nsize = 2..8\nqueues = q r\n"
                  "memory_limit = 1GiB\nrun_timeout = 90s\n");
  const auto checked = scene.run({"--config", file, "--check"});
  REQUIRE(checked.ok());
  CHECK(checked->text == "configuration " + file +
                             "\n"
                             "endpoint ipc:///run/x.sock, mode 0666\n"
                             "state_dir /var/lib/x\n"
                             "user alice\n"
                             "access root and the daemon's own user, users 1001, groups 50\n"
                             "names shared/a/… may be read and written by users 1000 groups 50\n"
                             "names shared/… may be read by everyone with access\n"
                             "pool a: 2..8 x /bin/true -v, memory 1GiB, run_timeout 90s, queues q r\n"
                             "ok\n");
  const auto bare = scene.run({"--check"});
  REQUIRE(bare.ok());
  CHECK(bare->text.starts_with("configuration none\n"));
  CHECK(bare->text.find("warning: there is no pool: every submission will be refused\n") !=
        std::string::npos);
}

}  // namespace
}  // namespace promised
