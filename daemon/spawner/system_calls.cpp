// SPDX-License-Identifier: Apache-2.0
// The one place that knows libseccomp.
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <initializer_list>
#include <memory>

#include "daemon/spawner/sandbox.hpp"

namespace promised {
namespace {

// From 424 on a call has the same number everywhere, counted from where an architecture's numbers begin.
constexpr int kFirstNumber = SYS_pidfd_send_signal - 424;
// Newer than libseccomp knows: open_tree with the attributes of mount_setattr, of Linux 6.15.
constexpr int kOpenTreeAttr = kFirstNumber + 467;
// The newest that the list below has been held against: file_setattr, of Linux 6.17.
constexpr int kNewest = kFirstNumber + 469;
// Far behind all others 32-bit ARM has some of its own.
constexpr int kOnlyArm = 0x0f0000;

// What administers the machine, looks into other processes, or opens parts of the kernel that programs do not
// need and attackers like. An ordinary program meets none of them.
constexpr std::array kRefused{
    // namespaces and file systems
    SCMP_SYS(mount), SCMP_SYS(umount), SCMP_SYS(umount2), SCMP_SYS(mount_setattr), SCMP_SYS(move_mount),
    SCMP_SYS(open_tree), kOpenTreeAttr, SCMP_SYS(fsopen), SCMP_SYS(fsconfig), SCMP_SYS(fsmount),
    SCMP_SYS(fspick), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(unshare), SCMP_SYS(setns),
    SCMP_SYS(quotactl), SCMP_SYS(quotactl_fd), SCMP_SYS(open_by_handle_at), SCMP_SYS(name_to_handle_at),
    // other processes
    SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(process_madvise),
    SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp),
    // the kernel itself
    SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(init_module), SCMP_SYS(finit_module),
    SCMP_SYS(delete_module), SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(add_key),
    SCMP_SYS(request_key), SCMP_SYS(keyctl), SCMP_SYS(syslog), SCMP_SYS(lookup_dcookie),
    // the machine
    SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(acct), SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime),
    SCMP_SYS(adjtimex), SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(vhangup), SCMP_SYS(fanotify_init)};

struct Release {
  void operator()(void* filter) const { ::seccomp_release(filter); }
};

Problem failed(int result) {
  return Problem::system("sandbox = strict: refuse system calls", -result);
}

Result<void> refuse(void* filter, int error, int call, std::initializer_list<scmp_arg_cmp> where = {}) {
  const int result = ::seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(static_cast<unsigned>(error)), call,
                                              static_cast<unsigned>(where.size()), where.begin());
  if (result != 0) return failed(result);
  return {};
}

// Programs that have no network take sockets for one another, ask for the machine's addresses, and try it
// with the network all the same. Whatever else there is leads past the network namespace (AF_VSOCK), or to
// parts of the kernel that hardly anybody uses.
Result<void> refuse_sockets(void* filter) {
  constexpr std::array kAllowed{AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};  // in order
  for (const int call : {SCMP_SYS(socket), SCMP_SYS(socketpair)}) {
    // A filter compares an argument once in a rule: so one for each that is below the last.
    for (int family = 0; family < kAllowed.back(); ++family) {
      if (std::binary_search(kAllowed.begin(), kAllowed.end(), family)) continue;
      PROMISED_TRY(
          refuse(filter, EAFNOSUPPORT, call, {SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family))}));
    }
    PROMISED_TRY(refuse(filter, EAFNOSUPPORT, call, {SCMP_A0(SCMP_CMP_GT, kAllowed.back())}));
    PROMISED_TRY(refuse(filter, EPROTONOSUPPORT, call,
                        {SCMP_A0(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2(SCMP_CMP_NE, NETLINK_ROUTE)}));
  }
  return {};
}

}  // namespace

Result<void> refuse_system_calls(Sandbox level) {
  if (level != Sandbox::strict) return {};
  const std::unique_ptr<void, Release> filter(::seccomp_init(SCMP_ACT_ALLOW));
  if (!filter) return Problem::of("system", "sandbox = strict: refuse system calls: no memory");
  for (const int call : kRefused) PROMISED_TRY(refuse(filter.get(), EPERM, call));
  PROMISED_TRY(refuse_sockets(filter.get()));
  // A user namespace would give the calls above a meaning again. clone3 has its flags in memory, where a
  // filter cannot look; told that it is not there, libc takes clone.
  PROMISED_TRY(refuse(filter.get(), EPERM, SCMP_SYS(clone),
                      {SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER)}));
  PROMISED_TRY(refuse(filter.get(), ENOSYS, SCMP_SYS(clone3)));
  if (const int result = ::seccomp_load(filter.get()); result != 0) return failed(result);
  return refuse_newer_system_calls(kNewest);
}

// By hand, because libseccomp compares no numbers of calls. Calls of another architecture are not this one's
// business: the filter above kills who makes one.
Result<void> refuse_newer_system_calls(int newest) {
  std::array<sock_filter, 5> lines{{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kOnlyArm, 1, 0),
                                    BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, static_cast<unsigned>(newest), 1, 0),
                                    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
                                    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS)}};
  const sock_fprog filter{static_cast<unsigned short>(lines.size()), lines.data()};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0)
    return Problem::system("sandbox = strict: refuse newer system calls");
  return {};
}

}  // namespace promised
