// SPDX-License-Identifier: Apache-2.0
// The rules by which jobs hang together (SEMANTICS C): what follows which end, and in which course the
// members of a composite run. They know numbers and states, and no jobs: on_link.cpp and on_composite.cpp
// carry out what they say.
#pragma once

#include <promised/types.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/branches.hpp"
#include "common/payload.hpp"
#include "daemon/nouns.hpp"

namespace promised {

struct Outcome;

/// The course of a composite: which of its members go next, and when it is over. The members are known by
/// their places.
class Course {
 public:
  Course(Composite kind, MemberFailure on_failure, std::uint32_t members);

  /// What is to happen now.
  struct Step {
    std::vector<std::uint32_t> go;  ///< these have their turn
    bool stop = false;              ///< what has not begun is to be cancelled
    bool over = false;              ///< all have ended
  };
  /// From the beginning, or from where it was found.
  [[nodiscard]] Step begin();
  /// The member has ended.
  [[nodiscard]] Step ended(std::uint32_t place, State how);

  /// After a restart, before begin(): the member has had its turn, or has ended.
  void found_gone(std::uint32_t place);
  void found_ended(std::uint32_t place, State how);

  /// No further member gets its turn.
  void halt() { halted_ = true; }
  [[nodiscard]] bool over() const { return unended_ == 0; }
  [[nodiscard]] std::uint32_t unended() const { return unended_; }
  /// The first member because of which a composite that stops then has failed.
  [[nodiscard]] std::optional<std::uint32_t> failed() const { return failed_; }

 private:
  enum class Member : std::uint8_t { waiting, gone, ended };
  void note(std::uint32_t place, State how);
  [[nodiscard]] Step next();

  Composite kind_;
  MemberFailure on_failure_;
  std::vector<Member> members_;
  std::uint32_t unended_;
  std::uint32_t turn_ = 0;  ///< whose turn comes next, if it has not come
  bool halted_ = false;
  std::optional<std::uint32_t> failed_;
};

/// What only a job has that hangs together with others, beside its detail.
struct Kin {
  Link link;
  std::vector<JobId> callbacks;
  std::vector<JobId> members;                   ///< of a composite, by their places
  JobId then;                                   ///< gets the list of what they have come to; empty: nobody
  std::optional<Course> course;                 ///< of a composite
  std::vector<JobId> heirs;                     ///< they come to what this job comes to (SEMANTICS C7)
  std::vector<JobId> wanted_by;                 ///< they wait for its result, which comes from the store
  std::uint32_t missing = 0;                    ///< results of members that are still to come from there
  std::unordered_map<JobId, Payload> gathered;  ///< those that have come
  std::optional<std::string> lost;              ///< why its result could not be read
  std::uint32_t behind = 0;  ///< of `callbacks`, those that wait for room: see followers.hpp
  /// Whether the job may come to link.becomes shows when that has been read: the store does not know before.
  bool unread = false;

  /// As the store may know it.
  [[nodiscard]] Link written() const {
    Link known = link;
    if (unread) known.becomes = {};
    return known;
  }
};

/// How outcomes become arguments and results. Decide passes these bytes on and does not know what is in them:
/// the loop gives it those who do.
struct OutcomeFormat {
  std::string (*encode)(const Outcome& outcome, std::string_view result) = nullptr;
  std::string (*list)(std::span<const std::string> outcomes) = nullptr;
  /// `value`, and the arguments behind it.
  Payload (*with_first)(std::string_view value, std::string_view arguments) = nullptr;
};

}  // namespace promised
