// SPDX-License-Identifier: Apache-2.0
// A system call that the kernel refuses from now on.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>

/// `refusal` (SECCOMP_RET_KILL_PROCESS, or SECCOMP_RET_ERRNO with an error) is what comes of this thread's
/// calls with that number, and of those of all that it starts; with `first`, of those with that first
/// argument.
inline void refuse_call(long number, std::uint32_t refusal, std::optional<std::uint32_t> first = {}) {
  const auto word = [](std::size_t at) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(at));
  };
  const auto unless = [](std::uint32_t value, std::uint8_t skipped) {
    return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skipped);
  };
  std::array program{word(offsetof(seccomp_data, nr)),
                     unless(static_cast<std::uint32_t>(number), 3),
                     word(offsetof(seccomp_data, args)),
                     unless(first.value_or(0), static_cast<std::uint8_t>(first ? 1 : 0)),
                     sock_filter BPF_STMT(BPF_RET | BPF_K, refusal),
                     sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog filter{program.size(), program.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    std::_Exit(9);
}
