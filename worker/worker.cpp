// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#include <promised/worker.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "common/function_name.hpp"
#include "common/printable.hpp"
#include "common/worker_page.hpp"
#include "worker/channel.hpp"
#include "worker/crash_handler.hpp"
#include "worker/runner.hpp"

namespace promised {
namespace {

// Whether fds 3 and 4 are what the daemon starts a worker with: a stream socket and the worker page.
bool has_channel() {
  int domain = 0, type = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(detail::kChannelFd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_UNIX)
    return false;
  if (::getsockopt(detail::kChannelFd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM)
    return false;
  struct stat page {};
  return ::fstat(detail::kPageFd, &page) == 0 && S_ISREG(page.st_mode) &&
         page.st_size >= static_cast<off_t>(sizeof(WorkerPage));
}

// The programs that a job starts must not hold the channel: its end is how the daemon learns of this
// process's.
void close_on_exec() {
  for (const int fd : {detail::kChannelFd, detail::kPageFd}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void refuse_bad_name(const std::string& name, const std::vector<detail::Function>& functions) {
  const auto refuse = [&](const std::string& why) {
    throw std::invalid_argument("promised: the function name \"" + printable(name) + "\" " + why);
  };
  const NameFault fault = fault_of_function_name(name);
  if (fault == NameFault::size) {
    refuse("has " + std::to_string(name.size()) + " bytes; expected 1 to " +
           std::to_string(kMostFunctionName));
  }
  if (fault == NameFault::unprintable) {
    refuse(
        "cannot be shown as it is; expected printable UTF-8, without control characters and marks of the "
        "writing direction");
  }
  const auto same = [&](const detail::Function& f) { return f.name == name; };
  if (std::any_of(functions.begin(), functions.end(), same)) refuse("is defined already");
}

}  // namespace

struct Worker::Impl {
  std::string program;
  bool list_functions = false;
  bool started_by_daemon = false;
  std::vector<detail::Function> functions;

  [[nodiscard]] int list() const;
  [[nodiscard]] int explain() const;
  [[nodiscard]] int serve();
};

int Worker::Impl::list() const {
  for (const detail::Function& f : functions) std::printf("%s%s\n", f.name.c_str(), f.signature.c_str());
  return std::fflush(stdout) == 0 ? 0 : 1;
}

int Worker::Impl::explain() const {
  std::fprintf(
      stderr,
      "%s: this is a worker program of promised; the daemon starts it, and nobody has given it a channel.\n"
      "Name it in the daemon's configuration, in a [pool.NAME] section: program = /path/to/%s\n"
      "With --functions it lists what it can run.\n",
      program.c_str(), program.c_str());
  return 2;
}

int Worker::Impl::serve() {
  void* memory = ::mmap(nullptr, sizeof(WorkerPage), PROT_READ | PROT_WRITE, MAP_SHARED, detail::kPageFd, 0);
  if (memory == MAP_FAILED) {
    std::fprintf(stderr, "%s: the page shared with the daemon (fd 4) cannot be mapped: %s\n", program.c_str(),
                 std::strerror(errno));
    return 1;
  }
  ::close(detail::kPageFd);
  auto& page = *static_cast<WorkerPage*>(memory);
  detail::install_crash_handler(page.crash);
  detail::Runner runner(functions, page);
  return runner.serve();
}

Worker::Worker(int argc, char** argv) : impl_(std::make_unique<Impl>()) {
  const std::string_view path = argc > 0 ? argv[0] : "worker";
  impl_->program = path.substr(path.rfind('/') + 1);
  const auto is_functions = [](const char* argument) { return std::strcmp(argument, "--functions") == 0; };
  impl_->list_functions = argc > 1 && std::any_of(argv + 1, argv + argc, is_functions);
  impl_->started_by_daemon = has_channel();
  if (impl_->started_by_daemon) close_on_exec();
}

Worker::~Worker() = default;

void Worker::add(std::string name, std::string signature, detail::Invoke invoke) {
  refuse_bad_name(name, impl_->functions);
  impl_->functions.push_back({std::move(name), std::move(signature), std::move(invoke)});
}

int Worker::run() {
  if (impl_->list_functions) return impl_->list();
  if (impl_->functions.empty()) {
    std::fprintf(stderr, "%s: no function is defined: call define() before run()\n", impl_->program.c_str());
    return 2;
  }
  if (!impl_->started_by_daemon) return impl_->explain();
  return impl_->serve();
}

}  // namespace promised
