// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/deeds.hpp"

#include <signal.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "common/messages.hpp"
#include "common/wire/worker_codec.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/temp_directory.hpp"

namespace promised::test {
namespace {

std::string answer(std::size_t payload_size) {
  std::string bytes;
  wire::encode_frame(message::FromWorker(message::AttemptEnded{0, {}, {}}), payload_size, bytes);
  return bytes;
}

Value bytes_of(const std::string& text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return Value(Bytes(begin, begin + text.size()));
}

/// The beginning of an answer that never comes in full.
std::string half_an_answer() {
  return answer(1 << 16) + std::string(1000, '\0');
}

const std::vector<End> kSucceeded{{}}, kThrown{{Cause::exception}}, kSegfault{{Cause::crashed, SIGSEGV}},
    kAbort{{Cause::crashed, SIGABRT}}, kKilled{{Cause::crashed, SIGKILL}}, kTimedOut{{Cause::timed_out}};

std::vector<Deed> crashes() {
  const Options patient = Options().retry_on(Retry::crash);
  return {
      {"segfault", {}, kSegfault, {}, 1, 1, "misbehave::segfault"},
      {"abort", {}, kAbort, {}, 1, 1, "misbehave::abort_now"},
      {"overflow_stack", {}, kSegfault, {}, 1, 1, "descend"},
      {"print_and_abort", {to_value("last words")}, kAbort, {}, 1, 1, "misbehave::abort_now"},
      {"orphan_and_abort", {to_value(true)}, kAbort, {}, 1, 1, "misbehave::abort_now"},
      // The last of its crashes may be a kill of the test.
      {"segfault",
       {},
       {{Cause::quarantined, SIGSEGV}, {Cause::quarantined, SIGKILL}},
       patient,
       3,
       3,
       "misbehave::segfault"},
      {"segfault", {}, kSegfault, Options().at_most_once(), 1, 1, "misbehave::segfault"},
      {"send_and_die", {bytes_of(half_an_answer())}, kKilled},
      {"write_garbage", {to_value(std::string(100, '\xff'))}, kKilled},
  };
}

std::vector<Deed> exits() {
  return {
      {"leave", {to_value(0)}, {{Cause::exited, 0, 0}}},
      {"leave", {to_value(9)}, {{Cause::exited, 0, 9}}},
      {"exit", {to_value(3)}, {{Cause::exited, 0, 3}}},
      {"exit_in_destructor", {to_value(4)}, {{Cause::exited, 0, 4}}},
      // As long as the daemon waits for that it exits by itself; on a busy machine that may take longer.
      {"close_everything", {}, {{Cause::exited, 0, 1}, {Cause::crashed, 0, 1}, {Cause::crashed, SIGKILL}}},
  };
}

/// What the daemon ends: no crash.
std::vector<Deed> ended() {
  const Options brief = Options().run_timeout(20ms), quiet = Options().progress_timeout(20ms);
  const Options overdue = Options().deadline(500ms);
  return {
      {"sleep", {}, kTimedOut, brief, 1, 0},
      {"spin", {}, kTimedOut, brief, 1, 0},
      {"stop_itself", {}, kTimedOut, brief, 1, 0},
      {"fork_bomb", {to_value("/dev/null"), to_value(20)}, kTimedOut, brief, 1, 0},
      {"ignore_sigterm", {}, kTimedOut, quiet, 1, 0},
      {"sleep", {}, kTimedOut, overdue, 1, 0},
      {"sleep", {}, {}, {}, 1, 0, nullptr, Then::cancel},
      {"ignore_sigterm", {}, {}, {}, 1, 0, nullptr, Then::cancel_now},
      // An answer for another job, mostly one that has ended, and then its own: its worker goes, and it may
      // be in the middle of it then.
      {"send_on_channel", {bytes_of(answer(0))}, {{}, {Cause::interrupted}}, {}, 1, 0},
  };
}

/// What goes on as if nothing were.
std::vector<Deed> harmless() {
  const auto deed = [](const char* function, Value::List arguments, const std::vector<End>& ends) {
    return Deed{function, std::move(arguments), ends, {}, 1, 0, nullptr, Then::nothing, Dies::nobody};
  };
  return {
      deed("throw_odd", {}, kThrown),
      deed("throw_int", {}, kThrown),
      deed("big", {to_value(kMaxResult)}, {{Cause::result_too_large}}),
      deed("print", {to_value(std::uint64_t{4} << 20), to_value("last words")}, kSucceeded),
      deed("leave_thread", {to_value("/nowhere")}, kSucceeded),
  };
}

/// What its worker may not be able to put back: then it goes, and no other job with it.
std::vector<Deed> changes() {
  constexpr std::uint32_t kNobody = 65534;
  const auto deed = [](const char* function, Value::List arguments, Dies dies, Returns returns) {
    return Deed{function, std::move(arguments), kSucceeded, {}, 1, 0, nullptr, Then::nothing, dies, returns};
  };
  return {
      deed("change_itself", {to_value(kNobody)}, Dies::somebody, Returns::something),
      deed("lower_limits", {to_value(true)}, Dies::nobody, Returns::nothing),  // root may raise them again
      deed("orphan_elsewhere", {}, Dies::somebody, Returns::something),
  };
}

}  // namespace

bool Deed::may_end(const std::optional<Failure>& failure) const {
  const End end = failure ? End{failure->cause, failure->signal, failure->exit_code} : End{};
  return std::find(ends.begin(), ends.end(), end) != ends.end();
}

const char* name_of(Pool pool) {
  switch (pool) {
    case Pool::together:
      return "together";
    case Pool::apart:
      return "apart";
    case Pool::sandboxed:
      break;
  }
  return "sandboxed";
}

Pool choose_pool(std::uint64_t random) {
  constexpr std::array kPools{Pool::together, Pool::together, Pool::apart, Pool::sandboxed};
  return kPools.at(random % kPools.size());
}

Deeds::Deeds(std::filesystem::path runs)
    : runs_(std::move(runs)),
      usual_(crashes()),
      denying_{{"deny_having_begun", {to_value(runs_.string())}, kKilled, {}, 1, 0},
               // Of a process of its own its worker knows that it has begun, whatever that denies.
               {"deny_having_begun",
                {to_value(runs_.string())},
                {{Cause::interrupted, SIGKILL}, {Cause::crashed, SIGKILL}},
                Options().at_most_once(),
                1,
                0}},
      stuck_{"write_garbage", {to_value(half_an_answer())}, kKilled},
      greedy_{"allocate", {}, {{Cause::memory}}, {}, 1, 0} {
  for (const auto& more : {exits(), ended(), harmless(), changes()})
    usual_.insert(usual_.end(), more.begin(), more.end());
  write_file(runs_, "");
}

const Deed& Deeds::choose(Pool pool, std::mt19937_64& random) const {
  if (random() % 400 == 0) return stuck_;  // for seconds, so seldom
  const std::uint64_t chance = random() % 100;
  // There it can write to no file of outside.
  if (chance < 5 && pool != Pool::sandboxed) return denying_[chance % denying_.size()];
#ifndef PROMISED_SANITIZED  // whose shadow memory is above any limit
  if (chance < 15 && pool == Pool::apart) return greedy_;
#endif
  return usual_[random() % usual_.size()];
}

std::size_t Deeds::denied_runs() const {
  const std::string runs = read_file(runs_);
  return static_cast<std::size_t>(std::count(runs.begin(), runs.end(), '\n'));
}

}  // namespace promised::test
