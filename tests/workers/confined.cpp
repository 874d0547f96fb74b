// SPDX-License-Identifier: Apache-2.0
// A worker that tries what limits and sandboxes keep it from, and says how far it came.
#include <arpa/inet.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <promised/worker.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <new>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Numbers = std::map<std::string, std::int64_t>;

constexpr long kOpenTreeAttr = SYS_pidfd_send_signal - 424 + 467;  // newer than libc's list

// What `call` sets errno to; 0: it succeeds.
std::int64_t error_of(const std::function<long()>& call) {
  errno = 0;
  return call() < 0 ? errno : 0;
}

// Left behind by two forks, in a session of its own and, if `closed`, without any variable in its
// environment.
std::int64_t desert(bool closed) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::_Exit(9);
  const pid_t child = ::fork();
  if (child == 0) {
    ::setsid();
    const pid_t grandchild = ::fork();
    if (grandchild == 0) {
      // All that holds the end of the pipe open is this: it is closed when the program has begun.
      const std::array<char*, 1> nothing{nullptr};
      const std::array<char*, 3> command{const_cast<char*>("sleep"), const_cast<char*>("600"), nullptr};
      ::execve("/bin/sleep", command.data(), closed ? nothing.data() : environ);
      std::_Exit(9);
    }
    std::_Exit(::write(ends[1], &grandchild, sizeof grandchild) < 0 ? 9 : 0);
  }
  ::close(ends[1]);
  pid_t grandchild = -1;
  if (::read(ends[0], &grandchild, sizeof grandchild) < 0) std::_Exit(9);
  char more = 0;
  while (::read(ends[0], &more, 1) > 0) {
  }
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return grandchild;
}

// Goes on; its note "left" tells the process.
void desert_and_stay(promised::Job& job, bool closed) {
  job.note("left", desert(closed));
  for (;;) ::pause();
}

void die() {
  ::raise(SIGKILL);
}

// Keeps the processor busy for so long; how long it was.
std::int64_t burn(std::int64_t milliseconds) {
  const auto used = [] {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
  };
  const std::int64_t begin = used();
  while (used() - begin < milliseconds) {
  }
  return used() - begin;
}

// After it has asked for more memory than there is, and coped.
std::int64_t cope_and_burn(std::int64_t milliseconds) {
  try {
    const std::vector<char> memory(std::size_t{1} << 50);
    return std::ssize(memory);
  } catch (const std::bad_alloc&) {
    return burn(milliseconds);
  }
}

// What the shell makes of it: its status.
std::int64_t shell(const std::string& line) {
  return std::system(line.c_str());
}

// So many mebibytes, all of them written to.
std::int64_t fill(std::int64_t mebibytes) {
  const std::vector<char> much(static_cast<std::size_t>(mebibytes) << 20, 'x');
  return std::ssize(much);
}

// How many children it can have at once, up to `most`; the errno that stopped it.
Numbers breed(std::int64_t most) {
  std::vector<pid_t> children;
  std::int64_t error = 0;
  while (error == 0 && std::ssize(children) < most) {
    const pid_t child = ::fork();
    if (child < 0) error = errno;
    if (child == 0) {
      for (;;) ::pause();
    }
    if (child > 0) children.push_back(child);
  }
  for (const pid_t child : children) ::kill(child, SIGKILL);
  for (const pid_t child : children) ::waitpid(child, nullptr, 0);
  return {{"children", std::ssize(children)}, {"error", error}};
}

// Of this process's session, where the kernel has such groups: "/autogroup-123 nice 7".
std::int64_t nice_of_session() {
  std::string name, word;
  std::int64_t nice = 0;
  std::ifstream("/proc/self/autogroup") >> name >> word >> nice;
  return nice;
}

