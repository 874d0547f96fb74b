// SPDX-License-Identifier: Apache-2.0
// Jobs that submit jobs and wait for them (SEMANTICS C8): a worker program that is a client too.
#include <promised/client.hpp>
#include <promised/worker.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

promised::Client& client() {
  // However busy the machine is.
  static promised::Client own([] {
    promised::ClientOptions options;
    options.connect_timeout = 1min;
    return options;
  }());
  return own;
}

promised::JobId id_of(const std::string& text) {
  return promised::JobId::parse(text).value();
}

// How many generations there are from this one on.
std::int64_t generations(promised::Job& job, std::int64_t below) {
  if (below == 0) return 1;
  const auto child = client().submit<std::int64_t>("generations", below - 1);
  job.wait(child);
  return 1 + child.result();
}

// The same, and all of them have one key, so that one at a time may run.
std::int64_t generations_one_by_one(promised::Job& job, std::int64_t below) {
  if (below == 0) return 1;
  const auto child = client().submit<std::int64_t>(promised::Options().exclusive("family"),
                                                   "generations_one_by_one", below - 1);
  job.wait(child);
  return 1 + child.result();
}

// The sum of what several jobs return, which are waited for together.
std::int64_t sum(promised::Job& job, std::int64_t count) {
  std::vector<promised::Future<std::int64_t>> children;
  for (std::int64_t i = 0; i < count; ++i) children.push_back(client().submit<std::int64_t>("same", i));
  job.wait(children);
  std::int64_t all = 0;
  for (const auto& child : children) all += child.result();
  return all;
}

std::int64_t same(std::int64_t number) {
  return number;
}

// Waits for the first of several, while the others are held ready behind it.
void wait_for_first(promised::Job& job, std::int64_t behind) {
  const auto quickly = promised::Options().durability(promised::Durability::memory);
  const auto first = client().submit<std::int64_t>(quickly, "same", 0);
  std::vector<promised::Future<std::int64_t>> rest;
  for (std::int64_t i = 0; i < behind; ++i) rest.push_back(client().submit<std::int64_t>(quickly, "same", i));
  for (const auto& future : rest) future.accepted();
  job.wait(first);
}

std::int64_t wait_for_gate(std::string gate) {
  while (!std::filesystem::exists(gate)) std::this_thread::sleep_for(1ms);
  return 1;
}

// Waits for the job whose id somebody has noted.
std::string wait_for_noted(promised::Job& job) {
  for (;;) {
    if (const auto id = job.note<std::string>("for")) {
      job.wait(id_of(*id));
      return "waited";
    }
    std::this_thread::sleep_for(1ms);
  }
}

std::string wait_for_id(promised::Job& job, std::string id) {
  job.wait(id_of(id));
  return "waited";
}

// Waits for a job behind a gate, and once it is cancelled for another, which is to clean up.
void wait_twice(promised::Job& job, std::string gate, std::string noted) {
  try {
    job.wait(client().submit<std::int64_t>("wait_for_gate", gate));
  } catch (const promised::JobCancelled&) {
    try {
      job.wait(client().submit<std::int64_t>("same", 1));
    } catch (const promised::JobCancelled&) {
      std::ofstream(noted) << "cancelled twice\n";
      throw;
    }
  }
}

std::string wait_for_itself(promised::Job& job) {
  try {
    job.wait(job.id());
  } catch (const promised::Deadlock&) {
    return "caught";
  }
  return "waited";
}

// Comes to what another job comes to.
promised::Future<std::int64_t> delegate(std::string function, std::int64_t argument) {
  return client().submit<std::int64_t>(function, argument);
}

// The same, once that has ended and its outcome is here.
promised::Future<std::int64_t> delegate_late(promised::Job& job, std::string function,
                                             std::int64_t argument) {
  auto child = client().submit<std::int64_t>(function, argument);
  job.wait(child);
  child.wait();
  return child;
}

// A chain of so many jobs, none of which keeps a worker.
promised::Future<std::int64_t> descend(std::int64_t below) {
  if (below == 0) return client().submit<std::int64_t>("same", 42);
  return client().submit<std::int64_t>("descend", below - 1);
}

promised::AnyFuture become_job(std::string id) {
  return client().future(id_of(id));
}

std::int64_t fail(std::int64_t number) {
  throw std::runtime_error("number " + std::to_string(number));
}

}  // namespace

int main(int argc, char** argv) {
  promised::Worker worker(argc, argv);
  worker.define("generations", generations)
      .define("generations_one_by_one", generations_one_by_one)
      .define("sum", sum)
      .define("same", same)
      .define("wait_for_first", wait_for_first)
      .define("wait_for_gate", wait_for_gate)
      .define("wait_for_noted", wait_for_noted)
      .define("wait_for_id", wait_for_id)
      .define("wait_for_itself", wait_for_itself)
      .define("wait_twice", wait_twice)
      .define("delegate", delegate)
      .define("delegate_late", delegate_late)
      .define("descend", descend)
      .define("become_job", become_job)
      .define("fail", fail);
  return worker.run();
}
