// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/pools.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include "common/units.hpp"
#include "common/worker_marks.hpp"
#include "daemon/config/keys.hpp"
#include "daemon/config/values.hpp"

namespace promised::config {
namespace {

constexpr std::string_view kPoolPrefix = "pool.";

/// `4`, or `2..8`: a fixed number of workers, or from so many to so many by load.
Result<void> set_size(PoolSettings& pool, std::string_view text) {
  constexpr std::int64_t kMost = 4096;
  const auto dots = text.find("..");
  const bool by_load = dots != std::string_view::npos;
  const auto least = parse_integer(text.substr(0, dots), by_load ? 0 : 1, kMost);
  const auto most = by_load ? parse_integer(text.substr(dots + 2), 1, kMost) : least;
  if (!least || !most || *most < *least) {
    return expected("a whole number from 1 to 4096, or least and most such as 2..8", text);
  }
  pool.size = static_cast<std::uint32_t>(*least);
  pool.size_max = by_load ? static_cast<std::uint32_t>(*most) : 0;
  return {};
}

Result<std::uint64_t> parse_recycle_jobs(std::string_view text) {
  PROMISED_ASSIGN(const std::int64_t jobs, parse_integer(text, 0, 1'000'000'000));
  return static_cast<std::uint64_t>(jobs);
}

Result<std::uint32_t> parse_prefetch(std::string_view text) {
  if (text == "adaptive") return std::uint32_t{0};
  const auto number = parse_integer(text, 1, 65536);
  if (!number) return expected("adaptive or a whole number from 1 to 65536", text);
  return static_cast<std::uint32_t>(*number);
}

Result<std::uint64_t> parse_memory(std::string_view text) {
  PROMISED_ASSIGN(const std::uint64_t size, parse_size(text));
  if (size != 0 && size < std::uint64_t{1} << 20) return expected("0 (no limit) or at least 1MiB", text);
  return size;
}

Result<std::uint64_t> parse_open_files(std::string_view text) {
  constexpr std::int64_t kLeast = 16;
  const auto number = parse_integer(text, 0, 1 << 30);
  if (!number || (*number != 0 && *number < kLeast)) {
    return expected("0 (as the daemon) or a whole number from 16 to 1073741824", text);
  }
  return static_cast<std::uint64_t>(*number);
}

Result<Millis> parse_zero_or_a_second(std::string_view text) {
  const auto duration = parse_duration(text);
  if (!duration || (*duration != Millis(0) && *duration < std::chrono::seconds(1)))
    return expected("0 (no limit) or a duration of at least 1s", text);
  return *duration;
}

Result<std::chrono::seconds> parse_cpu_time(std::string_view text) {
  PROMISED_ASSIGN(const Millis duration, parse_zero_or_a_second(text));
  return std::chrono::ceil<std::chrono::seconds>(duration);
}

Result<std::uint64_t> parse_processes(std::string_view text) {
  const auto number = parse_integer(text, 0, 4'194'304);
  if (!number) return expected("0 (no limit) or a whole number up to 4194304", text);
  return static_cast<std::uint64_t>(*number);
}

Result<int> parse_nice(std::string_view text) {
  PROMISED_ASSIGN(const std::int64_t nice, parse_integer(text, -20, 19));
  return static_cast<int>(nice);
}

Result<Sandbox> parse_sandbox(std::string_view text) {
  if (text == "none") return Sandbox::none;
  if (text == "default") return Sandbox::standard;
  if (text == "strict") return Sandbox::strict;
  return expected("none, default or strict", text);
}

/// Names, or globs that stand for them, `of` one kind of thing.
Result<std::vector<std::string>> parse_names(std::string_view text, const std::string& of) {
  auto names = parse_list(text);
  if (names.empty()) return expected("names of " + of + " with commas between", text);
  for (const std::string& name : names) {
    if (name.size() > 255) return expected("names of " + of + " of at most 255 bytes", name);
  }
  return names;
}

Result<std::vector<std::string>> parse_queues(std::string_view text) {
  return parse_names(text, "queues");
}

Result<std::vector<std::string>> parse_functions(std::string_view text) {
  return parse_names(text, "functions");
}

Result<Millis> parse_positive_duration(std::string_view text) {
  PROMISED_ASSIGN(const Millis duration, parse_duration(text));
  if (duration == Millis(0)) return expected("a duration above zero", text);
  return duration;
}

Result<std::string> parse_program(std::string_view text) {
  if (text.empty() || text.front() != '/') return expected("the absolute path of a worker program", text);
  return std::string(text);
}

/// The program of a built-in function (see has_exec()): it is installed at a fixed place as seen from the
/// daemon's own.
Result<std::string> parse_builtin(std::string_view text) {
  if (text != "exec") return expected("exec, the one built-in function", text);
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return Problem::of("system", "cannot find the daemon's own program: " + error.message());
  return (self.parent_path() / PROMISED_LIBEXEC_FROM_SBIN / "promised-exec").lexically_normal().string();
}

Result<Isolation> parse_isolation(std::string_view text) {
  for (const Isolation isolation : {Isolation::worker, Isolation::job}) {
    if (text == to_string(isolation)) return isolation;
  }
  return expected("worker or job", text);
}

Result<void> set_variable(std::map<std::string, std::string>& environment, const std::string& name,
                          const std::string& value) {
  PROMISED_ASSIGN(const std::string key, parse_variable_name(name));
  if (is_worker_mark(key)) {
    return Problem::of("value",
                       "the variable " + key +
                           " is the daemon's own: by it the processes of a worker are found and ended; "
                           "leave it out");
  }
  if (!environment.emplace(key, value).second) {
    return Problem::of("value", "the variable " + key + " is set a second time");
  }
  return {};
}

std::vector<Key> pool_keys(PoolSettings& pool) {
  const auto variable = [&pool](const Entry& entry) -> Result<void> {
    const auto equals = entry.value.find('=');
    if (equals == std::string::npos) return expected("KEY=VALUE", entry.value);
    return set_variable(pool.environment, entry.value.substr(0, equals), entry.value.substr(equals + 1));
  };
  const auto variable_by_key = [&pool](const Entry& entry) {
    return set_variable(pool.environment, entry.key.substr(entry.key.find('.') + 1), entry.value);
  };
  const auto user = [](const std::string& text) -> Result<std::string> {
    if (text.empty()) return expected("the name of a user", text);
    // No account is called that: it is to stand for who submits a job.
    if (text.front() == '@') return expected("the name of a user (no word stands for several)", text);
    return text;
  };
  return {
      {"program", into(pool.program, parse_program)},
      {"builtin", into(pool.program, parse_builtin)},
      {"arguments", into(pool.arguments, split_words)},
      {"size", [&pool](const Entry& entry) { return set_size(pool, entry.value); }},
      {"queues", into(pool.queues, parse_queues)},
      {"functions", into(pool.functions, parse_functions)},
      {"environment", variable, Key::Kind::repeated},
      {"environment.KEY", variable_by_key, Key::Kind::family},
      {"directory", into(pool.directory, parse_path)},
      {"user", into(pool.user, user)},
      {"prefetch", into(pool.prefetch, parse_prefetch)},
      {"memory_limit", into(pool.memory_limit, parse_memory)},
      {"open_files", into(pool.open_files, parse_open_files)},
      {"run_timeout", into(pool.run_timeout, parse_duration)},
      {"kill_grace", into(pool.kill_grace, parse_duration)},
      {"start_timeout", into(pool.start_timeout, parse_positive_duration)},
      {"progress_timeout", into(pool.progress_timeout, parse_duration)},
      {"cpu_time", into(pool.cpu_time, parse_cpu_time)},
      {"processes", into(pool.processes, parse_processes)},
      {"core_size", into(pool.core_size, parse_size)},
      {"nice", into(pool.nice, parse_nice)},
      {"sandbox", into(pool.sandbox, parse_sandbox)},
      {"isolation", into(pool.isolation, parse_isolation)},
      {"idle_time", into(pool.idle_time, parse_positive_duration)},
      {"recycle_jobs", into(pool.recycle_jobs, parse_recycle_jobs)},
      {"recycle_time", into(pool.recycle_time, parse_zero_or_a_second)},
      {"recycle_memory", into(pool.recycle_memory, parse_memory)},
  };
}

/// A worker that is allowed fewer could be started, and would never run a job.
Result<void> check_processes(const PoolSettings& pool, const Section& section) {
  const std::uint64_t least = processes_of_job(pool);
  if (pool.processes == 0 || pool.processes >= least) return {};
  std::string why = "itself";
  if (pool.isolation == Isolation::job) why += ", the process of its job (isolation = job)";
  if (has_exec(pool)) why += ", the command that it runs (builtin = exec)";
  return place_of(section, "processes")
      .problem("processes: expected 0 (no limit) or at least " + std::to_string(least) +
               ", for a worker that runs a job has " + why + "; found '" + std::to_string(pool.processes) +
               "'");
}

Result<std::vector<std::string>> files_in(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  std::filesystem::directory_iterator i(folder, error);
  for (; !error && i != std::filesystem::directory_iterator(); i.increment(error)) {
    const std::string name = i->path().filename().string();
    if (name.ends_with(".conf") && !name.starts_with('.')) files.push_back(i->path().string());
  }
  if (error) {
    return Problem::of("config", folder + ": cannot read the folder of pools: " + error.message());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

bool has_exec(const PoolSettings& pool) {
  return pool.program.ends_with("/promised-exec");
}

std::uint64_t processes_of_job(const PoolSettings& pool) {
  return 1 + (pool.isolation == Isolation::job ? 1 : 0) + (has_exec(pool) ? 1 : 0);
}

bool Pools::is_pool(const Section& section) {
  return section.name.starts_with(kPoolPrefix) || section.name == "pool" || section.name.starts_with("pool ");
}

Result<void> Pools::add(const Section& section) {
  const auto name =
      parse_pool_name(section.name.starts_with(kPoolPrefix) ? section.name.substr(kPoolPrefix.size()) : "");
  if (!name) {
    return section.place.problem(
        "expected [pool.NAME], with a name of 1 to 64 letters, digits, '-', '_' and '.', found [" +
        section.name + "]");
  }
  PoolSettings pool;
  pool.name = *name;
  PROMISED_TRY(set_keys(section, pool_keys(pool)));
  if (pool.program.empty()) {
    return section.place.problem("[" + section.name + "] has no program; add program = /path/of/the/worker");
  }
  if (has(section, "program") && has(section, "builtin")) {
    return place_of(section, "builtin")
        .problem("[" + section.name + "] has a program of its own; take one of the two out");
  }
  PROMISED_TRY(check_processes(pool, section));
  return insert(std::move(pool), section.place);
}

Result<void> Pools::add_folder(const std::string& folder) {
  PROMISED_ASSIGN(const auto files, files_in(folder));
  for (const std::string& file : files) {
    PROMISED_ASSIGN(const auto sections, parse_file(file));
    for (const Section& section : sections) {
      if (!is_pool(section)) {
        return section.place.problem("only [pool.NAME] sections may be in this folder, found [" +
                                     section.name + "]");
      }
      PROMISED_TRY(add(section));
    }
  }
  return {};
}

Result<void> Pools::add_flag(const std::string& text, const Environment& environment) {
  const Place place{"--pool " + text, 0};
  const auto equals = text.find('=');
  if (equals == std::string::npos)
    return place.problem("expected NAME=PROGRAM, such as docs=/usr/bin/docs-worker");
  PoolSettings pool;
  const auto name = parse_pool_name(text.substr(0, equals));
  if (!name) return place.problem(name.problem().message);
  const auto words = split_words(text.substr(equals + 1));
  if (!words) return place.problem(words.problem().message);
  if (words->empty() || words->front().find('/') == std::string::npos) {
    return place.problem("expected the path of a worker program, such as ./worker, after the =");
  }
  pool.name = *name;
  pool.program =
      (std::filesystem::path(environment.working_directory) / words->front()).lexically_normal().string();
  pool.arguments.assign(words->begin() + 1, words->end());
  return insert(std::move(pool), place);
}

Result<void> Pools::insert(PoolSettings pool, const Place& place) {
  for (std::size_t i = 0; i < pools_.size(); ++i) {
    if (pools_[i].name != pool.name) continue;
    return place.problem("a pool '" + pool.name + "' exists already: " + places_[i].text());
  }
  pools_.push_back(std::move(pool));
  places_.push_back(place);
  return {};
}

}  // namespace promised::config
