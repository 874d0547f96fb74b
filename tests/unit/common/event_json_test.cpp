// SPDX-License-Identifier: Apache-2.0
#include "common/event_json.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cmath>

using namespace promised;

namespace {

JobEvent failed() {
  JobEvent event;
  event.kind = EventKind::failed;
  event.at = WallClock(std::chrono::microseconds(1'700'000'000'000'012));
  event.id = JobId(std::array<std::uint8_t, 16>{1});
  event.function = "report.build";
  event.queue = "default";
  event.owner = 1000;
  event.attempt = 2;
  return event;
}

}  // namespace

TEST_CASE("C9 an event is one line of JSON, with null for what there is not") {
  CHECK(event_json(failed()) ==
        R"({"format": 1, "event": "failed", "at": "2023-11-14T22:13:20.000012Z", )"
        R"("id": "01000000-0000-0000-0000-000000000000", "function": "report.build", "queue": "default", )"
        R"("name": null, "owner": 1000, "attempt": 2, "progress": null, "message": null, "failure": null, )"
        R"("reason": null})");
  JobEvent gap;
  gap.lost = 3;
  CHECK(event_json(gap) == R"({"format": 1, "event": "lost", "lost": 3})");
  gap.lost = 0;
  CHECK(event_json(gap) == R"({"format": 1, "event": "lost", "lost": null})");
}

TEST_CASE("C9 a failure is told as everywhere else, and text from others cannot leave its quotes") {
  JobEvent event = failed();
  event.failure.cause = Cause::exception;
  event.failure.message = "a \"quote\", a \\ and\na line";
  event.failure.ran = std::chrono::microseconds(1500);
  event.name = "\xe2\x82\xac \xf0\x9f\x98\x80 \xff";
  event.progress = 12.5;
  const std::string text = event_json(event);
  CHECK(text.find(R"("message": "a \"quote\", a \\ and\u000aa line")") != std::string::npos);
  CHECK(text.find(R"("name": "\u20ac \ud83d\ude00 \ufffd")") != std::string::npos);
  CHECK(text.find(R"("ran_us": 1500)") != std::string::npos);
  CHECK(text.find(R"("progress": 12.5)") != std::string::npos);
  CHECK(text.find('\n') == std::string::npos);
  event.progress = std::nan("");
  CHECK(event_json(event).find(R"("progress": null)") != std::string::npos);
}
