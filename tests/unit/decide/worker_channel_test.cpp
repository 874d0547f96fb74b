// SPDX-License-Identifier: Apache-2.0
// Worker channels by themselves; what the scheduler makes of them is in the tests of dispatch and attempts.
#include "daemon/decide/worker_channel.hpp"

#include <doctest/doctest.h>

#include "daemon/decide/job.hpp"

using namespace promised;
using namespace std::chrono_literals;

namespace {

constexpr Nanos kTimeout = 100ms;

struct Scene {
  /// The first of them has just become the first.
  explicit Scene(int jobs) {
    for (int i = 0; i < jobs; ++i) channel.put(job, 1ms);
    channel.start_first(now);
  }
  /// Takes back what its worker says that it has not begun; returns how many that were.
  int take_back(std::uint32_t first_unclaimed) {
    int taken = 0;
    for (; channel.is_last_unclaimed(first_unclaimed); ++taken) channel.take_back_last(now);
    return taken;
  }

  Job job{JobId()};
  Instant now{1h};
  WorkerChannel channel;
};

using Overdue = WorkerChannel::Overdue;

}  // namespace

TEST_CASE("A2 a channel gives its jobs rising numbers and knows what they will take") {
  Scene scene(3);
  CHECK(scene.channel.front().sequence == 0);
  CHECK(scene.channel[2].sequence == 2);
  CHECK(scene.channel.next_sequence() == 3);
  CHECK(scene.channel.load() == Nanos(3ms));
  CHECK(scene.channel.take_first().sequence == 0);
  CHECK(scene.channel.take_back_last(scene.now).sequence == 2);
  CHECK(scene.channel.load() == Nanos(1ms));
  CHECK(scene.channel.put(scene.job, 2ms).sequence == 3);
}

TEST_CASE("A2 what a worker has not begun is taken back from the end, up to what it says it has begun") {
  Scene scene(4);
  CHECK(scene.take_back(2) == 2);
  CHECK(scene.channel.size() == 2);
  CHECK(scene.take_back(0) == 2);
  CHECK(scene.channel.empty());
}

TEST_CASE("A2 a job that has reported is not taken back, whatever its worker says") {
  Scene scene(3);
  CHECK_FALSE(scene.channel.has_first_begun(0, 0));
  scene.channel.first_spoke();
  CHECK(scene.channel.has_first_begun(0, 0));
  CHECK(scene.take_back(0) == 2);
  CHECK(scene.channel.size() == 1);
  // That is so for this one, and not for the next.
  scene.channel.take_first();
  scene.channel.put(scene.job, 1ms);
  scene.channel.start_first(scene.now);
  CHECK(scene.take_back(0) == 1);
}

TEST_CASE("A2 a worker that says it has begun more than it was given says nothing by that") {
  Scene scene(2);
  CHECK(scene.channel.was_given(2));
  CHECK(scene.channel.has_first_begun(0, 2));
  CHECK_FALSE(scene.channel.was_given(3));
  CHECK_FALSE(scene.channel.has_first_begun(0, 3));
}

TEST_CASE("A2 a worker is asked once what it has begun, and again when it was given more") {
  Scene scene(2);
  CHECK(scene.channel.may_hold_prefetched());
  CHECK(scene.channel.begin_revoking());
  CHECK_FALSE(scene.channel.begin_revoking());
  CHECK_FALSE(scene.channel.may_hold_prefetched());
  CHECK(scene.channel.end_revoking());
  CHECK_FALSE(scene.channel.end_revoking());
  CHECK_FALSE(scene.channel.may_hold_prefetched());
  scene.channel.put(scene.job, 1ms);
  CHECK(scene.channel.may_hold_prefetched());
}

