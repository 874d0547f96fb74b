// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fault_vfs.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/fd.hpp"

namespace promised::test {
namespace {

/// A write, or a truncation (no bytes), since the last sync, and what it has covered.
struct Unsynced {
  off_t offset = 0;
  std::string bytes;
  std::string before;
  off_t size_before = 0;
};

struct Plan {
  FaultVfs::File file;
  FaultVfs::Call call;
  std::uint64_t n;
  FaultVfs::Fault fault;
  std::string where;
};

void require(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string("FaultVfs: cannot ") + what);
}

}  // namespace

struct FaultVfs::State : sqlite3_vfs {
  sqlite3_vfs* real = nullptr;
  mutable std::mutex mutex;
  std::optional<Plan> plan;
  bool failed = false;
  bool powerless = false;
  std::array<std::array<std::uint64_t, 3>, 2> counts{};
  std::function<void()> log_sync_hook;
  std::map<std::string, std::vector<Unsynced>> unsynced;

  /// The fault that this call is to have, if any.
  std::optional<Fault> judge(File file, Call call, const std::string& path) {
    const std::lock_guard lock(mutex);
    if (powerless) return Fault::io;
    if (plan && path.find(plan->where) == std::string::npos) return std::nullopt;
    if (plan && !failed && plan->file == file && plan->call == call && --plan->n == 0) failed = true;
    if (plan && failed) return plan->fault;
    return std::nullopt;
  }
  void counted(File file, Call call) {
    const std::lock_guard lock(mutex);
    ++counts[static_cast<std::size_t>(file)][static_cast<std::size_t>(call)];
  }
};

namespace {

/// What SQLite holds as a file; the real one lies behind it in the same memory.
struct FaultFile : sqlite3_file {
  FaultVfs::State* state;
  FaultVfs::File kind;
  bool watched;  ///< a database or its log
  std::string* path;
  sqlite3_file* real;
};

FaultFile* self(sqlite3_file* file) {
  return static_cast<FaultFile*>(file);
}

std::string read_range(const std::string& path, off_t offset, std::size_t size) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  require(file.valid(), "open a file to see what is overwritten");
  std::string bytes(size, '\0');
  const ssize_t got = ::pread(file.get(), bytes.data(), size, offset);
  require(got >= 0, "read what is overwritten");
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

off_t size_of(const std::string& path) {
  struct stat found {};
  require(::stat(path.c_str(), &found) == 0, "look at a file");
  return found.st_size;
}

void note(FaultFile* file, off_t offset, std::string_view bytes, std::size_t covered) {
  Unsynced entry{offset, std::string(bytes), read_range(*file->path, offset, covered), size_of(*file->path)};
  const std::lock_guard lock(file->state->mutex);
  file->state->unsynced[*file->path].push_back(std::move(entry));
}

int code_of(FaultVfs::Fault fault, int io_error) {
  if (fault == FaultVfs::Fault::full) return SQLITE_FULL;
  errno = fault == FaultVfs::Fault::quota ? EDQUOT : EIO;
  return io_error;
}

int close_file(sqlite3_file* file) {
  FaultFile* f = self(file);
  const int code = f->real->pMethods == nullptr ? SQLITE_OK : f->real->pMethods->xClose(f->real);
  delete f->path;
  return code;
}

int read_file(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
  return self(file)->real->pMethods->xRead(self(file)->real, to, size, offset);
}

int write_file(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  FaultFile* f = self(file);
  const auto real_write = [&](int n) { return f->real->pMethods->xWrite(f->real, from, n, offset); };
  if (!f->watched) return real_write(size);
  if (const auto fault = f->state->judge(f->kind, FaultVfs::Call::write, *f->path)) {
    if (*fault == FaultVfs::Fault::part_only) static_cast<void>(real_write(size / 2));
    return code_of(*fault, SQLITE_IOERR_WRITE);
  }
  const auto n = static_cast<std::size_t>(size);
  note(f, offset, {static_cast<const char*>(from), n}, n);
  const int code = real_write(size);
  if (code == SQLITE_OK) f->state->counted(f->kind, FaultVfs::Call::write);
  return code;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  FaultFile* f = self(file);
  if (!f->watched) return f->real->pMethods->xTruncate(f->real, size);
  if (const auto fault = f->state->judge(f->kind, FaultVfs::Call::truncate, *f->path)) {
    return code_of(*fault, SQLITE_IOERR_TRUNCATE);
  }
  const off_t now = size_of(*f->path);
  note(f, size, {}, now > size ? static_cast<std::size_t>(now - size) : 0);
  const int code = f->real->pMethods->xTruncate(f->real, size);
  if (code == SQLITE_OK) f->state->counted(f->kind, FaultVfs::Call::truncate);
  return code;
}

int sync_file(sqlite3_file* file, int flags) {
  FaultFile* f = self(file);
  if (!f->watched) return f->real->pMethods->xSync(f->real, flags);
  std::function<void()> hook;
  if (f->kind == FaultVfs::File::log) {
    const std::lock_guard lock(f->state->mutex);
    hook = f->state->log_sync_hook;
  }
  if (hook) hook();
  if (const auto fault = f->state->judge(f->kind, FaultVfs::Call::sync, *f->path))
    return code_of(*fault, SQLITE_IOERR_FSYNC);
  const int code = f->real->pMethods->xSync(f->real, flags);
  if (code == SQLITE_OK) {
    f->state->counted(f->kind, FaultVfs::Call::sync);
    const std::lock_guard lock(f->state->mutex);
    f->state->unsynced.erase(*f->path);
  }
  return code;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return self(file)->real->pMethods->xFileSize(self(file)->real, size);
}
int lock_file(sqlite3_file* file, int level) {
  return self(file)->real->pMethods->xLock(self(file)->real, level);
}
int unlock_file(sqlite3_file* file, int level) {
  return self(file)->real->pMethods->xUnlock(self(file)->real, level);
}
int check_lock(sqlite3_file* file, int* held) {
  return self(file)->real->pMethods->xCheckReservedLock(self(file)->real, held);
}
int control_file(sqlite3_file* file, int what, void* argument) {
  return self(file)->real->pMethods->xFileControl(self(file)->real, what, argument);
}
int sector_size(sqlite3_file* file) {
  return self(file)->real->pMethods->xSectorSize(self(file)->real);
}
int characteristics(sqlite3_file* file) {
  return self(file)->real->pMethods->xDeviceCharacteristics(self(file)->real);
}

/// Version 1: no shared memory and no mapping, so that every byte passes here.
constexpr sqlite3_io_methods kMethods = {
    1,         close_file,  read_file,  write_file,   truncate_file, sync_file,       file_size,
    lock_file, unlock_file, check_lock, control_file, sector_size,   characteristics, nullptr,
    nullptr,   nullptr,     nullptr,    nullptr,      nullptr};

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* state = static_cast<FaultVfs::State*>(vfs);
  FaultFile* f = self(file);
  f->pMethods = nullptr;
  f->state = state;
  f->kind = (flags & SQLITE_OPEN_WAL) != 0 ? FaultVfs::File::log : FaultVfs::File::database;
  f->watched = name != nullptr && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB)) != 0;
  f->real = reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + sizeof(FaultFile));
  const int code = state->real->xOpen(state->real, name, f->real, flags, out_flags);
  if (code != SQLITE_OK) return code;
  f->path = new std::string(name == nullptr ? "" : name);
  f->pMethods = &kMethods;
  return SQLITE_OK;
}

