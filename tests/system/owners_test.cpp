// SPDX-License-Identifier: Apache-2.0
// Who may do what: the kernel says who is asking. Run as root, because a second user is needed.
#include <doctest/doctest.h>
#include <unistd.h>

#include <sstream>

#include "tests/system/stories.hpp"

using namespace promised;
using namespace promised::test;

TEST_SUITE_BEGIN("owners" * doctest::skip(::geteuid() != 0));

TEST_CASE("another user who is granted nothing is refused by everything, as not permitted") {
  DaemonConfig config = story_config();
  config.set("daemon", "endpoint_mode", "0666");  // the socket is reachable: the gate refuses
  TestDaemon daemon(config);
  daemon.directory().open_to_everyone();
  const std::string said = in_other_process(
      [&] {
        Client client = connect(daemon);
        return thrown_by([&] { (void)client.submit<std::int64_t>("add", 1, 1).result(kPatience); }) + "\n" +
               thrown_by([&] { (void)client.status(kPatience); }) + "\n" +
               thrown_by([&] { (void)client.jobs({}, kPatience); }) + "\n";
      },
      kStranger);
  std::istringstream lines(said);
  int refused = 0;
  for (std::string line; std::getline(lines, line); ++refused) {
    CHECK(line.starts_with("RefusedError not_permitted: "));
    CHECK(line.ends_with(
        "user 65534 may not use this daemon; the administrator grants it in section [access]"));
  }
  CHECK(refused == 3);
}

TEST_CASE("R10 another user submits own jobs and sees nothing of others") {
  TestDaemon daemon(story_config().for_everyone());
  daemon.directory().open_to_everyone();
  std::string id;
  CHECK(in_other_process([&] {
          Client client = connect(daemon);
          const auto secret = client.submit<std::int64_t>(Options().remember("report", 60s), "add", 40, 2);
          return std::to_string(secret.result(kPatience));
        }) == "42");
  id = in_other_process([&] { return connect(daemon).show("report", kPatience).id.text(); });
  const JobId secret = JobId::parse(id).value();

  const std::string seen = in_other_process(
      [&] {
        Client client = connect(daemon);
        std::string out;
        const auto say = [&](const std::string& line) { out += line + "\n"; };
        say(std::to_string(client.jobs({}, kPatience).jobs.size()));
        say(thrown_by([&] { (void)client.future("report").value(kPatience); }));
        say(thrown_by([&] { (void)client.future(secret).value(kPatience); }));
        say(thrown_by([&] { client.cancel(secret); }));
        say(thrown_by([&] { client.forget(secret); }));
        say(thrown_by([&] { (void)client.show(secret); }));
        // The same name is another name.
        say(std::to_string(
            client.submit<std::int64_t>(Options().remember("report", 60s), "add", 3, 4).result(kPatience)));
        say(std::to_string(client.jobs({}, kPatience).jobs.size()));
        say(std::to_string(client.jobs({}, kPatience).jobs.front().owner));
        return out;
      },
      kStranger);
  const std::string none = "NoSuchFuture unknown: there is no job " + id + "\n";
  CHECK(seen == "0\nNoSuchFuture unknown: no future is remembered as \"report\"\n" + none + none + none +
                    none + "7\n1\n65534\n");
  CHECK(in_other_process([&] {
          return std::to_string(connect(daemon).future<std::int64_t>("report").result(kPatience));
        }) == "42");
}

