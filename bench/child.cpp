// SPDX-License-Identifier: Apache-2.0
#include "bench/child.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "common/argument_vector.hpp"
#include "common/fd.hpp"

namespace promised::bench {
namespace {

constexpr std::chrono::seconds kPatience{10};

std::runtime_error system_error(const std::string& what) {
  return std::runtime_error(what + ": " + std::strerror(errno));
}

std::string end_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  constexpr std::size_t kMost = 2000;
  return text.size() <= kMost ? text : text.substr(text.size() - kMost);
}

// Between fork and exec: only what may be done there in a program that has threads.
[[noreturn]] void run_child(char* const* arguments, const char* log, int keep, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  const int out = ::open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (out < 0 || in < 0 || ::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(out, 2) < 0) ::_exit(127);
  if (keep >= 0) ::fcntl(keep, F_SETFD, 0);
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

Child::Child(std::vector<std::string> command, const std::filesystem::path& log, int keep)
    : name_(command.at(0)), log_(log) {
  command[0] = find_program(command[0]);
  if (command[0].empty()) throw std::runtime_error("no program " + name_ + " is installed");
  const std::vector<char*> arguments = argument_vector(command);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw system_error("cannot start " + name_);
  if (pid_ == 0) run_child(arguments.data(), log_.c_str(), keep, parent);
}

bool Child::reap(bool wait) {
  if (pid_ < 0) return true;
  const auto deadline = Clock::now() + kPatience;
  while (true) {
    if (::waitpid(pid_, nullptr, WNOHANG) != 0) break;
    if (!wait || Clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  pid_ = -1;
  return true;
}

Child::~Child() {
  if (reap(false)) return;
  ::kill(pid_, SIGTERM);
  if (reap(true)) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Child::kill() {
  if (reap(false)) return;
  ::kill(pid_, SIGKILL);
  if (!reap(true)) throw std::runtime_error(name_ + " cannot be killed");
}

void Child::expect_alive() {
  if (reap(false)) throw std::runtime_error(name_ + " has ended: " + end_of(log_));
}

Folder::Folder(const std::filesystem::path& parent) {
  std::string name = (parent / "promised-bench-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw system_error("cannot make a folder below " + parent.string());
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;  // what is left lies in a temporary folder
  std::filesystem::remove_all(path_, ignored);
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? name : "";
  const char* path = std::getenv("PATH");
  std::istringstream folders(std::string(path != nullptr ? path : "/usr/bin") + ":/usr/sbin:/usr/local/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = folder + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

std::uint16_t free_port() {
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  if (!fd.valid() || ::bind(fd.get(), plain, size) != 0 || ::getsockname(fd.get(), plain, &size) != 0) {
    throw system_error("cannot find a free port");
  }
  return ntohs(address.sin_port);
}

int connect_to(std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  if (!fd.valid() || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return -1;
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd.release();
}

void wait_for_port(Child& child, std::uint16_t port) {
  wait_until(child, "listening on port " + std::to_string(port),
             [port] { return Fd(connect_to(port)).valid(); });
}

void wait_until(Child& child, const std::string& what, const std::function<bool()>& ready) {
  const auto deadline = Clock::now() + kPatience;
  while (!ready()) {
    child.expect_alive();
    if (Clock::now() > deadline) throw std::runtime_error("waited 10 s in vain for: " + what);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace promised::bench