TEST_CASE("T3 the first of a channel has to begin in time, unless something shows that it has") {
  Scene scene(2);
  WorkerChannel& channel = scene.channel;
  CHECK(channel.due_by(kTimeout) == scene.now + kTimeout);
  CHECK(channel.overdue(scene.now + kTimeout - 1ns, kTimeout) == Overdue::nothing);
  CHECK(channel.overdue(scene.now + kTimeout, kTimeout) == Overdue::beginning);
  CHECK(channel.begin_revoking());
  CHECK(channel.due_by(kTimeout) == Instant::max());  // the answer comes by itself
  channel.end_revoking();
  channel.first_spoke();
  CHECK(channel.overdue(scene.now + 1h, kTimeout) == Overdue::nothing);
  CHECK(channel.due_by(kTimeout) == Instant::max());
}

TEST_CASE("T3 a worker that says it has begun several jobs owes the report of the first") {
  Scene scene(3);
  scene.channel.all_have_begun(scene.now + 10ms);
  CHECK(scene.channel.overdue(scene.now + 10ms + kTimeout, kTimeout) == Overdue::report);
  // Asked again it says the same, and has no longer for that.
  scene.channel.all_have_begun(scene.now + 50ms);
  CHECK(scene.channel.due_by(kTimeout) == scene.now + 10ms + kTimeout);
  // Nor by anything else that the first says.
  scene.channel.first_spoke();
  CHECK(scene.channel.due_by(kTimeout) == scene.now + 10ms + kTimeout);
  scene.channel.take_first();
  scene.channel.take_first();
  scene.channel.all_have_begun(scene.now + 60ms);
  CHECK(scene.channel.overdue(scene.now + 1h, kTimeout) == Overdue::nothing);
}

TEST_CASE("T3 the time in which jobs were first and were taken back counts until the worker begins one") {
  Scene scene(1);
  scene.now += 60ms;
  CHECK(scene.take_back(0) == 1);
  scene.channel.put(scene.job, 1ms);
  scene.channel.start_first(scene.now);
  CHECK(scene.channel.due_by(kTimeout) == scene.now + 40ms);
  scene.channel.first_spoke();
  scene.channel.take_first();
  scene.channel.put(scene.job, 1ms);
  scene.channel.start_first(scene.now);
  CHECK(scene.channel.due_by(kTimeout) == scene.now + kTimeout);
}

TEST_CASE("A2 nothing is put behind the first while what was taken back has shown no beginning") {
  Scene scene(1);
  scene.now += 1ms;
  CHECK(scene.take_back(0) == 1);
  CHECK_FALSE(scene.channel.is_closed());  // it holds nothing
  scene.channel.put(scene.job, 1ms);
  scene.channel.start_first(scene.now);
  CHECK(scene.channel.is_closed());
  scene.channel.first_spoke();
  CHECK_FALSE(scene.channel.is_closed());
}

TEST_CASE("T3 what a channel held that was emptied owes nothing for what is put into it then") {
  Scene scene(2);
  scene.channel.all_have_begun(scene.now);
  CHECK(scene.take_back(0) == 2);
  CHECK(scene.channel.due_by(kTimeout) == Instant::max());
  scene.channel.put(scene.job, 1ms);
  scene.channel.start_first(scene.now);
  CHECK(scene.channel.overdue(scene.now + kTimeout, kTimeout) == Overdue::beginning);
}

TEST_CASE("T3 a job that its worker is told when that is on disk has its time to begin from then on") {
  Scene scene(0);
  WorkerChannel& channel = scene.channel;
  channel.put(scene.job, 1ms);
  channel.close_until(7);
  channel.start_first(scene.now);
  CHECK(channel.is_closed());
  scene.now += kTimeout;
  CHECK(channel.overdue(scene.now, kTimeout) == Overdue::not_told);
  channel.wait_for_disk(6, scene.now);
  scene.now += kTimeout;
  CHECK(channel.overdue(scene.now, kTimeout) == Overdue::not_told);
  channel.wait_for_disk(7, scene.now);
  CHECK(channel.overdue(scene.now, kTimeout) == Overdue::nothing);
  CHECK(channel.overdue(scene.now + kTimeout, kTimeout) == Overdue::beginning);
  channel.take_first();
  CHECK_FALSE(channel.is_closed());
}
