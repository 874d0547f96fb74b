// SPDX-License-Identifier: Apache-2.0
// promised-bench: promised beside its peers, in one run. See bench/README.md.
#include <sys/statfs.h>

#include <exception>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

#include "bench/child.hpp"
#include "bench/goals.hpp"
#include "bench/measure.hpp"
#include "bench/options.hpp"
#include "bench/systems.hpp"

namespace {

using namespace promised::bench;

// An fsync in memory costs nothing, and then durability is not measured.
void warn_of_memory(const std::filesystem::path& folder) {
  constexpr decltype(statfs::f_type) kTmpfs = 0x01021994;
  struct statfs info {};
  if (statfs(folder.c_str(), &info) == 0 && info.f_type == kTmpfs) {
    std::cout << "note: " << folder.string() << " is a tmpfs, where durable costs nothing; see --directory\n";
  }
}

Figures measure_all(const Systems& systems, double seconds) {
  try {
    return measure(systems, std::chrono::duration<double>(seconds), std::cerr);
  } catch (const std::exception&) {
    for (const auto& expect_alive : systems.alive) expect_alive();
    throw;
  }
}

int run(const promised::bench::Options& options) {
  const Folder folder(options.directory);
  warn_of_memory(folder.path());
  Systems systems;
  add_promised(systems, folder.path());
  add_zeromq_chain(systems, folder.path());
  add_gearmand(systems, folder.path());
  add_beanstalkd(systems, folder.path());
  for (const std::string& missing : systems.missing) std::cout << "note: " << missing << '\n';

  const Figures figures = measure_all(systems, options.seconds);
  std::cout << "medians, least to most of " << kRounds
            << " rounds, and the ratio to the first line of each table;\n"
            << "a job returns its argument; 2 worker processes each\n";
  figures.print(std::cout);
  if (!options.json.empty()) {
    std::ofstream file(options.json);
    file << figures.json() << '\n';
    if (!file.flush()) throw std::runtime_error("cannot write " + options.json.string());
  }
  const bool all_met = check_goals(figures, std::cout);
  return options.check && !all_met ? 1 : 0;
}

int run_role(const std::vector<std::string>& role) {
  if (role.at(0).starts_with("zeromq-")) return run_zeromq_role(role);
  if (role.at(0) == "gearman-worker") return run_gearman_role(role);
  throw std::runtime_error("no role " + role.at(0));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const promised::bench::Options options = read_options(argc, argv);
    if (options.help) {
      std::cout << usage();
      return 0;
    }
    return options.role.empty() ? run(options) : run_role(options.role);
  } catch (const std::exception& e) {
    std::cerr << "promised-bench: " << e.what() << '\n';
    return 2;
  }
}
