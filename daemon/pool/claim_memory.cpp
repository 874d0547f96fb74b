// SPDX-License-Identifier: Apache-2.0
#include "daemon/pool/claim_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>
#include <utility>

namespace promised {

Result<ClaimMemory> ClaimMemory::make() {
  Fd file(::memfd_create("promised-claims", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return Problem::system("claim page: memfd_create");
  if (::ftruncate(file.get(), sizeof(ClaimPage)) != 0) return Problem::system("claim page: ftruncate");
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return Problem::system("claim page: F_ADD_SEALS");
  }
  void* memory = ::mmap(nullptr, sizeof(ClaimPage), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return Problem::system("claim page: mmap");
  return ClaimMemory(std::move(file), new (memory) ClaimPage);
}

ClaimMemory::ClaimMemory(Fd file, ClaimPage* page) : file_(std::move(file)), page_(page) {}

ClaimMemory::ClaimMemory(ClaimMemory&& other) noexcept
    : file_(std::move(other.file_)), page_(std::exchange(other.page_, nullptr)) {}

ClaimMemory::~ClaimMemory() {
  if (page_ != nullptr) ::munmap(page_, sizeof(ClaimPage));
}

}  // namespace promised
