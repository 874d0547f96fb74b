// SPDX-License-Identifier: Apache-2.0
// Q2, Q4 The sections of queues and quotas.
#include <doctest/doctest.h>

#include "daemon/config/changes.hpp"
#include "tests/unit/config/fixture.hpp"

namespace promised {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

TEST_CASE("Q2 every key of a queue reaches the settings") {
  const Scene scene;
  const Settings s = scene.settings(
      "[queue.reports]\nweight = 5\nageing = 10min\nrate = 10/s burst 20\nmax_length = 1000\nhold = yes\n"
      "paused = yes\n[queue.client-*.v1]\n");
  QueueSettings reports{"reports", 5, 10min, {10, 1s, 20}, 1000, true, true};
  QueueSettings rest;
  rest.name = "client-*.v1";
  CHECK(s.queues == std::vector{reports, rest});
  CHECK_FALSE(s.queues[0].is_glob());
  CHECK(s.queues[1].is_glob());
}

TEST_CASE("Q4 a quota has a name and a size") {
  const Scene scene;
  const Settings s = scene.settings("[quota.mail server]\nsize = 4\n[quota.closed]\nsize = 0\n");
  CHECK(s.quotas == std::vector<QuotaSettings>{{"mail server", 4}, {"closed", 0}});
  CHECK(scene.problem("[quota.mail]\n") ==
        "FILE:1: [quota.mail] has no size; add size = how many of its jobs may run at once");
}

TEST_CASE("E3 what is wrong with a queue or a quota is told with file, line and the nearest key") {
  const Scene scene;
  CHECK(scene.problem("[queue.a]\nweigth = 5\n") ==
        "FILE:2: unknown key 'weigth' in [queue.a]; did you mean weight?");
  CHECK(scene.problem("[queue.a]\nweight = 0\n") ==
        "FILE:2: weight: expected a whole number from 1 to 1000, found '0'");
  CHECK(scene.problem("[queue.a]\nmax_length = -1\n") ==
        "FILE:2: max_length: expected 0 (no limit) or a whole number up to 1000000000, found '-1'");
  CHECK(scene.problem("[queue.a]\nrate = fast\n") ==
        "FILE:2: rate: expected a rate such as 10/s, 100/min, 5000/h, 10/s burst 20, or none, found 'fast'");
  CHECK(scene.problem("[queue reports]\n") ==
        "FILE:1: expected [queue.NAME], with a name of 1 to 255 bytes, found [queue reports]");
  CHECK(scene.problem("[quota]\n") ==
        "FILE:1: expected [quota.NAME], with a name of 1 to 255 bytes, found [quota]");
  CHECK(
      scene.problem("[queue." + std::string(256, 'q') + "]\n").starts_with("FILE:1: expected [queue.NAME]"));
  CHECK(scene.problem("[quota.a]\nsize = many\n") ==
        "FILE:2: size: expected a whole number from 0 to 1000000000, found 'many'");
  CHECK(scene.problem("[queues.a]\n").find("did you mean queue.NAME") != std::string::npos);
}

TEST_CASE("E6 queues and quotas that are read anew are in force at once, and told by their keys") {
  const Scene scene;
  Settings current =
      scene.settings("[queue.a]\nweight = 2\n[queue.old]\n[quota.a]\nsize = 1\n[quota.old]\nsize = 1\n");
  const Settings next = scene.settings(
      "[queue.a]\nweight = 3\nageing = 1s\nrate = 1/s\nmax_length = 1\nhold = yes\npaused = "
      "yes\n[queue.new]\n"
      "[quota.a]\nsize = 2\n[quota.new]\nsize = 1\n");
  const ReloadReport report = config::apply_changes(current, next);
  CHECK(report.changed == Names{"queue.old", "queue.a.weight", "queue.a.ageing", "queue.a.rate",
                                "queue.a.max_length", "queue.a.hold", "queue.a.paused", "queue.new",
                                "quota.old", "quota.a.size", "quota.new"});
  CHECK(current.queues == next.queues);
  CHECK(current.quotas == next.quotas);
  CHECK(config::apply_changes(current, next).empty());
}

TEST_CASE("E3 --check tells how queues and quotas will be served") {
  const Scene scene;
  const std::string file = scene.write("promised.conf",
                                       "[queue.a]\nweight = 2\nageing = 1min\nrate = 10/s\nmax_length = "
                                       "5\nhold = yes\npaused = yes\n[queue.b]\n"
                                       "[quota.mail]\nsize = 4\n");
  const auto checked = scene.run({"--check", "--config", file});
  REQUIRE(checked.ok());
  CHECK(checked->text.find(
            "queue a: weight 2, ageing 1min, rate 10/s, max_length 5, hold, paused\nqueue b: weight 1\n"
            "quota mail: 4\n") != std::string::npos);
}

}  // namespace
}  // namespace promised
