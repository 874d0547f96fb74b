// SPDX-License-Identifier: Apache-2.0
// DESIGN 6: which daemon a client talks to when nobody says.
#include <doctest/doctest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "client/endpoint_choice.hpp"
#include "tests/unit/client/fixture.hpp"

namespace promised {
namespace {

using namespace test;

/// Sets variables, and puts back what was there.
class Environment {
 public:
  void set(const std::string& name, const char* value) {
    const char* const before = std::getenv(name.c_str());
    before_.emplace(name, before == nullptr ? std::nullopt : std::optional<std::string>(before));
    value == nullptr ? unsetenv(name.c_str()) : setenv(name.c_str(), value, 1);
  }
  Environment() = default;
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    for (const auto& [name, value] : before_) {
      value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
    }
  }

 private:
  std::map<std::string, std::optional<std::string>> before_;
};

/// This machine may have a system's daemon.
std::string expected(const std::string& own) {
  return "ipc://" + detail::chosen_socket("/run/promised/promised.sock", own.substr(6));
}

TEST_CASE("the endpoint is what PROMISED_ENDPOINT says") {
  Environment environment;
  environment.set("PROMISED_ENDPOINT", "ipc:///somewhere/else.sock");
  CHECK(default_endpoint() == "ipc:///somewhere/else.sock");
  environment.set("PROMISED_ENDPOINT", "");
  environment.set("XDG_RUNTIME_DIR", "/x");
  CHECK(default_endpoint() == expected("ipc:///x/promised/promised.sock"));
}

TEST_CASE("without PROMISED_ENDPOINT and a system daemon the endpoint is the user's own") {
  Environment environment;
  environment.set("PROMISED_ENDPOINT", nullptr);
  environment.set("XDG_RUNTIME_DIR", "/run/somewhere");
  CHECK(default_endpoint() == expected("ipc:///run/somewhere/promised/promised.sock"));
  environment.set("XDG_RUNTIME_DIR", nullptr);
  const std::string uid = std::to_string(getuid());
  const bool has_directory = std::filesystem::is_directory("/run/user/" + uid);
  CHECK(default_endpoint() == expected(has_directory ? "ipc:///run/user/" + uid + "/promised/promised.sock"
                                                     : "ipc:///tmp/promised-" + uid + "/promised.sock"));
}

TEST_CASE("the system's daemon is the default from when its folder is there, over its restarts too") {
  const TempDirectory directory;
  const std::string system = directory / "system" / "promised.sock";
  const std::string own = directory / "own.sock";
  CHECK(detail::chosen_socket(system, own) == own);
  std::filesystem::create_directory(directory / "system");
  CHECK(detail::chosen_socket(system, own) == system);
  // A package's empty folder keeps nobody from the own daemon.
  write_file(own, "");
  CHECK(detail::chosen_socket(system, own) == own);
  write_file(system + ".lock", "");
  CHECK(detail::chosen_socket(system, own) == system);
  write_file(system, "");
  CHECK(detail::chosen_socket(system, own) == system);
}

TEST_CASE("the system's unit keeps the folder of its socket over a restart") {
  const std::string unit = read_file(PROMISED_UNIT);
  CHECK(contains(unit, "\nRuntimeDirectory=promised\n"));
  CHECK(contains(unit, "\nRuntimeDirectoryPreserve=restart\n"));
}

TEST_CASE_FIXTURE(Fixture, "a client without options finds its daemon by the environment") {
  Environment environment;
  environment.set("PROMISED_ENDPOINT", endpoint.c_str());
  Client client;
  CHECK(client.endpoint() == endpoint);
  CHECK(client.submit<int>("echo", 1).result(kPatience) == 1);
  CHECK(contains(std::get<message::Hello>(daemon.wait_for<message::Hello>().request.body).program,
                 "unit_client"));
}

std::string refusal(const std::string& endpoint) {
  ClientOptions options;
  options.endpoint = endpoint;
  return message_of<Error>([&] { return Client(options).endpoint(); });
}

TEST_CASE("an endpoint that is none is an error at once, with what was expected and what was found") {
  const std::string expectation =
      ": expected ipc:// and an absolute path, such as ipc:///run/promised/promised.sock, found ";
  for (const std::string endpoint :
       {"nonsense", "tcp://127.0.0.1:5555", "ipc://relative.sock", "ipc://", "ipc://@x"}) {
    CHECK(refusal(endpoint) == "the endpoint of the daemon" + expectation + "'" + endpoint + "'");
  }
  CHECK(contains(refusal("ipc:///" + std::string(107, 'x')),
                 "the path of a socket has at most 107 bytes, but '/xxx"));
  Environment environment;
  environment.set("PROMISED_ENDPOINT", "tcp://host:1");
  CHECK(refusal("") == "PROMISED_ENDPOINT" + expectation + "'tcp://host:1'");
}

}  // namespace
}  // namespace promised
