// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/small_disk.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <vector>

#include "common/fd.hpp"

namespace promised::test {
namespace {

constexpr const char* kOptions = "size=48m,mode=0700";

bool mount_at(const std::filesystem::path& path) {
  std::filesystem::create_directories(path);
  if (::mount("promised-test", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, kOptions) == 0) return true;
  if (errno != EPERM && errno != EACCES && errno != ENODEV)
    throw std::system_error(errno, std::generic_category(), "mount " + path.string());
  return false;
}

}  // namespace

SmallDisk::SmallDisk(TestDaemon& daemon)
    : daemon_(daemon), mounted_(mount_at(daemon.state_dir())), faults_(daemon) {
  MESSAGE("the disk is " << std::string(mounted_ ? "a tmpfs" : "the fault library's"));
}

SmallDisk::~SmallDisk() {
  free();
  if (daemon_.running()) CHECK(daemon_.stop() == Exit{});
  if (mounted_) CHECK(::umount2(daemon_.state_dir().c_str(), 0) == 0);
}

std::map<std::string, std::optional<std::string>> SmallDisk::environment() {
  return mounted_ ? std::map<std::string, std::optional<std::string>>() : faults_.environment({});
}

void SmallDisk::fill() {
  if (!mounted_) return faults_.set_disk(Disk::full);
  const Fd file(::open(filler().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file.valid()) throw std::system_error(errno, std::generic_category(), filler().string());
  const std::vector<char> page(4096, 'f');
  while (::write(file.get(), page.data(), page.size()) > 0) {
  }
  if (errno != ENOSPC) throw std::system_error(errno, std::generic_category(), filler().string());
}

void SmallDisk::free() {
  if (!mounted_) return faults_.set_disk(Disk::by_plan);
  std::filesystem::remove(filler());
}

}  // namespace promised::test
