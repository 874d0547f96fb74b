// SPDX-License-Identifier: Apache-2.0
// The daemon as its users run it: the real program, the client library, worker programs with the worker
// library.
#include <deque>
#include <fstream>
#include <promised/client.hpp>
#include <ranges>
#include <stdexcept>
#include <utility>

#include "bench/systems.hpp"

namespace promised::bench {
namespace {

constexpr std::chrono::seconds kAnswer{20};

// A daemon of its own with one pool of `workers`.
class Daemon {
 public:
  Daemon(const std::filesystem::path& folder, int workers)
      : folder_(folder), endpoint_("ipc://" + (folder / "promised.sock").string()) {
    std::filesystem::create_directories(folder / "state");
    const auto config = folder / "promised.conf";
    std::ofstream file(config);
    file << "[daemon]\nendpoint = " << endpoint_ << "\nstate_dir = " << (folder / "state").string()
         << "\nstop_grace = 100ms\n[pool.bench]\nprogram = " PROMISED_BENCH_WORKER "\nsize = " << workers
         << "\nkill_grace = 100ms\n";
    if (!file.flush()) throw std::runtime_error("cannot write " + config.string());
    child_ = std::make_unique<Child>(std::vector<std::string>{PROMISED_DAEMON, "--config", config.string()},
                                     folder / "log");
    ClientOptions options;
    options.endpoint = endpoint_;
    options.connect_timeout = kAnswer;
    client_ = std::make_unique<Client>(std::move(options));
    wait_until(*child_, "workers of promised", [&] {
      const StatusView view = client_->status(kAnswer);
      return !view.pools.empty() && view.pools[0].workers == static_cast<std::uint32_t>(workers) &&
             view.pools[0].state == "ready";
    });
  }

  [[nodiscard]] Client& client() { return *client_; }
  void expect_alive() { child_->expect_alive(); }

 private:
  std::filesystem::path folder_;
  std::string endpoint_;
  std::unique_ptr<Child> child_;
  std::unique_ptr<Client> client_;
};

class PromisedEcho : public EchoSystem {
 public:
  PromisedEcho(std::shared_ptr<Daemon> daemon, Durability durability)
      : daemon_(std::move(daemon)), options_(Options{}.durability(durability)) {}

  std::string name() const override {
    return std::string(options_.durability() == Durability::memory ? kPromisedMemory : kPromisedDurable);
  }
  std::string round_trip(const std::string& payload) override {
    return daemon_->client().submit<std::string>(options_, "echo", payload).result(kAnswer);
  }
  std::uint64_t pipeline(const std::string& payload, Clock::time_point end) override {
    std::deque<Future<std::string>> under_way;
    std::uint64_t done = 0;
    while (Clock::now() < end) {
      while (under_way.size() < kWindow) {
        under_way.push_back(daemon_->client().submit<std::string>(options_, "echo", payload));
      }
      for (std::size_t i = 0; i < kWindow / 4; ++i) finish_first(under_way, done);
    }
    while (!under_way.empty()) finish_first(under_way, done);
    return done;
  }

 private:
  static void finish_first(std::deque<Future<std::string>>& under_way, std::uint64_t& done) {
    (void)under_way.front().result(kAnswer);
    under_way.pop_front();
    ++done;
  }

  std::shared_ptr<Daemon> daemon_;  // shared by the two durabilities, which run on the same daemon
  Options options_;
};

// The pipeline as an application writes it.
class PromisedMap : public EchoSystem {
 public:
  explicit PromisedMap(std::shared_ptr<Daemon> daemon) : daemon_(std::move(daemon)) {}

  std::string name() const override { return "promised, map, memory"; }
  bool answers() const override { return false; }
  std::string round_trip(const std::string&) override { throw std::logic_error("a map has no round trip"); }
  std::uint64_t pipeline(const std::string& payload, Clock::time_point end) override {
    MapOptions options;
    options.options.durability(Durability::memory);
    options.chunk = kWindow;
    const auto inputs = std::views::iota(0) |
                        std::views::take_while([end](int) { return Clock::now() < end; }) |
                        std::views::transform([&payload](int) -> const std::string& { return payload; });
    std::uint64_t done = 0;
    for ([[maybe_unused]] const std::string& result :
         daemon_->client().map<std::string>(options, "echo", inputs))
      ++done;
    return done;
  }

 private:
  std::shared_ptr<Daemon> daemon_;  // shared with the others on the same daemon
};

// Named durable jobs: accepted means on disk. The only worker is busy, so that they queue.
class PromisedAccept : public AcceptSystem {
 public:
  PromisedAccept(std::shared_ptr<Daemon> daemon, std::string name, std::string prefix, std::size_t window)
      : daemon_(std::move(daemon)), name_(std::move(name)), prefix_(std::move(prefix)), window_(window) {}

  std::string name() const override { return name_; }
  std::uint64_t accept(const std::string& payload, Clock::time_point end) override {
    std::deque<AnyFuture> under_way;
    std::uint64_t accepted = 0;
    const auto finish_first = [&] {
      under_way.front().accepted(kAnswer);
      under_way.pop_front();
      ++accepted;
    };
    while (Clock::now() < end) {
      while (under_way.size() < window_) {
        const Options options = Options{}.remember(prefix_ + std::to_string(++number_));
        under_way.push_back(daemon_->client().submit(options, "echo", payload));
      }
      for (std::size_t i = 0; i < (window_ + 3) / 4; ++i) finish_first();
    }
    while (!under_way.empty()) finish_first();
    return accepted;
  }

 private:
  std::shared_ptr<Daemon> daemon_;  // shared by the two windows
  std::string name_;
  std::string prefix_;
  std::size_t window_;
  std::uint64_t number_ = 0;
};

}  // namespace

void add_promised(Systems& systems, const std::filesystem::path& folder) {
  auto two_workers = std::make_shared<Daemon>(folder / "p2", 2);
  systems.alive.emplace_back([two_workers] { two_workers->expect_alive(); });
  systems.echo.push_back(std::make_unique<PromisedEcho>(two_workers, Durability::memory));
  systems.echo.push_back(std::make_unique<PromisedEcho>(two_workers, Durability::durable));
  systems.echo.push_back(std::make_unique<PromisedMap>(two_workers));

  auto busy = std::make_shared<Daemon>(folder / "p1", 1);
  systems.alive.emplace_back([busy] { busy->expect_alive(); });
  const auto hold = busy->client().submit<void>(Options{}.durability(Durability::memory), "hold");
  const auto deadline = Clock::now() + kAnswer;
  while (!hold.running()) {
    if (Clock::now() > deadline)
      throw std::runtime_error("promised does not run the job that keeps its worker busy");
  }
  systems.accept.push_back(std::make_unique<PromisedAccept>(busy, "promised, one at a time", "one-", 1));
  systems.accept.push_back(
      std::make_unique<PromisedAccept>(busy, std::string(kPromisedAccept), "many-", kWindow));
}

}  // namespace promised::bench
