// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/config/fixture.hpp"

namespace promised {
namespace {

using namespace std::chrono_literals;

TEST_CASE("every key of [daemon] reaches the settings") {
  const Scene scene;
  scene.write("pools/a.conf", "[pool.a]\nprogram = /bin/a\n");
  const Settings s = scene.settings(
      "[daemon]\n"
      "endpoint = ipc:///run/x.sock\n"
      "endpoint_mode = 0640\n"
      "state_dir = /var/lib/x   # a comment\n"
      "large_result = 64KiB\n"
      "user = alice\n"
      "log_level = debug\n"
      "stop_grace = 3s\n"
      "pools_dir = " +
      scene.path("pools") + "\n");
  CHECK(s.config_file == scene.path("conf/promised.conf"));
  CHECK(s.endpoint == "ipc:///run/x.sock");
  CHECK(s.endpoint_mode == 0640);
  CHECK(s.state_dir == "/var/lib/x");
  CHECK(s.large_result == 65536);
  CHECK(s.user == "alice");
  CHECK(s.log_level == "debug");
  CHECK(s.stop_grace == 3s);
  REQUIRE(s.pools.size() == 1);
  CHECK(s.pools[0].name == "a");
}

TEST_CASE("E3 an unknown key in [daemon] is told with file, line and the nearest key") {
  const Scene scene;
  CHECK(scene.problem("# first\n[daemon]\n\nstate_dri = /x\n") ==
        "FILE:4: unknown key 'state_dri' in [daemon]; did you mean state_dir?");
  CHECK(scene.problem("[daemon]\ncolour = red\n") == "FILE:2: unknown key 'colour' in [daemon]");
}

TEST_CASE("E3 an impossible value in [daemon] is told with file, line and what was expected") {
  const Scene scene;
  const auto told = [&](const std::string& line) { return scene.problem("[daemon]\n" + line + "\n"); };
  CHECK(told("endpoint = tcp://1.2.3.4:5") ==
        "FILE:2: endpoint: expected ipc:// and an absolute path, such as ipc:///run/promised/promised.sock, "
        "found "
        "'tcp://1.2.3.4:5'");
  CHECK(told("endpoint = ipc://relative.sock").find("expected ipc:// and an absolute path") !=
        std::string::npos);
  CHECK(told("endpoint_mode = 0999") ==
        "FILE:2: endpoint_mode: expected permissions in octal that let the owner read and write, such as "
        "0600 or 0666, "
        "found '0999'");
  CHECK(told("endpoint_mode = 0466").find("let the owner read and write") != std::string::npos);
  CHECK(told("state_dir = here") == "FILE:2: state_dir: expected an absolute path, found 'here'");
  CHECK(told("pools = 3") ==
        "FILE:2: pools: expected any, or none for a daemon that is to have no pool, found '3'");
  CHECK(told("pools = none\n[pool.a]\nprogram = /bin/true") ==
        "FILE:2: pools = none, and there is a pool 'a': take one of the two out");
  CHECK(told("large_result = 100") == "FILE:2: large_result: expected at least 4KiB, found '100'");
  CHECK(told("user = nobody-here") == "FILE:2: user: there is no user 'nobody-here' on this system");
  CHECK(told("log_level = inof") ==
        "FILE:2: log_level: expected debug, info, warning or error, found 'inof'; did you mean info?");
  CHECK(told("stop_grace = soon") ==
        "FILE:2: stop_grace: expected a duration such as 500ms, 90s, 5min, 2h or 7d, found 'soon'");
  CHECK(told("pools_dir = /no/such/folder") == "FILE:2: pools_dir: there is no folder '/no/such/folder'");
}

TEST_CASE("a socket path of more than 107 bytes is refused with its length") {
  const Scene scene;
  const std::string fits = "/" + std::string(106, 'a');
  CHECK(scene.settings("[daemon]\nendpoint = ipc://" + fits + "\n").endpoint == "ipc://" + fits);
  const std::string too_long = fits + "a";
  CHECK(scene.problem("[daemon]\nendpoint = ipc://" + too_long + "\n") ==
        "FILE:2: endpoint: the path of a socket has at most 107 bytes, but '" + too_long + "' has 108");
}

TEST_CASE("every key of [access] reaches the settings, by name or number") {
  const Scene scene;
  const Settings s =
      scene.settings("[access]\nusers = alice, 7\ngroups = staff 12\nadmins = bob\neveryone = no\n");
  CHECK(s.access.users == std::vector<uid_t>{1000, 7});
  CHECK(s.access.groups == std::vector<gid_t>{50, 12});
  CHECK(s.access.admins == std::vector<uid_t>{1001});
  CHECK_FALSE(s.access.everyone);
  CHECK(scene.settings("[access]\neveryone = yes\n").access.everyone);
}

TEST_CASE("R10 rules for shared names reach the settings, and several add up") {
  const Scene scene;
  const auto rules =
      scene.settings("[access]\nshared = shared/a:b/:read:*\nshared = shared/:write:alice, 7 @staff\n")
          .access.shared;
  CHECK(rules == std::vector<SharedNames>{{"shared/a:b/", NameUse::read, {}, {}, true},
                                          {"shared/", NameUse::write, {1000, 7}, {50}, false}});
}

TEST_CASE("E3 R10 a rule for shared names that is none says how one looks") {
  const Scene scene;
  for (const char* rule : {"shared/x", "shared/x:read", "shared/x:append:alice", "reports/:read:*",
                           "shared/x:read:", ":read:*"}) {
    CHECK(scene.problem("[access]\nshared = " + std::string(rule) + "\n") ==
          "FILE:2: shared: expected shared/PREFIX:read:WHO or shared/PREFIX:write:WHO, where WHO are users, "
          "@groups or * (all), with commas between, found '" +
              std::string(rule) + "'");
  }
  CHECK(scene.problem("[access]\nshared = shared/x:read:mallory\n") ==
        "FILE:2: shared: there is no user 'mallory' on this system");
  CHECK(scene.problem("[access]\nshared = shared/x:read:@nobodies\n") ==
        "FILE:2: shared: there is no group 'nobodies' on this system");
}

TEST_CASE("E3 an impossible value in [access] is told with file and line") {
  const Scene scene;
  CHECK(scene.problem("[access]\nusers = alice, mallory\n") ==
        "FILE:2: users: there is no user 'mallory' on this system");
  CHECK(scene.problem("[access]\nadmins = mallory\n") ==
        "FILE:2: admins: there is no user 'mallory' on this system");
  CHECK(scene.problem("[access]\n\ngroups = alice\n") ==
        "FILE:3: groups: there is no group 'alice' on this system");
  CHECK(scene.problem("[access]\neveryone = maybe\n") ==
        "FILE:2: everyone: expected yes or no, found 'maybe'");
  CHECK(scene.problem("[access]\nuser = alice\n") ==
        "FILE:2: unknown key 'user' in [access]; did you mean users?");
}

TEST_CASE("the endpoint is open to others only where [access] lets others in, unless the mode is given") {
  const Scene scene;
  CHECK(scene.settings("[daemon]\nlog_level = info\n").endpoint_mode == 0600);
  CHECK(scene.settings("[access]\neveryone = yes\n").endpoint_mode == 0666);
  CHECK(scene.settings("[access]\nusers = bob\n").endpoint_mode == 0666);
  CHECK(scene.settings("[daemon]\nendpoint_mode = 0600\n[access]\neveryone = yes\n").endpoint_mode == 0600);
}

}  // namespace
}  // namespace promised
