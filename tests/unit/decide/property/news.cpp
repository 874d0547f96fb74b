// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/decide/property/news.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

#include "tests/unit/decide/property/model_store.hpp"

namespace promised::test {
namespace {

/// Of so many events all fit on the way to a client, however large they are.
constexpr std::uint64_t kSurelyOnTheWay = 256;

bool is_end(EventKind kind) {
  return kind >= EventKind::succeeded;
}

std::string text_of(const JobEvent& event) {
  return std::string(to_string(event.kind)) + " (attempt " + std::to_string(event.attempt) + ") of job " +
         event.id.text();
}

}  // namespace

void News::subscribe(const Key& key, message::Subscribe filter, std::optional<uid_t> owner) {
  Reader& made = readers_[key];
  made.filter = std::move(filter);
  made.owner = owner;
}

void News::unsubscribe(const Key& key) {
  Reader& reader = readers_.at(key);
  if (std::exchange(reader.leaves, true)) return;  // what it says again changes nothing
  reader.left_some = reader.next + reader.expected.size() - reader.used > kSurelyOnTheWay;
}

void News::leave(SessionId session) {
  std::erase_if(readers_, [&](const auto& reader) { return reader.first.first == session; });
}

void News::begin_anew() {
  readers_.clear();
  courses_.clear();
}

bool News::fits(const Reader& reader, const JobEvent& event) {
  const message::Subscribe& wanted = reader.filter;
  const bool of_kind = wanted.kinds == 0 || ((wanted.kinds >> static_cast<unsigned>(event.kind)) & 1U) != 0;
  const bool of_function =
      wanted.function.empty() || fnmatch(wanted.function.c_str(), event.function.c_str(), 0) == 0;
  const bool of_queue = wanted.queue.empty() || wanted.queue == event.queue;
  const bool of_name = event.name.substr(0, wanted.name_prefix.size()) == wanted.name_prefix;
  const bool of_owner = !wanted.owner || *wanted.owner == event.owner;
  const bool may_be_seen = !reader.owner || *reader.owner == event.owner;
  return of_kind && of_function && of_queue && of_name && of_owner && may_be_seen;
}

void News::happened(const JobEvent& event) {
  follow(event);
  for (auto& [key, reader] : readers_) {
    if (!reader.leaves && fits(reader, event)) reader.expected.push_back(event);
  }
}

/// Of a job that an earlier daemon has had it is not known where it stands.
void News::follow(const JobEvent& event) {
  const auto wrong = [&](const char* what) { throw Violation(text_of(event) + " is told, and " + what); };
  const auto found = courses_.find(event.id);
  if (found == courses_.end() && event.kind != EventKind::accepted) {
    if (is_end(event.kind)) courses_[event.id] = {event.attempt, false, false, event.kind};
    return;
  }
  Course& course = courses_[event.id];
  switch (event.kind) {
    case EventKind::accepted:
      if (found != courses_.end()) wrong("something was told of it before");
      course.accepted = true;
      break;
    case EventKind::started:
      if (course.end) wrong("it has ended");
      if (event.attempt < course.attempts) wrong("a later attempt has begun");
      course.runs = true;
      break;
    case EventKind::progress:
      if (course.accepted && !course.runs) wrong("it does not run");
      break;
    case EventKind::interrupted:
      if (course.accepted && !course.runs) wrong("it does not run");
      course.runs = false;
      break;
    case EventKind::retried:
      if (course.accepted && !course.runs && course.end != EventKind::failed) wrong("nothing has failed");
      course.end.reset();
      course.runs = false;
      break;
    default:
      if (course.end) wrong("it has ended before");
      course.end = event.kind;
      course.runs = false;
  }
  // An interruption is not an attempt: the next one has the same number.
  course.attempts = event.attempt - (event.kind == EventKind::interrupted && event.attempt > 0 ? 1 : 0);
}

void News::hear(const Key& key, const message::Events& events) {
  const auto found = readers_.find(key);
  if (found == readers_.end()) throw Violation("events are told to who has not subscribed, or not any more");
  Reader& reader = found->second;
  if (!std::exchange(reader.answered, true)) {
    if (!events.events.empty() || events.first != 0 || events.lost != 0 || events.last)
      throw Violation("the first answer to a subscription is not empty");
    return;
  }
  if (events.lost > reader.expected.size())
    throw Violation(std::to_string(events.lost) + " events are told to be lost, and there were " +
                    std::to_string(reader.expected.size()));
  reader.expected.erase(reader.expected.begin(),
                        reader.expected.begin() + static_cast<std::ptrdiff_t>(events.lost));
  lost_ += events.lost;
  if (!events.events.empty() && events.first != reader.next)
    throw Violation("event " + std::to_string(events.first) + " is told, and " + std::to_string(reader.next) +
                    " is the next");
  for (const JobEvent& event : events.events) {
    if (reader.expected.empty()) throw Violation(text_of(event) + " is told, and was told before");
    if (event != reader.expected.front())
      throw Violation(text_of(event) + " is told, and " + text_of(reader.expected.front()) + " is missing");
    reader.expected.pop_front();
    ++reader.next;
    ++heard_;
  }
  if (!events.last) return;
  if (!reader.leaves) throw Violation("a subscription ends, and nobody has said so");
  if (!reader.expected.empty() && !reader.left_some)
    throw Violation(text_of(reader.expected.front()) + " is missing at the end of a subscription");
  readers_.erase(found);
}

std::uint64_t News::use(const Key& key) {
  Reader& reader = readers_.at(key);
  return reader.used = reader.next;
}

void News::check_end(const JobId& id, State state) const {
  const auto found = courses_.find(id);
  if (found == courses_.end() || !found->second.accepted || found->second.end == outcome_event(state)) return;
  throw Violation("job " + id.text() + " ends as " + std::string(to_string(state)) +
                  ", and the events do not say so");
}

bool News::anything_expected() const {
  return std::any_of(readers_.begin(), readers_.end(),
                     [](const auto& reader) { return !reader.second.expected.empty(); });
}

void News::nothing_left() const {
  for (const auto& [key, reader] : readers_) {
    if (!reader.expected.empty()) throw Violation(text_of(reader.expected.front()) + " is not told");
  }
  for (const auto& [id, course] : courses_) {
    if (course.accepted && !course.end) throw Violation("the end of job " + id.text() + " is not told");
  }
}

}  // namespace promised::test
