// SPDX-License-Identifier: Apache-2.0
#include "tests/flow/stored_house.hpp"

#include <doctest/doctest.h>

#include <utility>

namespace promised::test {

StoredHouse::StoredHouse(Settings settings) : settings_(std::move(settings)) {
  enter();
}

void StoredHouse::enter() {
  auto store = Store::open((directory_ / "state").string());
  REQUIRE_MESSAGE(store.ok(), store.problem().message);
  store_ = std::move(store).value();
  house_ = std::make_unique<House>(settings_, [this](House& house) {
    if (now_) house.now = *now_;
    house.load = [this, &house](const JobId& id) {
      write(house);
      auto loaded = store_->load_result(id);
      REQUIRE_MESSAGE(loaded.ok(), loaded.problem().message);
      return std::move(loaded).value();
    };
    const auto linked =
        store_->replay_links([&](const RecoveredLink& link) { house.scheduler.restore(link); });
    REQUIRE_MESSAGE(linked.ok(), linked.problem().message);
    const auto counted = store_->replay_backlog(
        [&](const RecoveredBacklog& part) { house.scheduler.restore(part); },
        [&](const JobId& id) { house.scheduler.restore_backlog_id(id); },
        [&](RecoveredJob job) { house.scheduler.restore_known(std::move(job), house.now, house.plan); });
    REQUIRE_MESSAGE(counted.ok(), counted.problem().message);
    house.load_backlog = [this, &house](const effect::LoadBacklog& page) {
      write(house);
      auto loaded = store_->load_backlog(page);
      REQUIRE_MESSAGE(loaded.ok(), loaded.problem().message);
      return std::move(loaded).value();
    };
    house.find_in_backlog = [this, &house](BacklogSearch& search) {
      write(house);
      for (bool more = true; more;) {
        const auto step = store_->find_in_backlog(search);
        REQUIRE_MESSAGE(step.ok(), step.problem().message);
        more = *step;
      }
    };
    house.load_job = [this, &house](const JobId& id) {
      write(house);
      auto loaded = store_->load_job(id);
      REQUIRE_MESSAGE(loaded.ok(), loaded.problem().message);
      return std::move(loaded).value();
    };
    const auto replayed = store_->replay(
        [&](RecoveredJob job) { house.scheduler.restore(std::move(job), house.now, house.plan); },
        [&](RecoveredName name) { house.scheduler.restore(std::move(name), house.now, house.plan); });
    REQUIRE_MESSAGE(replayed.ok(), replayed.problem().message);
  });
  house_->load_parts = [this](const effect::LoadParts& wanted) {
    write(*house_);
    auto loaded = store_->load_parts(wanted);
    REQUIRE_MESSAGE(loaded.ok(), loaded.problem().message);
    return std::move(loaded).value();
  };
  house_->load_output = [this](const effect::LoadOutput& wanted) {
    write(*house_);
    auto loaded = store_->load_output(wanted);
    REQUIRE_MESSAGE(loaded.ok(), loaded.problem().message);
    return std::move(loaded).value();
  };
  house_->load_arguments = [this](const JobId& id) {
    write(*house_);
    auto loaded = store_->load_arguments(id);
    REQUIRE_MESSAGE(loaded.ok(), loaded.problem().message);
    return std::move(loaded).value();
  };
  house_->hold_commits();
  house_->ready(worker());
}

WorkerId StoredHouse::worker() {
  return house_->workers().at(0);
}

/// What is loaded comes after all that was decided before: so the committer does it.
std::size_t StoredHouse::write(House& house) {
  PendingChanges pending;
  pending.add(house.changes);
  const std::vector<Change> left = pending.take();
  const auto applied = store_->apply(left);
  REQUIRE_MESSAGE(applied.ok(), applied.problem().message);
  return left.size();
}

std::size_t StoredHouse::commit() {
  const std::size_t written = write(*house_);
  house_->commit();
  return written;
}

std::size_t StoredHouse::links_on_disk() {
  std::size_t count = 0;
  const auto replayed = store_->replay_links([&](const RecoveredLink&) { ++count; });
  REQUIRE_MESSAGE(replayed.ok(), replayed.problem().message);
  return count;
}

void StoredHouse::restart_after(Nanos later) {
  now_ = house_->now;
  now_->steady = Instant(std::chrono::minutes(1));  // the monotonic clock begins anew
  now_->wall += std::chrono::duration_cast<std::chrono::microseconds>(later);
  house_.reset();
  store_.reset();
  enter();
}

}  // namespace promised::test
