// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <chrono>
#include <future>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/command.hpp"
#include "cli/times.hpp"
#include "cli/usage_error.hpp"
#include "cli/view_json.hpp"
#include "common/nearest.hpp"
#include "common/printable.hpp"

namespace promised::cli {
namespace {

StoreTask task_of(const std::vector<std::string>& words) {
  const std::string& word = words.front();
  if (word == "backup") return StoreTask::backup;
  if (word != "check" && word != "compact") {
    throw UsageError("expected check, backup or compact, found '" + word + "'" +
                     did_you_mean(word, {"check", "backup", "compact"}) + " (see promisectl store --help)");
  }
  if (words.size() > 1)
    throw UsageError("'" + words[1] + "' is too much: store " + word + " takes no more words");
  return word == "check" ? StoreTask::check : StoreTask::compact;
}

/// As the daemon sees it, which does not know where promisectl was started.
std::string directory_of(const std::vector<std::string>& words) {
  if (words.size() < 2) return {};
  if (!words[1].starts_with('/')) {
    throw UsageError(
        "store backup: expected an absolute path of a directory that the daemon is to make, found '" +
        words[1] + "'");
  }
  return words[1];
}

StoreReport carry_out(Invocation& invocation, StoreTask task, const std::string& directory) {
  Client& client = invocation.client();
  const auto timeout = invocation.end_timeout();
  switch (task) {
    case StoreTask::check:
      return client.check_store(timeout);
    case StoreTask::backup:
      return client.back_up_store(directory, timeout);
    case StoreTask::compact:
      break;
  }
  return client.compact_store(timeout);
}

/// Shows how far the daemon is, on a line of the terminal that is cleared in the end.
void watch(Client& client, std::future<StoreReport>& report) {
  constexpr std::chrono::milliseconds kBetween{500};
  bool shown = false;
  while (report.wait_for(kBetween) != std::future_status::ready) {
    try {
      const StatusView status = client.status(kLeastLook);
      if (status.maintenance.empty()) continue;
      std::cerr << "\r\033[K" << printable(status.maintenance) << ": " << status.maintenance_percent << " %"
                << std::flush;
      shown = true;
    } catch (const std::exception&) {
      // What keeps the daemon from telling how far it is comes out of the report too.
    }
  }
  if (shown) std::cerr << "\r\033[K" << std::flush;
}

StoreReport carry_out_watched(Invocation& invocation, StoreTask task, const std::string& directory) {
  Client& client = invocation.client();  // before there are two threads
  std::future<StoreReport> report =
      std::async(std::launch::async, [&] { return carry_out(invocation, task, directory); });
  watch(client, report);
  return report.get();
}

void print(const StoreReport& r) {
  if (r.task == StoreTask::compact) {
    std::cout << "compacted in " << brief(r.took) << ": " << brief_size(r.bytes_before) << " before, "
              << brief_size(r.bytes) << " now\n";
    return;
  }
  if (r.task == StoreTask::backup) std::cout << printable(r.path) << '\n';
  std::cout << (r.damages == 0 ? "sound" : "damaged") << ": " << r.jobs << " jobs, " << r.names << " names, "
            << r.tombstones << " tombstones, " << r.results << " results (" << r.result_files
            << " in files), " << brief_size(r.bytes) << ", looked at in " << brief(r.took) << '\n';
  for (const std::string& sentence : r.damage) std::cout << "  ! " << printable(sentence) << '\n';
  if (r.damages > r.damage.size()) std::cout << "  ! and " << r.damages - r.damage.size() << " more\n";
}

ExitCode store(Invocation& invocation) {
  const StoreTask task = task_of(invocation.words());
  const std::string directory = directory_of(invocation.words());
  const bool watched = invocation.output() == Output::human && ::isatty(STDERR_FILENO) == 1;
  const StoreReport report =
      watched ? carry_out_watched(invocation, task, directory) : carry_out(invocation, task, directory);
  if (invocation.output() == Output::json) {
    invocation.print_json(to_json(report));
  } else if (invocation.output() == Output::human) {
    print(report);
  } else if (task == StoreTask::backup) {
    std::cout << printable(report.path) << '\n';
  }
  return report.damages == 0 ? ExitCode::fine : ExitCode::failed;
}

}  // namespace

Command store_command() {
  return {
      "store",
      "check|backup|compact [DIRECTORY]",
      "Check, back up or compact the daemon's store while it works",
      "check    looks at a copy of the whole store: exit code 0 if it is sound, 1 if it is damaged.\n"
      "backup   makes DIRECTORY, a state directory as it is, and prints its path; without DIRECTORY it is\n"
      "         made below the daemon's own, in backups/. It is checked before it gets its name.\n"
      "compact  returns the space of what was deleted to the file system.\n"
      "For administrators. The daemon goes on when promisectl is interrupted, or --timeout is over.\n",
      1,
      2,
      boost::program_options::options_description("Options"),
      store};
}

}  // namespace promised::cli
