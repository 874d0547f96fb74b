// SPDX-License-Identifier: Apache-2.0
// Loaded into the daemon before libc (LD_PRELOAD): counts the bytes that are allocated and not freed,
// exactly, where the resident size of a process would hide a leak of megabytes behind what the allocator
// keeps. The number is in a page that heap_gauge.cpp finds from outside; what the daemon forks has a copy of
// it, and counts on for itself. Not for a build with a sanitizer, which has an allocator of its own.
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>

#include "tests/crash/heap_gauge.hpp"

// The allocator itself, behind the names that stand below.
extern "C" {
void* __libc_malloc(std::size_t size);                           // NOLINT(bugprone-reserved-identifier)
void* __libc_calloc(std::size_t count, std::size_t size);        // NOLINT(bugprone-reserved-identifier)
void* __libc_realloc(void* old, std::size_t size);               // NOLINT(bugprone-reserved-identifier)
void* __libc_memalign(std::size_t alignment, std::size_t size);  // NOLINT(bugprone-reserved-identifier)
void __libc_free(void* memory);                                  // NOLINT(bugprone-reserved-identifier)
}

namespace {

using Count = std::atomic<std::uint64_t>;

constinit Count at_first{0};  // until there is the page
constinit Count* live = &at_first;

// Before any other thread.
__attribute__((constructor)) void make_page() {
  const int file = ::memfd_create(promised::test::kHeapPage, MFD_CLOEXEC);
  if (file < 0 || ::ftruncate(file, sizeof(Count)) != 0) return;
  void* page = ::mmap(nullptr, sizeof(Count), PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  ::close(file);
  if (page != MAP_FAILED) live = new (page) Count(at_first.load());
}

void* counted(void* memory) {
  live->fetch_add(::malloc_usable_size(memory), std::memory_order_relaxed);
  return memory;
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) noexcept {
  return counted(__libc_malloc(size));
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  return counted(__libc_calloc(count, size));
}

void free(void* memory) noexcept {
  live->fetch_sub(::malloc_usable_size(memory), std::memory_order_relaxed);
  __libc_free(memory);
}

void* realloc(void* old, std::size_t size) noexcept {
  const std::size_t before = ::malloc_usable_size(old);
  void* memory = __libc_realloc(old, size);
  if (memory == nullptr && size != 0) return nullptr;  // the old one is still there
  live->fetch_sub(before, std::memory_order_relaxed);
  return counted(memory);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  return counted(__libc_memalign(alignment, size));
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  return counted(__libc_memalign(alignment, size));
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
  *memory = counted(__libc_memalign(alignment, size));
  return *memory == nullptr ? ENOMEM : 0;
}

}  // extern "C"