TEST_CASE("R10 a shared name goes from its writer to its readers, and to nobody else") {
  constexpr uid_t kWriter = 65533, kReader = 65532;
  DaemonConfig config = story_config().for_everyone();
  config.add("access", "shared", "shared/reports/:write:65533");
  config.add("access", "shared", "shared/reports/:read:65532");
  TestDaemon daemon(config);
  daemon.directory().open_to_everyone();
  const std::string name = "shared/reports/march";
  const auto fetch = [&] {
    Client client = connect(daemon);
    std::string said;
    const std::string end =
        thrown_by([&] { said = std::to_string(client.future<std::int64_t>(name).result(kPatience)); });
    return end == "nothing" ? said : end;
  };
  CHECK(in_other_process(
            [&] {
              Client client = connect(daemon);
              return std::to_string(
                  client.submit<std::int64_t>(Options().remember(name, 60s), "add", 40, 2).result(kPatience));
            },
            kWriter) == "42");
  CHECK(in_other_process(fetch, kReader) == "42");
  CHECK(in_other_process(fetch) == "42");  // root
  CHECK(in_other_process(fetch, kStranger)
            .starts_with("RefusedError not_permitted: user 65534 may not read the shared name \"" + name +
                         "\""));
  const auto meddle = [&] {
    Client client = connect(daemon);
    std::string said;
    for (const auto& what : std::vector<std::function<void()>>{
             [&] { client.forget(name); }, [&] { client.cancel(name); },
             [&] { static_cast<void>(client.future<std::int64_t>(name).take(kPatience)); },
             [&] {
               client.submit(Options().remember(name, 60s, Duplicate::replace), "add", 1, 1)
                   .accepted(kPatience);
             }}) {
      said += thrown_by(what).substr(0, 27) + "\n";
    }
    return said + std::to_string(client.futures().size()) + client.futures().begin()->name();
  };
  const std::string no = "RefusedError not_permitted:\n";
  CHECK(in_other_process(meddle, kReader) == no + no + no + no + "1" + name);
  CHECK(in_other_process([&] { return std::to_string(connect(daemon).futures().size()); }, kStranger) == "0");
  CHECK(in_other_process(
            [&] {
              Client client = connect(daemon);
              return std::to_string(client.forget(name));
            },
            kWriter) == "1");
  CHECK(in_other_process(fetch, kReader).starts_with("NoSuchFuture forgotten: "));
}

TEST_CASE("M6 root sees and steers the jobs of all") {
  TestDaemon daemon(story_config(1).for_everyone());
  daemon.directory().open_to_everyone();
  const auto gate = daemon.directory() / "gate";
  const std::string id = in_other_process(
      [&] {
        Client client = connect(daemon);
        const auto future = client.submit("wait_for", gate.string());
        future.accepted(kPatience);
        return future.id().text();
      },
      kStranger);
  Client root = connect(daemon);
  const JobView view = root.show(JobId::parse(id).value());
  CHECK(view.owner == kStranger);
  CHECK(root.cancel(view.id));
  CHECK(eventually([&] { return root.show(view.id).state == State::cancelled; }));
  CHECK(root.show(view.id).reason.find("0") != std::string::npos);
}

TEST_CASE("a socket that is not opened to others cannot even be connected to by them") {
  TestDaemon daemon(story_config());
  daemon.directory().open_to_everyone();
  const std::string seen = in_other_process(
      [&] {
        ClientOptions options;
        options.endpoint = daemon.endpoint();
        options.connect_timeout = 300ms;
        Client client(options);
        return thrown_by([&] { (void)client.status(kPatience); });
      },
      kStranger);
  CHECK(seen.starts_with("DisconnectedError: "));
}

TEST_CASE("a pool's user is who its jobs run as") {
  TestDaemon daemon(DaemonConfig(), TestDaemon::NotStarted{});
  const TempDirectory& directory = daemon.directory();
  directory.open_to_everyone();
  // That user need not be able to go where this was built.
  std::filesystem::copy_file(STORY_WORKER, directory / "worker");
  std::filesystem::copy_file(STORY_WORKER_LIBRARY, directory / std::filesystem::path(STORY_WORKER_SONAME));
  DaemonConfig config;
  config.pool("story", (directory / "worker").string(),
              {{"user", "nobody"}, {"environment.LD_LIBRARY_PATH", directory.path().string()}});
  daemon.configure(config);
  daemon.start();
  Client client = connect(daemon);
  CHECK(client.submit<std::int64_t>("who").result(kPatience) == kStranger);
}

TEST_SUITE_END();
