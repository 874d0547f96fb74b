// SPDX-License-Identifier: Apache-2.0
#include "daemon/store_watch.hpp"

#include <string>
#include <utility>
#include <variant>

#include "common/units.hpp"
#include "daemon/ops/log.hpp"
#include "daemon/ops/notify.hpp"

namespace promised {
namespace {

/// Who asked for it may be gone.
void tell_maintained(const event::StoreMaintained& what) {
  const StoreReport& report = what.report;
  std::string text = "store " + std::string(to_string(report.task));
  if (what.problem) {
    log::warning(text + ": " + what.problem->message);
    return;
  }
  if (!report.path.empty()) text += ": " + report.path;
  text += ": " + std::to_string(report.bytes) + " bytes, took " + format_duration(report.took);
  if (report.damages == 0) {
    log::info(text);
    return;
  }
  log::error(text + "; it is damaged in " + std::to_string(report.damages) + " places, such as:");
  for (const std::string& sentence : report.damage) log::error("  " + sentence);
}

}  // namespace

void StoreWatch::start() {
  auto found = note_.find();
  has_note_ = !found.ok() || found->has_value();
  if (!found) {
    log::warning(found.problem().message);
  } else if (*found) {
    log::warning("the store failed at " + format_time((*found)->at) + ": " + (*found)->reason);
    around_.last_failure = **found;
  }
}

void StoreWatch::heard(const Committer::News& news) {
  if (news.full) {
    full_since_ = Now::read().steady;
    told_full(*news.full);
  }
  around_.store = news.facts;
  if (full_since_ && news.facts.full_since == WallTime()) told_space(*std::exchange(full_since_, {}));
  if (has_note_ && news.committed > 0) remove_note();
  for (const Event& answer : news.answers) {
    if (const auto* loaded = std::get_if<event::ResultLoaded>(&answer); loaded && !loaded->trouble.empty())
      log::error("job " + loaded->job.text() + ": " + loaded->trouble);
    if (const auto* maintained = std::get_if<event::StoreMaintained>(&answer)) tell_maintained(*maintained);
  }
}

void StoreWatch::told_full(const Problem& problem) {
  log::error(problem.message + "; until then durable jobs are refused, and the daemon goes on by itself");
  log::warn_of(notify::status("the disk of " + settings_.state_dir + " is full: durable jobs are refused"));
}

void StoreWatch::told_space(Instant since) {
  auto lasted = std::chrono::duration_cast<Millis>(Now::read().steady - since);
  if (lasted > std::chrono::seconds(10)) lasted = std::chrono::floor<std::chrono::seconds>(lasted);
  log::info("there is space again in " + settings_.state_dir + ", after " + format_duration(lasted) +
            ": what waited is on disk, and durable jobs are accepted");
  log::warn_of(notify::status("serving " + settings_.endpoint));
}

/// `status` goes on telling of it as long as this process lives.
void StoreWatch::remove_note() {
  has_note_ = false;
  log::warn_of(note_.remove());
}

void StoreWatch::failed(const Problem& problem) {
  log::error("the store failed, nothing more is accepted: " + problem.message);
  log::warn_of(notify::stopping("the store failed: " + problem.message));
  if (auto left = note_.leave({Now::read().wall, problem.message}); !left) {
    log::warning(left.problem().message + "; the next daemon's status will not tell of this failure");
  }
}

}  // namespace promised
