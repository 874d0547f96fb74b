// SPDX-License-Identifier: Apache-2.0
#include "bench/subject.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace promised::bench {

Subject::Subject(std::filesystem::path folder, const std::string& pools)
    : folder_(std::move(folder)), endpoint_("ipc://" + (folder_ / "promised.sock").string()) {
  std::filesystem::create_directories(folder_);
  std::ofstream config(folder_ / "promised.conf");
  config << "[daemon]\nendpoint = " << endpoint_ << "\nstate_dir = " << state().string()
         << "\nstop_grace = 100ms\n"
         << pools;
  if (!config.flush()) throw std::runtime_error("cannot write the configuration");
  start();
}

void Subject::start() {
  daemon_ = std::make_unique<Child>(
      std::vector<std::string>{PROMISED_DAEMON, "--config", (folder_ / "promised.conf").string()},
      folder_ / "log");
}

void Subject::kill() {
  daemon_->kill();
  daemon_.reset();
}

Client Subject::client() const {
  ClientOptions options;
  options.endpoint = endpoint_;
  options.connect_timeout = kPatience;
  options.close_timeout = std::chrono::milliseconds(0);
  return Client(options);
}

void wait_for_workers(Client& client) {
  const auto end = Clock::now() + kPatience;
  while (Clock::now() < end) {
    const StatusView view = client.status(kPatience);
    const bool all = std::all_of(view.pools.begin(), view.pools.end(), [](const PoolView& pool) {
      return pool.state == "ready" && pool.workers >= pool.size;
    });
    if (all && !view.pools.empty()) return;
  }
  throw std::runtime_error("the workers do not start");
}

double percentile(const std::vector<double>& sorted, double part) {
  if (sorted.empty()) throw std::runtime_error("nothing was measured");
  const auto place = static_cast<std::size_t>(part * static_cast<double>(sorted.size()));
  return sorted[std::min(place, sorted.size() - 1)];
}

}  // namespace promised::bench
