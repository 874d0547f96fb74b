// SPDX-License-Identifier: Apache-2.0
// The configuration file, from its text to settings or to a problem that says where.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "common/fd.hpp"
#include "daemon/config.hpp"
#include "fuzz/require.hpp"

namespace {

// Nothing of the machine that runs the fuzzer.
promised::Environment somewhere() {
  promised::Environment environment;
  environment.uid = 1000;
  environment.home = "/home/user";
  environment.working_directory = "/";
  environment.find_user = [](const std::string& name) {
    return name == "user" ? std::optional<uid_t>(1000) : std::nullopt;
  };
  environment.find_group = [](const std::string& name) {
    return name == "group" ? std::optional<gid_t>(1000) : std::nullopt;
  };
  return environment;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using promised::fuzz::require;
  const promised::Fd file(::memfd_create("configuration", MFD_CLOEXEC));
  require(file.valid() && ::write(file.get(), data, size) == static_cast<ssize_t>(size),
          "the input can be kept");
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  const char* const arguments[] = {"promised", "--check", "--config", path.c_str()};
  const auto invocation = promised::read_invocation(4, arguments, somewhere());
  if (!invocation.ok()) {
    require(invocation.problem().message.find(path) != std::string::npos, "a problem names the file");
  }
  return 0;
}
