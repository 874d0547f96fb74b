// SPDX-License-Identifier: Apache-2.0
// Loaded into the daemon before libc (LD_PRELOAD): stands before every call with which SQLite and the store
// change the state directory, counts it, and does to it what the plan says (fault_plan.hpp). Does nothing in
// a process without a plan, nor in what the daemon forks.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>

#include "common/fd.hpp"
#include "tests/crash/fault_plan.hpp"
#include "tests/crash/synced_copy.hpp"

namespace promised::test {
namespace {

enum class Act { count, kill_before, kill_after, kill_half, fail, part };

struct Plan {
  std::string below, record, synced;
  Act act = Act::count;
  std::uint64_t at = 0, chance = 0, seed = 0;
  int error = EIO;
  bool stays = false;
};

Act act_of(const std::string& word) {
  if (word == "kill_before") return Act::kill_before;
  if (word == "kill_after") return Act::kill_after;
  if (word == "kill_half") return Act::kill_half;
  if (word == "fail") return Act::fail;
  if (word == "short") return Act::part;
  return Act::count;
}

Plan read_plan(const char* text) {
  Plan plan;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    const std::string key = word.substr(0, equals), value = word.substr(equals + 1);
    const auto number = [&] { return std::strtoull(value.c_str(), nullptr, 10); };
    if (key == "below") plan.below = value;
    if (key == "record") plan.record = value;
    if (key == "synced") plan.synced = value;
    if (key == "act") plan.act = act_of(value);
    if (key == "at") plan.at = number();
    if (key == "chance") plan.chance = number();
    if (key == "seed") plan.seed = number();
    if (key == "error") plan.error = static_cast<int>(number());
    if (key == "stays") plan.stays = number() != 0;
  }
  return plan;
}

FaultRecord* map_record(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  void* at = ::mmap(nullptr, sizeof(FaultRecord), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (at == MAP_FAILED) std::abort();
  return static_cast<FaultRecord*>(at);
}

/// One number of many, the same for the same two.
std::uint64_t mix(std::uint64_t seed, std::uint64_t n) {
  std::uint64_t x = seed + n * 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

Place place_of(const std::string& name) {
  if (name == "promised.db") return Place::database;
  if (name == "promised.db-wal") return Place::log;
  if (name.starts_with("promised.db.new")) return Place::unfinished;
  if (name == "lock") return Place::lock;
  if (name.starts_with("results/")) return Place::results;
  return name.empty() || name == "results" ? Place::directory : Place::other;
}

class Library {
 public:
  explicit Library(const char* text)
      : plan_(read_plan(text)), process_(::getpid()), record_(map_record(plan_.record)) {
    if (!plan_.synced.empty()) copy_ = std::make_unique<SyncedCopy>(plan_.below, plan_.synced);
  }

  /// Nothing where there is no plan, and while this library works for itself.
  static Library* get() {
    static const char* text = std::getenv(kFaultsVariable.data());
    thread_local bool beginning = false;
    if (text == nullptr || beginning) return nullptr;
    beginning = true;
    static Library* const library = new Library(text);  // as long as the process: others end later
    beginning = false;
    return library->process_ == ::getpid() ? library : nullptr;
  }

  /// The name within the state directory (empty: the directory itself); nothing if it is elsewhere.
  [[nodiscard]] std::optional<std::string> name_of(const std::string& path) const {
    if (path == plan_.below) return std::string();
    if (!path.starts_with(plan_.below + "/")) return std::nullopt;
    return path.substr(plan_.below.size() + 1);
  }

  [[nodiscard]] std::optional<std::string> name_of(int fd) const {
    std::array<char, PATH_MAX> path{};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
    if (size <= 0) return std::nullopt;
    return name_of(std::string(path.data(), static_cast<std::size_t>(size)));
  }

  /// Counts the operation, and says what is to be done to it.
  Act judge(Operation operation, const std::string& name) {
    const std::uint32_t n = record_->operations.fetch_add(1) + 1;
    if (n < FaultRecord::kMost) {
      record_->operation[n] = operation;
      record_->place[n] = place_of(name);
    }
    const Disk disk = record_->disk;
    if (disk == Disk::whole) return Act::count;
    if (disk == Disk::full) return operation == Operation::write ? Act::fail : Act::count;
    if (disk == Disk::unremovable) return operation == Operation::unlink ? Act::fail : Act::count;
    if (disk == Disk::too_full_for_results) {
      const bool of_result = operation == Operation::sync && place_of(name) == Place::results;
      return of_result ? Act::fail : Act::count;
    }
    const bool chosen = plan_.chance > 0 ? mix(plan_.seed, n) % plan_.chance == 0 : n == plan_.at;
    if (!chosen) {
      const bool fails = broken_ && (plan_.error != ENOSPC || operation == Operation::write);
      return fails ? Act::fail : Act::count;
    }
    std::uint32_t none = 0;
    record_->struck.compare_exchange_strong(none, n);
    if (plan_.act == Act::fail || plan_.act == Act::part) {
      // The rest of what was written in part fails too, as on a disk that is full.
      broken_ = plan_.stays || plan_.act == Act::part;
      return operation == Operation::write ? plan_.act : Act::fail;
    }
    if (plan_.act == Act::kill_before) die();
    return plan_.act;
  }

  [[noreturn]] static void die() {
    ::kill(::getpid(), SIGKILL);
    while (true) ::pause();
  }

  [[nodiscard]] int error() const { return record_->disk == Disk::by_plan ? plan_.error : ENOSPC; }
  [[nodiscard]] SyncedCopy* copy() { return copy_.get(); }
  [[nodiscard]] std::mutex& mutex() { return mutex_; }

 private:
  const Plan plan_;
  const pid_t process_;
  FaultRecord* const record_;
  std::unique_ptr<SyncedCopy> copy_;
  std::mutex mutex_;
  bool broken_ = false;
};

template <class F>
F* real(const char* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

/// Runs `call` as the plan says. `done` is told of what it returned, `undone` that it failed by the plan.
template <class Call, class Done, class Undone>
auto around(Library& library, Operation operation, const std::string& name, Call call, Done done,
            Undone undone) -> decltype(call()) {
  const std::lock_guard lock(library.mutex());
  const Act act = library.judge(operation, name);
  if (act == Act::fail) {
    undone();
    errno = library.error();
    return -1;
  }
  const auto result = call();
  const int error = errno;
  if (result >= 0 && library.copy() != nullptr) done(*library.copy(), result);
  if (act == Act::kill_after || act == Act::kill_half) Library::die();
  errno = error;
  return result;
}

template <class Write>
ssize_t write_around(int fd, std::size_t size, off_t offset, Write write) {
  Library* const library = Library::get();
  const auto name = library == nullptr ? std::nullopt : library->name_of(fd);
  if (!name) return write(size);
  const std::lock_guard lock(library->mutex());
  const Act act = library->judge(Operation::write, *name);
  if (act == Act::fail) {
    errno = library->error();
    return -1;
  }
  const bool half = act == Act::kill_half || act == Act::part;
  const ssize_t put = write(half ? std::max<std::size_t>(size / 2, 1) : size);
  const int error = errno;
  if (put > 0 && library->copy() != nullptr)
    library->copy()->wrote(fd, offset, static_cast<std::size_t>(put));
  if (act == Act::kill_half || act == Act::kill_after) Library::die();
  errno = error;
  return put;
}

bool is_directory(int fd) {
  struct stat found {};
  return ::fstat(fd, &found) == 0 && S_ISDIR(found.st_mode);
}

int sync_around(int fd, int (*sync)(int)) {
  Library* const library = Library::get();
  const auto name = library == nullptr ? std::nullopt : library->name_of(fd);
  if (!name) return sync(fd);
  return around(
      *library, Operation::sync, *name, [&] { return sync(fd); },
      [&](SyncedCopy& copy, int) { is_directory(fd) ? copy.directory_synced(*name) : copy.synced(fd); },
      [&] {
        if (library->copy() != nullptr && !is_directory(fd)) library->copy()->sync_failed(fd);
      });
}

int truncate_around(int fd, off_t size, int (*truncate)(int, off_t)) {
  Library* const library = Library::get();
  const auto name = library == nullptr ? std::nullopt : library->name_of(fd);
  if (!name) return truncate(fd, size);
  return around(
      *library, Operation::truncate, *name, [&] { return truncate(fd, size); },
      [&](SyncedCopy& copy, int) { copy.truncated(fd); }, [] {});
}

}  // namespace
}  // namespace promised::test

using namespace promised::test;
#define PROMISED_INTERPOSED extern "C" __attribute__((visibility("default")))

PROMISED_INTERPOSED ssize_t pwrite64(int fd, const void* data, std::size_t size, off64_t offset) {
  static auto* const next = real<ssize_t(int, const void*, std::size_t, off64_t)>("pwrite64");
  return write_around(fd, size, offset, [&](std::size_t n) { return next(fd, data, n, offset); });
}

PROMISED_INTERPOSED ssize_t pwrite(int fd, const void* data, std::size_t size, off_t offset) {
  static auto* const next = real<ssize_t(int, const void*, std::size_t, off_t)>("pwrite");
  return write_around(fd, size, offset, [&](std::size_t n) { return next(fd, data, n, offset); });
}

PROMISED_INTERPOSED ssize_t write(int fd, const void* data, std::size_t size) {
  static auto* const next = real<ssize_t(int, const void*, std::size_t)>("write");
  return write_around(fd, size, ::lseek(fd, 0, SEEK_CUR), [&](std::size_t n) { return next(fd, data, n); });
}

PROMISED_INTERPOSED int fsync(int fd) {
  static auto* const next = real<int(int)>("fsync");
  return sync_around(fd, next);
}

PROMISED_INTERPOSED int fdatasync(int fd) {
  static auto* const next = real<int(int)>("fdatasync");
  return sync_around(fd, next);
}

PROMISED_INTERPOSED int ftruncate(int fd, off_t size) noexcept {
  static auto* const next = real<int(int, off_t)>("ftruncate");
  return truncate_around(fd, size, next);
}

PROMISED_INTERPOSED int ftruncate64(int fd, off64_t size) noexcept {
  static auto* const next = real<int(int, off64_t)>("ftruncate64");
  return truncate_around(fd, size, next);
}

PROMISED_INTERPOSED int unlink(const char* path) noexcept {
  static auto* const next = real<int(const char*)>("unlink");
  Library* const library = Library::get();
  const auto name = library == nullptr ? std::nullopt : library->name_of(std::string(path));
  if (!name) return next(path);
  return around(
      *library, Operation::unlink, *name,
      [&] {
        if (library->copy() != nullptr) library->copy()->goes(path);
        return next(path);
      },
      [](SyncedCopy&, int) {}, [] {});
}

PROMISED_INTERPOSED int rename(const char* from, const char* to) noexcept {
  static auto* const next = real<int(const char*, const char*)>("rename");
  Library* const library = Library::get();
  const auto name = library == nullptr ? std::nullopt : library->name_of(std::string(to));
  if (!name) return next(from, to);
  return around(
      *library, Operation::rename, *name,
      [&] {
        if (library->copy() != nullptr) library->copy()->goes(to);
        return next(from, to);
      },
      [](SyncedCopy&, int) {}, [] {});
}
