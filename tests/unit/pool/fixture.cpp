// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/pool/fixture.hpp"

#include <doctest/doctest.h>
#include <poll.h>

#include <fstream>

#include "common/ids.hpp"
#include "common/wire/value_codec.hpp"

namespace promised::test {

PoolSettings pool_of(const std::string& name, std::vector<std::string> arguments) {
  PoolSettings pool;
  pool.name = "test";
  pool.program = TEST_WORKERS "/worker_" + name;
  pool.arguments = std::move(arguments);
  return pool;
}

Payload encoded(const Value::List& positional, std::vector<std::pair<std::string, Value>> named) {
  return Payload(wire::encode(Arguments{positional, std::move(named)}).value());
}

Value decoded(const Payload& result) {
  const Result<Value> value = wire::decode_value(result.view());
  REQUIRE_MESSAGE(value.ok(), value.problem().message);
  return *value;
}

PoolFixture::PoolFixture(std::vector<PoolSettings> pools, const std::function<void(Settings&)>& change) {
  settings_.endpoint = "ipc:///nowhere";
  settings_.pools = std::move(pools);
  if (change) change(settings_);
  std::vector<std::string> users;
  for (const PoolSettings& pool : settings_.pools) users.push_back(pool.user);
  Result<std::unique_ptr<Spawner>> spawner = Spawner::fork("", users);
  REQUIRE_MESSAGE(spawner.ok(), spawner.problem().message);
  spawner_ = std::move(*spawner);
  workers_ = std::make_unique<Workers>(settings_, *spawner_);
}

WorkerId PoolFixture::start(std::uint32_t pool) {
  return start(settings_.pools.at(pool));
}

WorkerId PoolFixture::start(const PoolSettings& pool) {
  const WorkerId worker{next_worker_++};
  workers_->start({worker, std::make_shared<const PoolSettings>(pool)}, events_);
  workers_->flush();
  return worker;
}

WorkerId PoolFixture::start_ready(std::uint32_t pool) {
  const WorkerId worker = start(pool);
  const auto ready = await<event::WorkerReady>(worker);
  for (std::uint32_t i = 0; i < ready.functions.size(); ++i) functions_[worker][ready.functions[i].name] = i;
  return worker;
}

std::uint32_t PoolFixture::dispatch(WorkerId worker, const std::string& function, const Payload& arguments,
                                    std::uint32_t attempt) {
  REQUIRE_MESSAGE(functions_[worker].contains(function), function);
  const std::uint32_t sequence = next_sequence_[worker]++;
  workers_->dispatch({worker, {sequence, new_job_id(), functions_[worker][function], attempt}, arguments});
  return sequence;
}

event::AttemptEnded PoolFixture::call(WorkerId worker, const std::string& function,
                                      const Payload& arguments) {
  const std::uint32_t sequence = dispatch(worker, function, arguments);
  workers_->flush();
  std::optional<event::AttemptEnded> found;
  const auto ended = [&] {
    for (const auto& e : all<event::AttemptEnded>(worker)) {
      if (e.sequence == sequence) found = e;
    }
    return found.has_value();
  };
  until(ended, "the end of " + function);
  return *found;
}

Value PoolFixture::value_of(WorkerId worker, const std::string& function, const Payload& arguments) {
  const event::AttemptEnded ended = call(worker, function, arguments);
  REQUIRE_MESSAGE(ended.failure.cause == Cause::none, ended.failure.message);
  return decoded(ended.result);
}

std::uint32_t PoolFixture::revoke(WorkerId worker) {
  std::vector<Event> events;
  workers_->revoke({worker, next_sequence_[worker]}, events);
  REQUIRE(events.size() == 1);
  return std::get<event::Revoked>(events.front()).first_unclaimed;
}

void PoolFixture::read(std::chrono::milliseconds wait) {
  pollfd polled{workers_->fd(), POLLIN, 0};
  if (::poll(&polled, 1, static_cast<int>(wait.count())) <= 0) return;
  const Result<void> read = workers_->read(events_);
  REQUIRE_MESSAGE(read.ok(), read.problem().message);
}

void PoolFixture::until(const std::function<bool()>& condition, const std::string& what) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      std::string seen;
      for (const Event& e : events_) {
        if (const auto* failed = std::get_if<event::WorkerStartFailed>(&e)) seen += failed->reason + "; ";
        if (const auto* gone = std::get_if<event::WorkerGone>(&e)) {
          seen += "gone: signal " + std::to_string(gone->signal) + ", code " +
                  std::to_string(gone->exit_code) + ", " + gone->protocol_error + " " + gone->output + "; ";
        }
      }
      FAIL("waited in vain for " << what << " after " << events_.size() << " events: " << seen);
    }
    read(std::chrono::milliseconds(50));
  }
}

void PoolFixture::forget_events() {
  events_.clear();
}

}  // namespace promised::test
