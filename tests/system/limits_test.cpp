// SPDX-License-Identifier: Apache-2.0
// E2 At a limit the submitter gets an error that names it, and nothing that was accepted is lost.
#include <doctest/doctest.h>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

namespace {

// A daemon whose only worker is busy until `release()`, so that jobs stay where they are.
struct FullHouse {
  explicit FullHouse(DaemonConfig config) : daemon(std::move(config)), client(connect(daemon)) {
    blocker = client.submit<std::int64_t>("wait_for", (daemon.directory() / "gate").string());
    REQUIRE(eventually([&] { return blocker.running(); }));
  }
  void release() const { write_file(daemon.directory() / "gate", ""); }
  [[nodiscard]] std::string refusal(const Options& options, const std::string& text = "") {
    return thrown_by([&] { client.submit(options, "echo", text).accepted(kPatience); });
  }

  TestDaemon daemon;
  Client client;
  Future<std::int64_t> blocker;
};

}  // namespace

TEST_CASE("E2 max_jobs refuses the next job, by its name, until one has ended") {
  FullHouse blocked(story_config(1).limit("max_jobs", "3"));
  const auto second = blocked.client.submit<std::int64_t>("add", 1, 1);
  const auto third = blocked.client.submit<std::int64_t>("add", 2, 2);
  third.accepted(kPatience);
  const std::string refused = blocked.refusal(Options());
  CHECK(refused.starts_with("RefusedError limit: max_jobs (3) is reached"));
  blocked.release();
  CHECK(second.result(kPatience) == 2);
  CHECK(third.result(kPatience) == 4);
  CHECK(eventually([&] { return blocked.refusal(Options()) == "nothing"; }));
}

TEST_CASE("E2 max_jobs_per_owner refuses by its name") {
  FullHouse blocked(story_config(1).limit("max_jobs_per_owner", "1"));
  CHECK(blocked.refusal(Options()).starts_with("RefusedError limit: max_jobs_per_owner (1) is reached"));
  blocked.release();
}

TEST_CASE("E2 max_bytes refuses by its name") {
  FullHouse blocked(story_config(1).limit("max_bytes", "1MiB"));
  const auto fits = blocked.client.submit<std::string>("echo", std::string(900'000, 'x'));
  fits.accepted(kPatience);
  CHECK(blocked.refusal(Options(), std::string(900'000, 'x'))
            .starts_with("RefusedError limit: max_bytes (1048576) is reached"));
  blocked.release();
  CHECK(fits.result(kPatience).size() == 900'000);
}

TEST_CASE("E2 max_queues refuses a new queue by its name, and not an old one") {
  FullHouse blocked(story_config(1).limit("max_queues", "2"));
  CHECK(blocked.refusal(Options().queue("second")) == "nothing");
  CHECK(
      blocked.refusal(Options().queue("third")).starts_with("RefusedError limit: max_queues (2) is reached"));
  CHECK(blocked.refusal(Options().queue("second")) == "nothing");
  blocked.release();
}

TEST_CASE("E2 max_name and max_lifespan and max_remembered refuse by their names") {
  DaemonConfig config = story_config(1);
  config.limit("max_name", "8").limit("max_lifespan", "1h").limit("max_remembered", "2");
  FullHouse blocked(config);
  const auto named = [&](const std::string& name, std::chrono::milliseconds lifespan) {
    return blocked.refusal(Options().remember(name, lifespan));
  };
  CHECK(named("123456789", 1min) == "RefusedError limit: a name has 1 to max_name (8) bytes, given 9");
  CHECK(named("long", 2h).starts_with("RefusedError limit: a lifespan is at most max_lifespan (3600000 ms)"));
  CHECK(named("first", 1min) == "nothing");
  CHECK(named("second", 1min) == "nothing");
  CHECK(named("third", 1min).starts_with("RefusedError limit: max_remembered (2) is reached"));
  blocked.release();
}

TEST_CASE("E2 arguments that are larger than max_message are refused before they are sent") {
  TestDaemon daemon(story_config(1).limit("max_message", "1MiB"));
  Client client = connect(daemon);
  const std::string refused =
      thrown_by([&] { client.submit("echo", std::string(2'000'000, 'x')).accepted(kPatience); });
  CHECK(refused.find("max_message") != std::string::npos);
  CHECK(client.submit<std::int64_t>("add", 1, 1).result(kPatience) == 2);
}

TEST_CASE("E2 max_clients refuses the next client by its name, until one has gone") {
  TestDaemon daemon(story_config(1).limit("max_clients", "2"));
  std::optional<Client> first(connect(daemon));
  Client second = connect(daemon);
  (void)first->status(kPatience);
  (void)second.status(kPatience);
  CHECK(thrown_by([&] { (void)connect(daemon).status(kPatience); }).find("max_clients (2)") !=
        std::string::npos);
  first.reset();
  CHECK(eventually([&] { return thrown_by([&] { (void)connect(daemon).status(kPatience); }) == "nothing"; }));
}

TEST_CASE("E2 max_watches refuses the next wait for a job of somebody else by its name") {
  FullHouse blocked(story_config(1).limit("max_watches", "1"));
  Client other = connect(blocked.daemon);
  const auto first = other.future<std::int64_t>(blocked.blocker.id());
  first.accepted(kPatience);
  Client third = connect(blocked.daemon);
  CHECK(thrown_by([&] {
          (void)third.future(blocked.blocker.id()).value(kPatience);
        }).starts_with("RefusedError limit: max_watches (1) is reached"));
  blocked.release();
  CHECK(first.result(kPatience) > 0);
}

TEST_CASE("limits are shown in the status with what is used") {
  FullHouse blocked(story_config(1).limit("max_jobs", "77"));
  const StatusView status = blocked.client.status();
  bool shown = false;
  for (const LimitView& limit : status.limits) {
    if (limit.name != "max_jobs") continue;
    shown = true;
    CHECK(limit.most == 77);
    CHECK(limit.used == 1);
  }
  CHECK(shown);
  blocked.release();
}
