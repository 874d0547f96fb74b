// SPDX-License-Identifier: Apache-2.0
// A house whose changes go to a real store, so that it can be left at any moment and entered again: what
// decide says and what the store makes of it must be one story.
#pragma once

#include <memory>
#include <optional>

#include "daemon/store/pending.hpp"
#include "daemon/store/store.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/unit/decide/house.hpp"

namespace promised::test {

class StoredHouse {
 public:
  explicit StoredHouse(Settings settings = one_pool());

  House& operator*() { return *house_; }
  House* operator->() { return house_.get(); }
  [[nodiscard]] Settings& settings() { return settings_; }
  /// Its only worker; it is ready.
  WorkerId worker();

  /// What has been decided since the last commit is on disk now; returns how many changes were left to write.
  std::size_t commit();
  /// Jobs of which the store knows how they hang together with others.
  [[nodiscard]] std::size_t links_on_disk();
  /// As after SIGKILL or a power cut, `later`: what was not committed is gone, and the daemon starts again.
  void restart_after(Nanos later = std::chrono::seconds(1));

 private:
  void enter();
  std::size_t write(House& house);

  Settings settings_;
  TempDirectory directory_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<House> house_;
  std::optional<Now> now_;
};

}  // namespace promised::test
