// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/config/fixture.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace promised {

Scene::Scene() {
  std::string name = (std::filesystem::temp_directory_path() / "promised-config-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  folder_ = name;
  environment.uid = 1000;
  environment.home = path("home");
  environment.working_directory = folder_;
  environment.system_config = path("etc/promised.conf");
  environment.runtime_root = path("run-user");
  environment.temporary = path("tmp");
  environment.find_user = [](const std::string& user) -> std::optional<uid_t> {
    if (user == "alice") return 1000;
    if (user == "bob") return 1001;
    return std::nullopt;
  };
  environment.find_group = [](const std::string& group) -> std::optional<gid_t> {
    return group == "staff" ? std::optional<gid_t>(50) : std::nullopt;
  };
}

Scene::~Scene() {
  std::filesystem::remove_all(folder_);
}

std::string Scene::write(const std::string& name, const std::string& text) const {
  const std::string file = path(name);
  std::filesystem::create_directories(std::filesystem::path(file).parent_path());
  std::ofstream(file) << text;
  return file;
}

Result<Invocation> Scene::run(const std::vector<std::string>& arguments) const {
  std::vector<const char*> argv{"promised"};
  for (const auto& argument : arguments) argv.push_back(argument.c_str());
  return read_invocation(static_cast<int>(argv.size()), argv.data(), environment);
}

Settings Scene::settings(const std::string& text) const {
  auto invocation = run({"--config", write("conf/promised.conf", text)});
  if (!invocation) FAIL(invocation.problem().message);
  return invocation->settings;
}

std::string Scene::problem(const std::string& text) const {
  const std::string file = write("conf/promised.conf", text);
  const auto invocation = run({"--config", file});
  REQUIRE_FALSE(invocation.ok());
  CHECK(invocation.problem().code == "config");
  std::string message = invocation.problem().message;
  for (auto at = message.find(file); at != std::string::npos; at = message.find(file)) {
    message.replace(at, file.size(), "FILE");
  }
  return message;
}

}  // namespace promised
