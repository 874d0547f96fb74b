// SPDX-License-Identifier: Apache-2.0
#include "daemon/spawner/spawner_wire.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

using namespace promised;

TEST_CASE("a request to start a worker survives the way to the spawner") {
  const SpawnRequest request{.program = "/bin/x",
                             .arguments = {"a", ""},
                             .environment = {"K=V"},
                             .directory = "/",
                             .user = "nobody",
                             .memory_limit = 1,
                             .open_files = 2,
                             .processes = 3,
                             .core_size = 4,
                             .nice = -5,
                             .sandbox = Sandbox::strict};
  const std::string bytes = spawner_wire::encode(request).value();
  const Result<SpawnRequest> read = spawner_wire::decode_request(bytes);
  REQUIRE(read.ok());
  CHECK(read->program == request.program);
  CHECK(read->arguments == request.arguments);
  CHECK(read->environment == request.environment);
  CHECK(read->directory == request.directory);
  CHECK(read->user == request.user);
  CHECK(read->memory_limit == 1);
  CHECK(read->open_files == 2);
  CHECK(read->processes == 3);
  CHECK(read->core_size == 4);
  CHECK(read->nice == -5);
  CHECK(read->sandbox == Sandbox::strict);
}

TEST_CASE("E1 every truncation of a message between daemon and spawner is refused, and so is more than one") {
  const std::string request =
      spawner_wire::encode(
          SpawnRequest{.program = "/x", .arguments = {"a"}, .environment = {"K=V"}, .directory = "/"})
          .value();
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

TEST_CASE("a request on its way to the spawner is in a file that nobody can change") {
  const Result<Fd> file = spawner_wire::to_memfd("request");
  REQUIRE(file.ok());
  CHECK(::pwrite(file->get(), "x", 1, 0) < 0);
  CHECK(::ftruncate(file->get(), 1) != 0);
  CHECK(::ftruncate(file->get(), 100) != 0);
  CHECK(spawner_wire::from_memfd(file->get()).value() == "request");
}

TEST_CASE("E2 a count that promises more than there is takes no memory") {
  std::string request = spawner_wire::encode(SpawnRequest{}).value();
  for (std::size_t at = 0; at < 8; ++at) request[at] = '\xff';   // the program's length
  for (std::size_t at = 8; at < 16; ++at) request[at] = '\xff';  // how many arguments
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

TEST_CASE("a sandbox level that there is not is refused, not taken for a weaker one") {
  std::string request = spawner_wire::encode(SpawnRequest{.program = "/x", .directory = "/"}).value();
  request.back() = 3;
  CHECK(spawner_wire::decode_request(request).problem().code == "garbage");
}

TEST_CASE("how a worker went survives the way to the daemon") {
  const Exited exited{WorkerId{1}, 2, 3, 4, 5, Nanos(6), Nanos(7), true};
  const Result<SpawnerReport> read = spawner_wire::decode_report(spawner_wire::encode(SpawnerReport(exited)));
  REQUIRE(read.ok());
  const auto& told = std::get<Exited>(*read);
  CHECK(told.pid == 2);
  CHECK(told.signal == 3);
  CHECK(told.exit_code == 4);
  CHECK(told.peak_memory == 5);
  CHECK(told.user == Nanos(6));
  CHECK(told.system == Nanos(7));
  CHECK(told.out_of_memory);
}

TEST_CASE(
    "I4 the order to take over, and what came of it, survive the way; of many leftovers the first are told") {
  const std::string order = spawner_wire::encode(spawner_wire::TakeOverOrder{"1:2", {0, 65534}});
  const auto read = spawner_wire::decode_order(order);
  REQUIRE(read.ok());
  CHECK(std::get<spawner_wire::TakeOverOrder>(*read).state == "1:2");
  CHECK(std::get<spawner_wire::TakeOverOrder>(*read).users == std::vector<uid_t>{0, 65534});

  TakenOver taken{Containment::cgroup, "why", 1000, std::vector<Leftover>(1000, {7, std::string(9999, 'c')})};
  const std::string bytes = spawner_wire::encode(taken);
  CHECK(bytes.size() <= spawner_wire::kMaxDatagram);
  const auto told = spawner_wire::decode_taken_over(bytes);
  REQUIRE(told.ok());
  CHECK(told->containment == Containment::cgroup);
  CHECK(told->why == "why");
  CHECK(told->ended == 1000);
  REQUIRE(told->leftovers.size() == 20);
  CHECK(told->leftovers[19] == Leftover{7, std::string(256, 'c')});
  for (std::size_t n = 0; n < order.size(); ++n)
    CHECK_FALSE(spawner_wire::decode_order(order.substr(0, n)).ok());
  for (std::size_t n = 0; n < bytes.size(); ++n)
    CHECK_FALSE(spawner_wire::decode_taken_over(bytes.substr(0, n)).ok());
}
