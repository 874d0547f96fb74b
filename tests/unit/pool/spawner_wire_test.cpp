// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/spawner_wire.hpp"

#include <doctest/doctest.h>

using namespace promised;

TEST_CASE("a request to start a worker survives the way to the spawner") {
  const SpawnRequest request{WorkerId{7}, "/bin/x", {"a", ""}, {"K=V"}, "/", "nobody", 1, 2};
  const std::string bytes = spawner_wire::encode(request).value();
  const Result<SpawnRequest> read = spawner_wire::decode_request(bytes);
  REQUIRE(read.ok());
  CHECK(read->worker == request.worker);
  CHECK(read->program == request.program);
  CHECK(read->arguments == request.arguments);
  CHECK(read->environment == request.environment);
  CHECK(read->directory == request.directory);
  CHECK(read->user == request.user);
  CHECK(read->memory_limit == 1);
  CHECK(read->open_files == 2);
}

TEST_CASE("E1 every truncation of a message between daemon and spawner is refused, and so is more than one") {
  const std::string request =
      spawner_wire::encode(SpawnRequest{WorkerId{7}, "/x", {"a"}, {"K=V"}, "/", "", 1, 2}).value();
  const std::string order = spawner_wire::encode(spawner_wire::KillOrder{WorkerId{1}, 9});
  const std::string report = spawner_wire::encode(SpawnerReport(Exited{WorkerId{1}, 2, 3, 4, 5}));
  const std::string failed = spawner_wire::encode(SpawnerReport(SpawnFailed{WorkerId{1}, "reason"}));
  for (std::size_t n = 0; n < request.size(); ++n) {
    CHECK_FALSE(spawner_wire::decode_request(request.substr(0, n)).ok());
  }
  for (std::size_t n = 0; n < order.size(); ++n)
    CHECK_FALSE(spawner_wire::decode_order(order.substr(0, n)).ok());
  for (std::size_t n = 0; n < report.size(); ++n)
    CHECK_FALSE(spawner_wire::decode_report(report.substr(0, n)).ok());
  for (std::size_t n = 0; n < failed.size(); ++n)
    CHECK_FALSE(spawner_wire::decode_report(failed.substr(0, n)).ok());
  CHECK_FALSE(spawner_wire::decode_request(request + "x").ok());
  CHECK_FALSE(spawner_wire::decode_order(order + "x").ok());
  CHECK_FALSE(spawner_wire::decode_report(report + "x").ok());
  CHECK_FALSE(spawner_wire::decode_order(report).ok());
  CHECK_FALSE(spawner_wire::decode_report(order).ok());
}

TEST_CASE("E2 a count that promises more than there is takes no memory") {
  std::string request = spawner_wire::encode(SpawnRequest{WorkerId{7}, "", {}, {}, "", "", 0, 0}).value();
  for (std::size_t at = 4; at < 12; ++at) request[at] = '\xff';   // the program's length
  for (std::size_t at = 12; at < 20; ++at) request[at] = '\xff';  // how many arguments
  CHECK(spawner_wire::decode_request(request).problem().code == "garbage");
}

TEST_CASE("a reason of any length fits a report") {
  const std::string bytes =
      spawner_wire::encode(SpawnerReport(SpawnFailed{WorkerId{1}, std::string(100'000, 'r')}));
  CHECK(bytes.size() <= spawner_wire::kMaxDatagram);
  const Result<SpawnerReport> read = spawner_wire::decode_report(bytes);
  REQUIRE(read.ok());
  CHECK(std::get<SpawnFailed>(*read).reason == std::string(spawner_wire::kMaxDatagram / 2, 'r'));
}