Numbers limits() {
  rlimit core{}, cpu{};
  ::getrlimit(RLIMIT_CORE, &core);
  ::getrlimit(RLIMIT_CPU, &cpu);
  return {{"core", static_cast<std::int64_t>(core.rlim_cur)},
          {"core hard", static_cast<std::int64_t>(core.rlim_max)},
          {"nice", ::getpriority(PRIO_PROCESS, 0)},
          {"nice of the session", nice_of_session()},
          {"no_new_privs", ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)}};
}

// Makes a file of that name: 0 or errno.
std::int64_t create(const std::string& path) {
  return error_of([&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); });
}

std::int64_t files_in(const std::string& folder) {
  const std::filesystem::directory_iterator all(folder);
  return std::distance(begin(all), end(all));
}

std::int64_t connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::int64_t error =
      error_of([&] { return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address); });
  ::close(fd);
  return error;
}

// Whether it finds what others share between processes.
Numbers find_shared(std::int32_t key, const std::string& queue) {
  return {{"memory", error_of([&] { return ::shmget(key, 0, 0); })},
          {"semaphores", error_of([&] { return ::semget(key, 0, 0); })},
          {"System V queue", error_of([&] { return ::msgget(key, 0); })},
          {"POSIX queue", error_of([&] { return ::mq_open(queue.c_str(), O_RDONLY | O_CLOEXEC); })}};
}

// What comes of such a socket.
std::int64_t socket_of(std::int32_t family, std::int32_t type, std::int32_t protocol) {
  return error_of([&] {
    const int fd = ::socket(family, type | SOCK_CLOEXEC, protocol);
    if (fd >= 0) ::close(fd);
    return fd;
  });
}
std::int64_t socket_pair_of(std::int32_t family) {
  std::array<int, 2> ends{-1, -1};
  const std::int64_t error =
      error_of([&] { return ::socketpair(family, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()); });
  for (const int end : ends) ::close(end);
  return error;
}

// At a socket in the file system or, if its name begins with '@', at one that is in none.
std::int64_t connect_at(const std::string& name) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path, sizeof address.sun_path - 1);
  if (name.starts_with('@')) address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  const std::int64_t error =
      error_of([&] { return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), size); });
  ::close(fd);
  return error;
}

std::int64_t open_to_write(const std::string& path) {
  return error_of([&] {
    const int fd = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) ::close(fd);
    return fd;
  });
}

// What a program has no business with. Each is called so that it would fail otherwise too, but with another
// error than EPERM where nobody forbids it.
Numbers administer() {
  return {
      {"mount", error_of([] { return ::mount("", "/nowhere", "nothing", 0, nullptr); })},
      {"umount", error_of([] { return ::umount2("/nowhere", 0); })},
      {"open_tree_attr", error_of([] { return ::syscall(kOpenTreeAttr, -1, nullptr, ~0U, nullptr, 0); })},
      {"ptrace", error_of([] { return ::ptrace(PTRACE_PEEKDATA, 0x7fffffff, nullptr, nullptr); })},
      {"read memory", error_of([] { return ::syscall(SYS_process_vm_readv, 0x7fffffff, 0, 0, 0, 0, 0); })},
      {"unshare", error_of([] { return ::unshare(-1); })},
      {"setns", error_of([] { return ::setns(-1, 0); })},
      {"user namespace", error_of([] {
         return ::syscall(SYS_clone, CLONE_NEWUSER | CLONE_FS | SIGCHLD, nullptr, nullptr, nullptr, 0);
       })},
      {"bpf", error_of([] { return ::syscall(SYS_bpf, -1, nullptr, 0); })},
      {"keyctl", error_of([] { return ::syscall(SYS_keyctl, -1, 0, 0, 0, 0); })},
      {"perf", error_of([] { return ::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0); })},
      {"userfaultfd", error_of([] { return ::syscall(SYS_userfaultfd, -1); })},
      {"kexec", error_of([] { return ::syscall(SYS_kexec_load, 0, ~0UL, nullptr, 0); })},
      {"module", error_of([] { return ::syscall(SYS_delete_module, nullptr, 0); })}};
}

