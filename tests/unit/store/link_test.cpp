// SPDX-License-Identifier: Apache-2.0
// How jobs hang together, as rows.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

std::vector<RecoveredLink> links_of(Store& store) {
  std::vector<RecoveredLink> all;
  const auto replayed = store.replay_links([&](const RecoveredLink& link) { all.push_back(link); });
  REQUIRE_MESSAGE(replayed.ok(), replayed.problem().message);
  return all;
}

Link full_link() {
  Link link;
  link.parent = job_id(7);
  link.follows = Follows::then;
  link.place = 4'000'000'000;
  link.composite = Composite::parallel;
  link.on_member_failure = MemberFailure::stop;
  link.phase = Link::Phase::passed_over;
  link.becomes = job_id(8);
  return link;
}

TEST_CASE("C1 how a job hangs together with others is kept, whatever it is, and goes with the job") {
  const TempDirectory directory;
  {
    const auto store = open_store(directory / "state");
    commit(*store, {insert(1), change::LinkJob{job_id(1), full_link()}, insert(2),
                    change::LinkJob{job_id(2), Link()}, change::LinkJob{job_id(3), full_link()}});
  }
  const auto store = open_store(directory / "state");
  const auto links = links_of(*store);
  REQUIRE(links.size() == 2);  // there is no job 3
  CHECK(links[0].id == job_id(1));
  CHECK(links[0].link == full_link());
  CHECK(links[1].link == Link());
  commit(*store, {change::LinkJob{job_id(2), full_link()}});
  CHECK(links_of(*store)[1].link == full_link());
  commit(*store, {change::DeleteJob{job_id(1), false, true}, change::DeleteJob{job_id(2), false, true}});
  CHECK(links_of(*store).empty());
}

TEST_CASE("C1 a job whose turn has come has other arguments, of any size, and another moment") {
  const TempDirectory directory;
  const std::string small(10, 's'), large(5000, 'l');
  for (const std::string& before : {small, large}) {
    for (const std::string& after : {std::string(), small, large}) {
      CAPTURE(before.size());
      CAPTURE(after.size());
      const auto path = directory / (std::to_string(before.size()) + "-" + std::to_string(after.size()));
      const auto store = open_store(path);
      commit(*store, {insert(1, before), change::LinkJob{job_id(1), Link()}});
      commit(*store, {change::ReadyJob{job_id(1), Payload(after), moment(99)},
                      change::ReadyJob{job_id(2), Payload(large), {}}});
      const Contents contents = contents_of(*store);
      REQUIRE(contents.jobs.size() == 1);
      CHECK(contents.jobs[0].arguments.view() == after);
      CHECK(contents.jobs[0].arguments_size == after.size());
      CHECK(contents.jobs[0].submitted == moment(99));
      CHECK(links_of(*store)[0].link.phase == Link::Phase::ready);
      commit(*store, {succeed(1)});
      CHECK(contents_of(*store).job(1)->arguments.empty());
    }
  }
}

}  // namespace
}  // namespace promised::test
