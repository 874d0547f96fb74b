// SPDX-License-Identifier: Apache-2.0
#include "daemon/reload.hpp"

#include <memory>
#include <string>
#include <utility>

#include "daemon/config/changes.hpp"
#include "daemon/ops/log.hpp"
#include "daemon/ops/notify.hpp"

namespace promised {
namespace {

void add(std::string& text, const std::string& what, const std::vector<std::string>& names) {
  if (names.empty()) return;
  text += (text.empty() ? "" : "; ") + what;
  for (const std::string& name : names) text += " " + name;
}

std::string summary(const ReloadReport& report) {
  std::string text;
  add(text, "pools added:", report.added);
  add(text, "pools removed:", report.removed);
  add(text, "pools whose workers are replaced:", report.replaced);
  add(text, "pools adjusted:", report.adjusted);
  add(text, "in force now:", report.changed);
  add(text, "needs a restart:", report.needs_restart);
  return text.empty() ? "nothing has changed" : text;
}

}  // namespace

Reloader::Reloader(Settings& settings, Read read) : settings_(settings), read_(std::move(read)) {
  for (const PoolSettings& pool : settings_.pools) users_.insert(pool.user);
}

/// The spawner does not start workers as somebody that it was not told of at its own start.
void Reloader::tell_new_users(ReloadReport& report) const {
  for (const PoolSettings& pool : settings_.pools) {
    const bool is_known = pool.user.empty() || pool.user == settings_.user || users_.contains(pool.user);
    if (!is_known) report.needs_restart.push_back("pool." + pool.name + ".user");
  }
}

void Reloader::reload(SessionId session, std::uint64_t number, std::vector<Event>& events) {
  tell_begun();
  event::Reconfigured done;
  done.session = session;
  done.number = number;
  if (const Result<Settings> next = read_(); next.ok()) {
    const std::string level = settings_.log_level;
    done.report = config::apply_changes(settings_, *next);
    tell_new_users(done.report);
    if (settings_.log_level != level) log::warn_of(log::start(settings_.log_level, log::style_of_stderr()));
    for (const PoolSettings& pool : settings_.pools)
      done.pools.push_back(std::make_shared<const PoolSettings>(pool));
  } else {
    done.problem = next.problem();
  }
  tell_done(done);
  events.push_back(std::move(done));
}

void Reloader::tell_begun() const {
  if (ready_) log::warn_of(notify::reloading());
}

void Reloader::tell_done(const event::Reconfigured& done) const {
  std::string status = "serving " + settings_.endpoint;
  if (done.problem) {
    log::error("the configuration stays as it was: " + done.problem->message);
    status += "; the configuration could not be read anew: " + done.problem->message;
  } else {
    log::info("the configuration was read anew: " + summary(done.report));
  }
  if (ready_) log::warn_of(notify::ready(status));
}

}  // namespace promised
