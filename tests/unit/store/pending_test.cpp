// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/pending.hpp"

#include <doctest/doctest.h>

#include <random>

#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

/// What a change is, in short: "insert 5", "name a=5".
std::string text_of(const Change& change) {
  const auto number = [](const JobId& id) { return std::to_string(id.bytes()[15] + 256 * id.bytes()[14]); };
  if (const auto* c = std::get_if<change::InsertJob>(&change)) return "insert " + number(c->id);
  if (const auto* c = std::get_if<change::StartJob>(&change)) return "start " + number(c->id);
  if (const auto* c = std::get_if<change::RequeueJob>(&change)) return "requeue " + number(c->id);
  if (const auto* c = std::get_if<change::AdjustJob>(&change)) return "adjust " + number(c->id);
  if (const auto* c = std::get_if<change::EndJob>(&change)) return "end " + number(c->id);
  if (const auto* c = std::get_if<change::DeleteJob>(&change)) return "delete " + number(c->id);
  if (const auto* c = std::get_if<change::SetName>(&change)) return "name " + c->name + "=" + number(c->id);
  if (const auto* c = std::get_if<change::DropName>(&change)) return "drop " + c->name;
  return "delete " + std::get<change::DeleteName>(change).name;
}

std::vector<std::string> left_of(PendingChanges& pending) {
  std::vector<std::string> texts;
  for (const Change& change : pending.take()) texts.push_back(text_of(change));
  return texts;
}

/// What is left to write of these changes, each batch added on its own.
std::vector<std::string> left_of(std::vector<std::vector<Change>> batches) {
  PendingChanges pending;
  for (auto& batch : batches) {
    pending.add(batch);
    CHECK(batch.empty());
  }
  return left_of(pending);
}

using Texts = std::vector<std::string>;

TEST_CASE("changes are written in the order in which they came") {
  CHECK(left_of({{insert(1), set_name("a", 1)}, {succeed(1), insert(2), change::StartJob{job_id(2), 1}}}) ==
        Texts{"insert 1", "name a=1", "end 1", "insert 2", "start 2"});
}

TEST_CASE("a job that comes and goes before its commit is never written") {
  CHECK(left_of({{insert(1)},
                 {change::StartJob{job_id(1), 1}, change::RequeueJob{job_id(1), 1, 0}},
                 {change::AdjustJob{job_id(1), {}, {}}, succeed(1), remove(1)}})
            .empty());
  CHECK(left_of({{insert(1), insert(2), succeed(1), insert(3), remove(1), succeed(3)}}) ==
        Texts{"insert 2", "insert 3", "end 3"});
}

TEST_CASE("the end of a job that is on disk already is written") {
  CHECK(left_of({{succeed(1), remove(1)}}) == Texts{"end 1", "delete 1"});
}

TEST_CASE("a job that is on disk is deleted there when its id comes and goes again") {
  CHECK(left_of({{remove(1), insert(1), remove(1)}}) == Texts{"delete 1"});
}

TEST_CASE("a job that comes, goes and comes again is written once") {
  CHECK(left_of({{insert(1), remove(1), insert(1), change::StartJob{job_id(1), 1}}}) ==
        Texts{"insert 1", "start 1"});
}

TEST_CASE("R1 a job that a name was given to is written, whatever becomes of it") {
  CHECK(left_of({{insert(1), set_name("a", 1), succeed(1), change::DropName{1000, "a", State::lapsed, {}},
                  remove(1)}}) == Texts{"insert 1", "name a=1", "end 1", "drop a", "delete 1"});
}

TEST_CASE("a name of one job does not keep its neighbours") {
  CHECK(left_of({{insert(1), insert(2), set_name("a", 2), remove(1), change::DeleteName{1000, "b"}}}) ==
        Texts{"insert 2", "name a=2", "delete b"});
}

TEST_CASE("taken changes are gone, and what comes then stands for itself") {
  PendingChanges pending;
  std::vector<Change> first{insert(1)};
  pending.add(first);
  CHECK_FALSE(pending.empty());
  CHECK(left_of(pending) == Texts{"insert 1"});
  CHECK(pending.empty());
  std::vector<Change> second{remove(1)};
  pending.add(second);
  CHECK(left_of(pending) == Texts{"delete 1"});
}

TEST_CASE("what is elided lets go of its payload at once") {
  int released = 0;
  const auto release = [](void* count) { ++*static_cast<int*>(count); };
  change::InsertJob job = insert(1);
  job.arguments = Payload("bytes", 5, release, &released);
  PendingChanges pending;
  std::vector<Change> changes{std::move(job), insert(2), remove(1)};
  pending.add(changes);
  CHECK(released == 1);
  CHECK(pending.size() == 1);
}

TEST_CASE("thousands of jobs at once leave exactly those that stay") {
  PendingChanges pending;
  std::mt19937_64 random(5);
  std::vector<std::uint64_t> here;
  std::vector<bool> gone(20'000);
  for (std::uint64_t number = 0; number < gone.size(); ++number) {
    std::vector<Change> changes{insert(number), change::StartJob{job_id(number), 1}};
    here.push_back(number);
    if (random() % 3 != 0) {
      std::swap(here[random() % here.size()], here.back());
      gone[here.back()] = true;
      changes.emplace_back(succeed(here.back()));
      changes.emplace_back(remove(here.back()));
      here.pop_back();
    }
    pending.add(changes);
  }
  Texts expected;
  for (std::uint64_t number = 0; number < gone.size(); ++number) {
    if (gone[number]) continue;
    expected.push_back("insert " + std::to_string(number));
    expected.push_back("start " + std::to_string(number));
  }
  CHECK(left_of(pending) == expected);
}

}  // namespace
}  // namespace promised::test
