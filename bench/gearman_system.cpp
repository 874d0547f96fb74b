// SPDX-License-Identifier: Apache-2.0
// gearmand as Debian has it, through libgearman, with two worker processes. Foreground tasks bring their
// results back to the client, many at once; background tasks are only counted where they run.
#include "bench/systems.hpp"

#ifdef PROMISED_BENCH_GEARMAN

#include <fcntl.h>
#include <libgearman/gearman.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <utility>

#include "common/fd.hpp"

namespace promised::bench {
namespace {

constexpr const char* kHost = "127.0.0.1";
constexpr std::chrono::seconds kPatience{20};

// How many jobs the workers have done: a page that all processes share.
class Counter {
 public:
  Counter() : fd_(::memfd_create("jobs-done", MFD_CLOEXEC)) {
    if (!fd_.valid() || ::ftruncate(fd_.get(), sizeof(std::atomic<std::uint64_t>)) != 0) {
      throw std::runtime_error("cannot make a shared counter");
    }
    map();
  }
  explicit Counter(int fd) : fd_(fd) { map(); }
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;
  ~Counter() { ::munmap(page_, sizeof *page_); }

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::atomic<std::uint64_t>& value() { return *page_; }

 private:
  void map() {
    void* page = ::mmap(nullptr, sizeof *page_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (page == MAP_FAILED) throw std::runtime_error("cannot map the shared counter");
    page_ = static_cast<std::atomic<std::uint64_t>*>(page);
  }

  Fd fd_;
  std::atomic<std::uint64_t>* page_ = nullptr;
};

class Gearmand {
 public:
  explicit Gearmand(const std::filesystem::path& folder) : port_(free_port()) {
    std::filesystem::create_directories(folder);
    processes_.push_back(
        std::make_unique<Child>(std::vector<std::string>{"gearmand", "--listen", kHost, "--port",
                                                         std::to_string(port_), "--log-file", "stderr"},
                                folder / "log"));
    wait_for_port(*processes_[0], port_);
    for (int i = 0; i < 2; ++i) {
      processes_.push_back(
          std::make_unique<Child>(std::vector<std::string>{"/proc/self/exe", "--role", "gearman-worker",
                                                           std::to_string(port_), std::to_string(done_.fd())},
                                  folder / "log", done_.fd()));
    }
    client_ = gearman_client_create(nullptr);
    if (client_ == nullptr || gearman_failed(gearman_client_add_server(client_, kHost, port_))) {
      throw std::runtime_error("libgearman takes no server");
    }
    gearman_client_set_timeout(client_, 20'000);
  }
  Gearmand(const Gearmand&) = delete;
  Gearmand& operator=(const Gearmand&) = delete;
  ~Gearmand() { gearman_client_free(client_); }

  [[nodiscard]] gearman_client_st* client() { return client_; }
  [[nodiscard]] std::atomic<std::uint64_t>& done() { return done_.value(); }
  [[nodiscard]] std::string unique() { return std::to_string(++number_); }

  void expect_alive() {
    for (const auto& process : processes_) process->expect_alive();
  }
  void run_tasks() {
    if (gearman_failed(gearman_client_run_tasks(client_))) {
      throw std::runtime_error(std::string("gearmand: ") + gearman_client_error(client_));
    }
    gearman_client_task_free_all(client_);
  }

 private:
  Counter done_;
  std::uint16_t port_;
  std::vector<std::unique_ptr<Child>> processes_;
  gearman_client_st* client_ = nullptr;
  std::uint64_t number_ = 0;
};

class GearmanForeground : public EchoSystem {
 public:
  explicit GearmanForeground(std::shared_ptr<Gearmand> gearmand) : gearmand_(std::move(gearmand)) {}

  std::string name() const override { return std::string(kGearmand); }
  std::string round_trip(const std::string& payload) override {
    std::size_t size = 0;
    gearman_return_t status = GEARMAN_SUCCESS;
    const std::string unique = gearmand_->unique();
    void* result = gearman_client_do(gearmand_->client(), "echo", unique.c_str(), payload.data(),
                                     payload.size(), &size, &status);
    if (gearman_failed(status)) {
      throw std::runtime_error(std::string("gearmand: ") + gearman_client_error(gearmand_->client()));
    }
    std::string text(static_cast<const char*>(result), size);
    std::free(result);
    return text;
  }
  // libgearman has no window: it runs a set of tasks to its end. So one set of kWindow tasks after another.
  std::uint64_t pipeline(const std::string& payload, Clock::time_point end) override {
    std::uint64_t done = 0;
    gearman_client_set_complete_fn(gearmand_->client(), [](gearman_task_st* task) {
      ++*static_cast<std::uint64_t*>(gearman_task_context(task));
      return GEARMAN_SUCCESS;
    });
    while (Clock::now() < end) {
      for (std::size_t i = 0; i < kWindow; ++i) {
        gearman_return_t status = GEARMAN_SUCCESS;
        const std::string unique = gearmand_->unique();
        gearman_client_add_task(gearmand_->client(), nullptr, &done, "echo", unique.c_str(), payload.data(),
                                payload.size(), &status);
        if (gearman_failed(status)) throw std::runtime_error("gearmand: a task was not taken");
      }
      gearmand_->run_tasks();
    }
    return done;
  }

