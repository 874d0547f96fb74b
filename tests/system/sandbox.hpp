// SPDX-License-Identifier: Apache-2.0
// What the tests of sandboxes have in common: workers in one, and what is outside.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>

#include "common/fd.hpp"
#include "tests/system/stories.hpp"

namespace promised::test {

using Numbers = std::map<std::string, std::int64_t>;

inline DaemonConfig sandboxed(const std::string& level) {
  DaemonConfig config;
  return config.pool("confined", worker_binary("confined"), {{"sandbox", level}});
}

inline std::int64_t number(Client& client, const std::string& function, const std::string& argument) {
  return client.submit<std::int64_t>(function, argument).result(kPatience);
}

/// A file in /tmp, and one where programs are: gone with this object, should it have been made.
struct Targets {
  const std::filesystem::path in_tmp = "/tmp/promised-test-" + std::to_string(::getpid());
  const std::filesystem::path elsewhere = worker_binary("sandbox-test-" + std::to_string(::getpid()));
  ~Targets() {
    std::error_code none;
    std::filesystem::remove(in_tmp, none);
    std::filesystem::remove(elsewhere, none);
  }
};

/// Mounts that are this thread's own as long as this lives, and those of what it starts; as on most machines,
/// they are told to the namespaces that are made of it. Takes root.
class OwnMounts {
 public:
  OwnMounts() : outside_(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC)) {
    REQUIRE(::unshare(CLONE_NEWNS) == 0);
    REQUIRE(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    REQUIRE(::mount("none", "/", nullptr, MS_REC | MS_SHARED, nullptr) == 0);
  }
  OwnMounts(const OwnMounts&) = delete;
  OwnMounts& operator=(const OwnMounts&) = delete;
  ~OwnMounts() {
    CHECK(::unshare(CLONE_FS) == 0);  // ThreadSanitizer has started a thread that shares them
    CHECK(::setns(outside_.get(), CLONE_NEWNS) == 0);
  }

  void mount(const char* kind, const std::string& path) {
    REQUIRE(::mount("promised-test", path.c_str(), kind, 0, nullptr) == 0);
  }

 private:
  Fd outside_;
};

}  // namespace promised::test
