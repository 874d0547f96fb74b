// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/links.hpp"

namespace promised {

Course::Course(Composite kind, MemberFailure on_failure, std::uint32_t members)
    : kind_(kind), on_failure_(on_failure), members_(members, Member::waiting), unended_(members) {}

Course::Step Course::begin() {
  return next();
}

Course::Step Course::ended(std::uint32_t place, State how) {
  const bool had_failed = failed_.has_value();
  note(place, how);
  Step step = next();
  step.stop = failed_ && !had_failed;
  return step;
}

void Course::found_gone(std::uint32_t place) {
  if (members_[place] == Member::waiting) members_[place] = Member::gone;
}

void Course::found_ended(std::uint32_t place, State how) {
  note(place, how);
}

void Course::note(std::uint32_t place, State how) {
  if (members_[place] == Member::ended) return;
  members_[place] = Member::ended;
  --unended_;
  if (how == State::succeeded || on_failure_ == MemberFailure::go_on || halted_) return;
  failed_ = place;
  halted_ = true;
}

Course::Step Course::next() {
  Step step;
  step.over = unended_ == 0;
  if (halted_) return step;
  for (; turn_ < members_.size(); ++turn_) {
    if (members_[turn_] == Member::waiting) {
      members_[turn_] = Member::gone;
      step.go.push_back(turn_);
    }
    if (kind_ == Composite::serial && members_[turn_] == Member::gone) break;
  }
  return step;
}

}  // namespace promised