 private:
  std::shared_ptr<Gearmand> gearmand_;  // shared by the two modes
};

class GearmanBackground : public EchoSystem {
 public:
  explicit GearmanBackground(std::shared_ptr<Gearmand> gearmand) : gearmand_(std::move(gearmand)) {}

  std::string name() const override { return std::string(kGearmandBackground); }
  bool answers() const override { return false; }
  std::string round_trip(const std::string&) override {
    throw std::logic_error("nobody tells of the result");
  }
  std::uint64_t pipeline(const std::string& payload, Clock::time_point end) override {
    const std::uint64_t before = gearmand_->done();
    std::uint64_t submitted = 0;
    gearman_client_set_complete_fn(gearmand_->client(), nullptr);
    while (Clock::now() < end) {
      for (std::size_t i = 0; i < kWindow / 4; ++i) {
        gearman_return_t status = GEARMAN_SUCCESS;
        const std::string unique = gearmand_->unique();
        gearman_client_add_task_background(gearmand_->client(), nullptr, nullptr, "echo", unique.c_str(),
                                           payload.data(), payload.size(), &status);
        if (gearman_failed(status)) throw std::runtime_error("gearmand: a task was not taken");
      }
      gearmand_->run_tasks();
      submitted += kWindow / 4;
      wait_for(before + submitted, 3 * kWindow / 4);
    }
    wait_for(before + submitted, 0);
    return submitted;
  }

 private:
  // Until no more than `rest` of the jobs up to `all` are still to be done.
  void wait_for(std::uint64_t all, std::uint64_t rest) {
    const auto deadline = Clock::now() + kPatience;
    while (gearmand_->done() + rest < all) {
      if (Clock::now() > deadline)
        throw std::runtime_error("gearmand: background jobs are not done after 20 s");
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }

  std::shared_ptr<Gearmand> gearmand_;
};

void* echo(gearman_job_st* job, void* context, std::size_t* size, gearman_return_t* status) {
  static_cast<std::atomic<std::uint64_t>*>(context)->fetch_add(1);
  *size = gearman_job_workload_size(job);
  void* result = std::malloc(*size);
  if (result == nullptr) {
    *status = GEARMAN_WORK_FAIL;
    return nullptr;
  }
  std::memcpy(result, gearman_job_workload(job), *size);
  *status = GEARMAN_SUCCESS;
  return result;
}

}  // namespace

void add_gearmand(Systems& systems, const std::filesystem::path& folder) {
  if (find_program("gearmand").empty()) {
    systems.missing.emplace_back("gearmand is not installed (gearman-job-server)");
    return;
  }
  auto gearmand = std::make_shared<Gearmand>(folder / "g");
  systems.alive.emplace_back([gearmand] { gearmand->expect_alive(); });
  systems.echo.push_back(std::make_unique<GearmanForeground>(gearmand));
  systems.echo.push_back(std::make_unique<GearmanBackground>(gearmand));
}

int run_gearman_role(const std::vector<std::string>& arguments) {
  Counter done(std::stoi(arguments.at(2)));
  gearman_worker_st* worker = gearman_worker_create(nullptr);
  const auto port = static_cast<in_port_t>(std::stoi(arguments.at(1)));
  if (worker == nullptr || gearman_failed(gearman_worker_add_server(worker, kHost, port)) ||
      gearman_failed(gearman_worker_add_function(worker, "echo", 0, echo, &done.value()))) {
    return 1;
  }
  while (gearman_success(gearman_worker_work(worker))) {
  }
  gearman_worker_free(worker);
  return 1;
}

}  // namespace promised::bench

#else

namespace promised::bench {

void add_gearmand(Systems& systems, const std::filesystem::path&) {
  systems.missing.emplace_back(
      "gearmand is not measured: this program was built without libgearman (libgearman-dev)");
}

int run_gearman_role(const std::vector<std::string>&) {
  return 1;
}

}  // namespace promised::bench

#endif
