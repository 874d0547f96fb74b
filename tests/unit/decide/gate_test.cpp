// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/gate.hpp"

#include <doctest/doctest.h>

using namespace promised;

TEST_CASE("the gate grants nothing by default") {
  const Access access;
  const Gate gate(access, 999);
  CHECK(gate.standing({1000, 1000, 1}) == Standing::nobody);
  CHECK(gate.standing({}) == Standing::nobody);
  CHECK_FALSE(Gate::may_touch(Standing::nobody, 1000, 1000));
}

TEST_CASE("root, the daemon's own user and the configured administrators may steer all jobs") {
  Access access;
  access.admins = {1005};
  const Gate gate(access, 999);
  for (const uid_t uid : {0U, 999U, 1005U}) CHECK(gate.standing({uid, 50, 1}) == Standing::admin);
  CHECK(Gate::may_touch(Standing::admin, 1005, 1000));
}

TEST_CASE("a granted user or group may use the daemon, and touch only the own jobs") {
  Access access;
  access.users = {1001};
  access.groups = {200};
  const Gate gate(access, 999);
  CHECK(gate.standing({1001, 1, 1}) == Standing::user);
  CHECK(gate.standing({1002, 200, 1}) == Standing::user);
  CHECK(gate.standing({1002, 201, 1}) == Standing::nobody);
  CHECK(Gate::may_touch(Standing::user, 1001, 1001));
  CHECK_FALSE(Gate::may_touch(Standing::user, 1001, 1002));
}

TEST_CASE("only an administrator may have the store checked, backed up and compacted") {
  CHECK(Gate::may_maintain(Standing::admin));
  CHECK_FALSE(Gate::may_maintain(Standing::user));
  CHECK_FALSE(Gate::may_maintain(Standing::nobody));
}

TEST_CASE("an unknown identity is nobody even where everyone is granted") {
  Access access;
  access.everyone = true;
  const Gate gate(access, 999);
  CHECK(gate.standing({}) == Standing::nobody);
  CHECK(gate.standing({65534, 65534, 1}) == Standing::user);
}
