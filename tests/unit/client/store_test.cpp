// SPDX-License-Identifier: Apache-2.0
// Having the store checked, backed up and compacted: asked once, however long it takes.
#include <doctest/doctest.h>

#include <future>
#include <thread>

#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

/// A daemon that takes its time for the store: it answers nothing of it.
void be_busy(FakeDaemon& d, const FakeDaemon::Message& m) {
  if (!std::holds_alternative<message::StoreCommand>(m.request.body)) FakeDaemon::serve(d, m);
}

TEST_CASE_FIXTURE(Fixture, "a client asks for what is to be done to the store, and brings the report") {
  StoreReport report;
  report.path = "/mnt/b";
  report.jobs = 12;
  report.damages = 1;
  report.damage = {"the first"};
  daemon.become([&](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (!std::holds_alternative<message::StoreCommand>(m.request.body)) return FakeDaemon::serve(d, m);
    d.answer(m, message::StoreDone{report});
  });
  Client client(options());
  CHECK(client.check_store() == report);
  CHECK(client.back_up_store("/mnt/b") == report);
  CHECK(client.back_up_store() == report);
  CHECK(client.compact_store() == report);
  std::vector<std::pair<StoreTask, std::string>> asked;
  for (const auto& m : daemon.received<message::StoreCommand>()) {
    const auto& command = std::get<message::StoreCommand>(m.request.body);
    asked.emplace_back(command.task, command.path);
  }
  CHECK(asked == std::vector<std::pair<StoreTask, std::string>>{{StoreTask::check, ""},
                                                                {StoreTask::backup, "/mnt/b"},
                                                                {StoreTask::backup, ""},
                                                                {StoreTask::compact, ""}});
}

TEST_CASE_FIXTURE(Fixture, "a daemon that goes while it works on the store is not asked again by itself") {
  daemon.become(be_busy);
  Client client(options());
  std::thread restart([&] {
    static_cast<void>(daemon.wait_for<message::StoreCommand>());
    daemon.stop();
    daemon.start();
  });
  CHECK(message_of<RefusedError>([&] { return client.back_up_store("/mnt/b"); }) ==
        "the daemon went, or the connection to it, before it had answered; its log says how far it came, and "
        "what "
        "it has left unfinished it removes at its next start");
  restart.join();
  CHECK(client.cancel("name"));  // the client itself goes on
  CHECK(daemon.received<message::StoreCommand>().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "what the daemon has not seen yet is sent when it is there") {
  ClientOptions of_later = options();
  of_later.endpoint = "ipc://" + (directory / "later.sock").string();
  Client client(of_later);
  auto report = std::async(std::launch::async, [&] { return client.check_store(); });
  FakeDaemon later(of_later.endpoint, [](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (!std::holds_alternative<message::StoreCommand>(m.request.body)) return FakeDaemon::serve(d, m);
    d.answer(m, message::StoreDone{});
  });
  CHECK(report.get() == StoreReport());
}

TEST_CASE_FIXTURE(Fixture, "who does not wait for the end is told that the daemon has not answered") {
  daemon.become(be_busy);
  Client client(options());
  CHECK(message_of<TimeoutError>([&] { return client.compact_store(20ms); }) ==
        "compacting the store: the daemon has not answered within 20 ms");
}

TEST_CASE_FIXTURE(Fixture, "an answer of another kind is told") {
  daemon.become([](FakeDaemon& d, const FakeDaemon::Message& m) {
    if (!std::holds_alternative<message::StoreCommand>(m.request.body)) return FakeDaemon::serve(d, m);
    d.answer(m, message::Jobs{});
  });
  Client client(options());
  CHECK(message_of<Error>([&] { return client.check_store(); }) ==
        "checking the store: the daemon gave an answer that does not fit the question; is it of another "
        "version?");
}

}  // namespace
}  // namespace promised
