// SPDX-License-Identifier: Apache-2.0
#include "tests/system/wait_rows.hpp"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>

#include "tests/support/detached.hpp"

namespace promised::test {
namespace {

using namespace std::chrono_literals;
using Job = const Future<std::int64_t>&;

struct Awaited {
  std::mutex mutex;
  std::condition_variable changed;
  bool over = false;
  std::exception_ptr error;
};

Detached await_it(Future<std::int64_t> future, Awaited& awaited) {
  std::exception_ptr error;
  try {
    static_cast<void>(co_await future);
  } catch (...) {
    error = std::current_exception();
  }
  const std::lock_guard lock(awaited.mutex);
  awaited.error = error;
  awaited.over = true;
  awaited.changed.notify_one();
}

constexpr const char* kAsked = "asked/";

/// By the name that the job has now.
Future<std::int64_t> by_name(Client& client, Job job) {
  return client.future<std::int64_t>(client.show(job.id(), std::chrono::minutes(1)).name);
}

void expect(bool effect) {
  if (!effect) throw std::runtime_error("it had no effect");
}

}  // namespace

const std::vector<EndWait>& end_waits() {
  static const std::vector<EndWait> all{
      {"result", [](Client&, Job job) { (void)job.result(); }, kCrashed},
      {"value", [](Client&, Job job) { (void)job.value(); }, kCrashed},
      {"exception", [](Client&, Job job) { (void)job.exception(); }, kNothing},
      {"failure", [](Client&, Job job) { (void)job.failure(); }, kNothing},
      {"wait", [](Client&, Job job) { (void)job.wait(); }, kNothing},
      {"wait()", [](Client&, Job job) { (void)promised::wait(std::vector<AnyFuture>{job}); }, kNothing},
      {"as_completed",
       [](Client&, Job job) {
         for (auto& done : as_completed(std::vector{job})) (void)done.result();
       },
       kCrashed},
      {"take", [](Client&, Job job) { (void)job.take(); }, kCrashed},
      {"by name", [](Client& client, Job job) { (void)by_name(client, job).result(); }, kCrashed},
      {"take by name", [](Client& client, Job job) { (void)by_name(client, job).take(); }, kCrashed},
      {"parts: next", [](Client&, Job job) { (void)job.parts().next(); }, kCrashed},
      {"parts: iterate",
       [](Client&, Job job) {
         for (const Value& part : job.parts()) (void)part;
       },
       kCrashed},
      {"follow_output",
       [](Client&, Job job) {
         for (const OutputPiece& piece : job.follow_output()) (void)piece;
       },
       kNothing},
      {"co_await",
       [](Client&, Job job) {
         Awaited awaited;
         await_it(job, awaited);
         std::unique_lock lock(awaited.mutex);
         awaited.changed.wait(lock, [&] { return awaited.over; });
         if (awaited.error) std::rethrow_exception(awaited.error);
       },
       kCrashed},
  };
  return all;
}

const std::vector<Question>& questions() {
  static const std::vector<Question> all{
      {"accepted by id", [](Client& client, Job job) { client.future(job.id()).accepted(); }},
      {"accepted by name", [](Client& client, Job) { client.future("asked/accepted by name").accepted(); }},
      {"state", [](Client&, Job job) { (void)job.state(); }},
      {"running", [](Client&, Job job) { (void)job.running(); }},
      {"output", [](Client&, Job job) { (void)job.output(); }},
      {"reload", [](Client& client, Job) { (void)client.reload(); }},
      {"progress", [](Client&, Job job) { (void)job.progress(); }},
      {"note: write", [](Client&, Job job) { expect(job.note("key", 1)); }},
      {"note: read", [](Client&, Job job) { (void)job.note("key"); }},
      {"notes", [](Client&, Job job) { (void)job.notes(); }},
      {"timeout", [](Client&, Job job) { (void)job.timeout(1h); }},
      {"run_timeout", [](Client&, Job job) { (void)job.run_timeout(1h); }},
      {"future.remember", [](Client&, Job job) { (void)job.remember("again"); }},
      {"remember", [](Client& client, Job job) { client.remember(job.id(), "once more"); }},
      {"future.cancel", [](Client&, Job job) { expect(job.cancel()); }},
      {"cancel", [](Client& client, Job job) { expect(client.cancel(job.id())); }},
      {"cancel by name", [](Client& client, Job) { expect(client.cancel("asked/cancel by name")); }},
      {"future.forget", [](Client&, Job job) { expect(job.forget()); }},
      {"forget", [](Client& client, Job job) { expect(client.forget(job.id())); }},
      {"forget by name", [](Client& client, Job) { expect(client.forget("asked/forget by name")); }},
      {"reach", [](Client& client, Job) { client.reach(); }},
      {"status", [](Client& client, Job) { (void)client.status(); }},
      {"jobs", [](Client& client, Job) { (void)client.jobs(); }},
      {"show", [](Client& client, Job job) { (void)client.show(job.id()); }},
      {"show_prefix", [](Client& client, Job job) { (void)client.show_prefix(job.id().text()); }},
      {"show_last", [](Client& client, Job) { (void)client.show_last(); }},
      {"futures: size", [](Client& client, Job) { (void)client.futures().size(); }},
      {"futures: find", [](Client& client, Job) { (void)client.futures().contains("none"); }},
      {"futures: at", [](Client& client, Job) { (void)client.futures().at("asked/futures: at"); }},
      {"futures: iterate",
       [](Client& client, Job) {
         for (const Remembered& one : client.futures()) (void)one.name();
       }},
  };
  return all;
}

std::string asked_name(const Question& question) {
  return kAsked + std::string(question.name);
}

const std::vector<Question>& store_questions() {
  static const std::vector<Question> all{
      {"check_store", [](Client& client, Job) { (void)client.check_store(); }},
      {"back_up_store", [](Client& client, Job) { client.back_up_store(); }},
      {"compact_store", [](Client& client, Job) { client.compact_store(); }},
  };
  return all;
}

}  // namespace promised::test