int delete_file(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  auto* state = static_cast<FaultVfs::State*>(vfs);
  {
    const std::lock_guard lock(state->mutex);
    if (state->powerless) return SQLITE_IOERR_DELETE;
    state->unsynced.erase(name);
  }
  return state->real->xDelete(state->real, name, sync_directory);
}

void write_range(int file, std::string_view bytes, off_t offset) {
  const ssize_t put = ::pwrite(file, bytes.data(), bytes.size(), offset);
  require(put == static_cast<ssize_t>(bytes.size()), "put bytes back");
}

/// The file as of its last sync, and then some of what was written after that.
void put_back(const std::string& path, const std::vector<Unsynced>& entries, std::mt19937_64& random) {
  const Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) return;  // removed since
  require(file.valid(), "open a file to put bytes back");
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    write_range(file.get(), entry->before, entry->offset);
    require(::ftruncate(file.get(), entry->size_before) == 0, "put a length back");
  }
  for (const Unsynced& entry : entries) {
    if (entry.bytes.empty() || (random() & 1) == 0) continue;
    write_range(file.get(), entry.bytes, entry.offset);
  }
}

}  // namespace

FaultVfs::FaultVfs() : state_(std::make_unique<State>()) {
  sqlite3_vfs* real = sqlite3_vfs_find(nullptr);
  require(real != nullptr, "find the default VFS");
  static_cast<sqlite3_vfs&>(*state_) = *real;
  state_->real = real;
  state_->zName = "fault";
  state_->pNext = nullptr;
  state_->szOsFile = static_cast<int>(sizeof(FaultFile)) + real->szOsFile;
  state_->xOpen = open_file;
  state_->xDelete = delete_file;
  require(sqlite3_vfs_register(state_.get(), 1) == SQLITE_OK, "register");
}

FaultVfs::~FaultVfs() {
  sqlite3_vfs_unregister(state_.get());
  sqlite3_vfs_register(state_->real, 1);
}

void FaultVfs::fail(File file, Call call, std::uint64_t n, Fault fault, const std::string& where) {
  const std::lock_guard lock(state_->mutex);
  state_->plan = Plan{file, call, n, fault, where};
  state_->failed = false;
}

void FaultVfs::heal() {
  const std::lock_guard lock(state_->mutex);
  state_->plan.reset();
  state_->failed = false;
}

bool FaultVfs::has_failed() const {
  const std::lock_guard lock(state_->mutex);
  return state_->failed;
}

std::uint64_t FaultVfs::count(File file, Call call) const {
  const std::lock_guard lock(state_->mutex);
  return state_->counts[static_cast<std::size_t>(file)][static_cast<std::size_t>(call)];
}

void FaultVfs::before_log_sync(std::function<void()> hook) {
  const std::lock_guard lock(state_->mutex);
  state_->log_sync_hook = std::move(hook);
}

void FaultVfs::cut_power() {
  const std::lock_guard lock(state_->mutex);
  state_->powerless = true;
}

void FaultVfs::lose_unsynced(std::mt19937_64& random) {
  const std::lock_guard lock(state_->mutex);
  for (const auto& [path, entries] : state_->unsynced) put_back(path, entries, random);
  state_->unsynced.clear();
  state_->powerless = false;
}

}  // namespace promised::test
