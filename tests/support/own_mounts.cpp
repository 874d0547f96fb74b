// SPDX-License-Identifier: Apache-2.0
#include "tests/support/own_mounts.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

namespace promised::test {

OwnMounts::OwnMounts() : outside_(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC)) {
  REQUIRE(::unshare(CLONE_NEWNS) == 0);
  REQUIRE(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  REQUIRE(::mount("none", "/", nullptr, MS_REC | MS_SHARED, nullptr) == 0);
}

OwnMounts::~OwnMounts() {
  CHECK(::unshare(CLONE_FS) == 0);  // ThreadSanitizer has started a thread that shares them
  CHECK(::setns(outside_.get(), CLONE_NEWNS) == 0);
}

void OwnMounts::mount(const std::string& kind, const std::string& path) {
  REQUIRE(::mount("promised-test", path.c_str(), kind.c_str(), 0, nullptr) == 0);
}

}  // namespace promised::test
