// SPDX-License-Identifier: Apache-2.0
#include "daemon/pool/mapped_worker_page.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>
#include <utility>

namespace promised {

Result<MappedWorkerPage> MappedWorkerPage::make() {
  Fd file(::memfd_create("promised-page", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return Problem::system("worker page: memfd_create");
  if (::ftruncate(file.get(), sizeof(WorkerPage)) != 0) return Problem::system("worker page: ftruncate");
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return Problem::system("worker page: F_ADD_SEALS");
  }
  void* memory = ::mmap(nullptr, sizeof(WorkerPage), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return Problem::system("worker page: mmap");
  return MappedWorkerPage(std::move(file), new (memory) WorkerPage);
}

MappedWorkerPage::MappedWorkerPage(Fd file, WorkerPage* page) : file_(std::move(file)), page_(page) {}

MappedWorkerPage::MappedWorkerPage(MappedWorkerPage&& other) noexcept
    : file_(std::move(other.file_)), page_(std::exchange(other.page_, nullptr)) {}

MappedWorkerPage::~MappedWorkerPage() {
  if (page_ != nullptr) ::munmap(page_, sizeof(WorkerPage));
}

}  // namespace promised
