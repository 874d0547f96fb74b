// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/faults.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "common/fd.hpp"
#include "tests/crash/synced_copy.hpp"

namespace promised::test {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kWrittenPage = 4096;

void require(bool ok, const std::string& what) {
  if (!ok) throw std::system_error(errno, std::generic_category(), what);
}

FaultRecord* make_record(const fs::path& path) {
  const Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  require(fd.valid() && ::ftruncate(fd.get(), sizeof(FaultRecord)) == 0, path);
  void* at = ::mmap(nullptr, sizeof(FaultRecord), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  require(at != MAP_FAILED, path);
  return static_cast<FaultRecord*>(at);
}

ino_t inode_of(const fs::path& path) {
  struct stat found {};
  require(::lstat(path.c_str(), &found) == 0, path);
  return found.st_ino;
}

void write_private_file(const fs::path& path, const std::string& text) {
  write_file(path, text);
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
}

/// Puts a random part of the pages that were written since the last sync into what was synced.
void keep_some(std::string& content, const std::string& written, std::mt19937_64& random) {
  // The new length may be known before the new content is.
  if (random() % 2 == 0) content.resize(written.size());
  for (std::size_t at = 0; at < written.size(); at += kWrittenPage) {
    const std::string page = written.substr(at, kWrittenPage);
    if (random() % 2 == 0 || (at < content.size() && content.compare(at, page.size(), page) == 0)) continue;
    if (content.size() < at + page.size()) content.resize(at + page.size());
    content.replace(at, page.size(), page);
  }
}

}  // namespace

std::string to_string(const FaultPlan& plan) {
  std::string text = plan.act.empty() ? "count" : plan.act;
  if (plan.at != 0) text += " at " + std::to_string(plan.at);
  if (plan.chance != 0) text += " one of " + std::to_string(plan.chance) + " by " + std::to_string(plan.seed);
  if (plan.error != 0) text += std::string(", ") + std::generic_category().message(plan.error);
  return text + (plan.stays ? ", which stays" : "");
}

void Faults::Unmap::operator()(FaultRecord* record) const {
  ::munmap(record, sizeof(FaultRecord));
}

Faults::Faults(const TestDaemon& daemon) : state_(daemon.state_dir()), own_(daemon.directory() / "faults") {
  fs::create_directories(own_);
  record_.reset(make_record(own_ / "record"));
}

std::map<std::string, std::optional<std::string>> Faults::environment(const FaultPlan& plan) {
  record_->operations = 0;
  record_->struck = 0;
  record_->disk = Disk::by_plan;
  const std::string words = "below=" + state_.string() + " record=" + (own_ / "record").string() +
                            " synced=" + synced().string() + (plan.act.empty() ? "" : " act=" + plan.act) +
                            " at=" + std::to_string(plan.at) + " chance=" + std::to_string(plan.chance) +
                            " seed=" + std::to_string(plan.seed) + " error=" + std::to_string(plan.error) +
                            " stays=" + (plan.stays ? "1" : "0");
  // ASan wants to be the first library; it need not be for what this one does.
  const char* asan = std::getenv("ASAN_OPTIONS");
  return {{"LD_PRELOAD", FAULT_LIBRARY},
          {std::string(kFaultsVariable), words},
          {"ASAN_OPTIONS", std::string(asan == nullptr ? "" : asan) + ":verify_asan_link_order=0"}};
}

std::vector<Faults::Step> Faults::steps() const {
  std::vector<Step> steps;
  const std::uint32_t last = std::min<std::uint32_t>(record_->operations, FaultRecord::kMost - 1);
  for (std::uint32_t n = 1; n <= last; ++n) steps.push_back({record_->operation[n], record_->place[n]});
  return steps;
}

std::optional<Faults::Step> Faults::struck() const {
  const std::uint32_t n = record_->struck;
  if (n == 0 || n >= FaultRecord::kMost) return std::nullopt;
  return Step{record_->operation[n], record_->place[n]};
}

std::uintmax_t Faults::synced_size(const std::string& name) const {
  const SyncedNames names = read_synced_names(synced());
  const auto found = names.find(name);
  return found == names.end() ? 0 : fs::file_size(synced() / found->second);
}

void Faults::take_as_synced() {
  fs::remove_all(synced());
}

void Faults::cut_power(PowerCut how, std::mt19937_64& random) {
  if (how == PowerCut::none) return;
  const SyncedNames names = read_synced_names(synced());
  std::map<std::string, std::string> written;  // by the copy's file
  std::map<std::string, std::string> present;
  if (fs::exists(state_)) {
    for (const auto& entry : fs::recursive_directory_iterator(state_)) {
      if (!entry.is_regular_file()) continue;
      const std::string file = synced_file(inode_of(entry.path()));
      present[entry.path().lexically_relative(state_)] = file;
      written[file] = read_file(entry.path());
    }
  }
  // Changes of names that were not synced are there, all of them, or not.
  const bool new_names = how == PowerCut::some_dropped && random() % 2 == 0;
  for (const auto& [name, file] : present) {
    if (!new_names && !names.contains(name)) fs::remove(state_ / name);
  }
  for (const auto& [name, file] : new_names ? present : names) {
    std::string content = read_file(synced() / file);
    // What was removed meanwhile and is back was not written to since.
    if (how == PowerCut::some_dropped && written.contains(file)) keep_some(content, written[file], random);
    fs::create_directories((state_ / name).parent_path());
    write_private_file(state_ / name, content);
  }
  take_as_synced();
}

void Strikes::add(const std::optional<Faults::Step>& step) {
  if (!step) return;
  ++count_;
  ++by_kind_[std::string(kOperationNames[static_cast<std::size_t>(step->operation)]) + " " +
             std::string(kPlaceNames[static_cast<std::size_t>(step->place)])];
}

std::string Strikes::text() const {
  std::string text;
  for (const auto& [kind, count] : by_kind_)
    text += (text.empty() ? "" : ", ") + kind + ": " + std::to_string(count);
  return text;
}

}  // namespace promised::test
