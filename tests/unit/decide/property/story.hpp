// SPDX-License-Identifier: Apache-2.0
// A story is what happens to a daemon, as data: any part of its steps is a story too, so that one that shows
// a defect can be made shorter. It is made of a seed, and the same seed makes the same story for ever after
// in one version of this file.
#pragma once

#include <promised/types.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace promised::test {

/// Small, quick and the same everywhere (splitmix64).
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t roll() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return roll() % n; }

 private:
  std::uint64_t state_;
};

enum class IdOf : std::uint8_t { job = 1, client = 2, daemon = 3, command = 4 };
/// An id for a number, as clients make them: later ones are greater.
[[nodiscard]] JobId make_id(IdOf of, std::uint64_t number);

/// The numbers are choices, taken modulo what there is to choose from.
struct Step {
  /// To add one: name it here, give it a weight and a word in story.cpp, and let World do it.
  enum class Kind : std::uint8_t {
    submit,
    follow,  ///< a callback for a job that is there, or was
    tree,    ///< a composite with its members
    cancel,
    withdraw,
    adjust,
    remember,
    forget,
    retry,        ///< what has failed is to run again
    look,         ///< status, and one job
    explain,      ///< why a job does not run
    subscribe,    ///< a client wants to be told of events, or not any more
    read,         ///< it says that it has used those that it has been told
    acknowledge,  ///< a client says which outcomes it has
    leave,        ///< a client loses its connection, or says that it ends
    come_back,
    start_worker,  ///< one that was asked for is ready, or does not start
    claim,         ///< a worker begins its next job
    finish,        ///< claims if need be, and ends it
    crash,         ///< a worker is gone, whatever it does
    obey,          ///< one that was told to stop, or is killed, is gone
    progress,
    wait_for,  ///< a job waits for others
    stale,     ///< a worker reports what is long over
    time,
    commit,
    slow_disk,
    reload,
    pause,    ///< a queue is paused, or goes on
    policy,   ///< a queue has another weight, ageing or rate
    clear,    ///< all that waits in a queue is cancelled
    quota,    ///< one has another size, or binds nobody any more
    restart,  ///< the daemon is killed, or stops; what it had written is there
    count
  };

  Kind kind = Kind::time;
  bool joined = false;    ///< with the next one, in one turn of the loop
  std::uint32_t who = 0;  ///< which client, or which worker
  std::uint32_t job =
      0;  ///< of what submits: the job's number, which no other has; else of the job that is meant
  std::uint64_t detail = 0;  ///< all other choices
};

struct Story {
  std::uint64_t setup = 0;  ///< chooses pools and limits
  std::vector<Step> steps;
};

[[nodiscard]] Story make_story(std::uint64_t seed, std::size_t steps);
/// One line a step.
[[nodiscard]] std::string to_text(const Story& story);

}  // namespace promised::test