// What would open a sandbox from inside, called so that root could do it in a namespace of its own.
Numbers break_out() {
  mount_attr writable{};
  writable.attr_clr = MOUNT_ATTR_RDONLY;
  return {{"open_tree_attr",
           error_of([&] { return ::syscall(kOpenTreeAttr, AT_FDCWD, "/", 0, &writable, sizeof writable); })},
          {"mount_setattr", error_of([&] {
             return ::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &writable, sizeof writable);
           })},
          {"remount", error_of([] { return ::mount("none", "/", nullptr, MS_REMOUNT | MS_BIND, nullptr); })},
          {"mount", error_of([] { return ::mount("none", "/tmp", "tmpfs", 0, nullptr); })},
          {"mknod", error_of([] { return ::mknod("/tmp/null", S_IFCHR | 0600, makedev(1, 3)); })},
          {"chroot", error_of([] { return ::chroot("/"); })},
          {"unshare", error_of([] { return ::unshare(CLONE_NEWNS); })}};
}

// Its capabilities: the sets as /proc tells them, and the bits that say what root is worth.
Numbers capabilities() {
  Numbers found{{"securebits", ::prctl(PR_GET_SECUREBITS, 0, 0, 0, 0)}};
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("Cap")) found[line.substr(0, 6)] = std::stoll(line.substr(7), nullptr, 16);
  }
  return found;
}

// What any program does.
std::string live() {
  std::string text;
  std::thread([&] { text = "thread"; }).join();
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/true", "true", nullptr);
    std::_Exit(9);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return text + (status == 0 ? ", child" : ", no child");
}

std::int64_t open_file(const std::string& path) {
  return error_of([&] {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) ::close(fd);
    return fd;
  });
}

// Groups within the worker's, with a process in the innermost; an errno, 0: they are there.
int nest_cgroup() {
  const auto last_with = [](const char* file, const std::string& part) {
    std::ifstream in(file);
    std::string found;
    for (std::string line; std::getline(in, line);)
      if (line.find(part) != std::string::npos) found = line;
    return found;
  };
  const std::string own = last_with("/proc/self/cgroup", "0::").substr(3);
  std::istringstream mount(last_with("/proc/self/mountinfo", " - cgroup2 "));
  std::string at;
  for (int field = 0; field < 5; ++field) mount >> at;
  const std::filesystem::path inner = at + own + "/a/b";
  std::error_code error;
  std::filesystem::create_directories(inner, error);
  if (error) return error.value();
  const pid_t child = ::fork();
  if (child == 0)
    for (;;) ::pause();
  std::ofstream procs(inner / "cgroup.procs");
  procs << child << std::flush;
  return procs ? 0 : EIO;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2 && std::string_view(argv[1]) == "--set-up") burn(std::stoi(argv[2]));
  promised::Worker worker(argc, argv);
  worker.define("desert_and_stay", desert_and_stay)
      .define("die", die)
      .define("burn", burn)
      .define("cope_and_burn", cope_and_burn)
      .define("breed", breed)
      .define("shell", shell)
      .define("fill", fill)
      .define("limits", limits)
      .define("create", create)
      .define("files_in", files_in)
      .define("connect_to", connect_to)
      .define("find_shared", find_shared)
      .define("socket_of", socket_of)
      .define("socket_pair_of", socket_pair_of)
      .define("connect_at", connect_at)
      .define("open_to_write", open_to_write)
      .define("administer", administer)
      .define("break_out", break_out)
      .define("capabilities", capabilities)
      .define("open", open_file)
      .define("nest_cgroup", nest_cgroup)
      .define("worker_pid", [] { return std::int64_t{::getpid()}; })
      .define("worker_group", [] { return std::int64_t{::getpgrp()}; })
      .define("live", live);
  return worker.run();
}
