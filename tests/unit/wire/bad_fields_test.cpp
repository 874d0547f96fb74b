// SPDX-License-Identifier: Apache-2.0
// Messages that are well-formed and say the impossible: the answer names field, expectation and finding.
#include <doctest/doctest.h>
#include <proto/client.pb.h>
#include <proto/worker.pb.h>

#include <functional>
#include <limits>
#include <string>

#include "common/wire/client_codec.hpp"
#include "common/wire/worker_codec.hpp"
#include "tests/unit/wire/samples.hpp"

namespace promised::test {
namespace {

constexpr const char* kDuration = "expected at most 3155760000000 ms (100 years), found ";

std::string sixteen() {
  return std::string(id(1).view());
}

Problem refused_request(const std::function<void(proto::Request&)>& set) {
  proto::Request request;
  request.set_number(7);
  set(request);
  const auto result = wire::decode_request(request.SerializeAsString());
  REQUIRE_FALSE(result.ok());
  return result.problem();
}

Problem refused_reply(const std::function<void(proto::Reply&)>& set) {
  proto::Reply reply;
  set(reply);
  const auto result = wire::decode_reply(reply.SerializeAsString());
  REQUIRE_FALSE(result.ok());
  return result.problem();
}

// A Submit that is right but for what `set` does to its options.
Problem refused_options(const std::function<void(proto::Options&)>& set) {
  return refused_request([&](proto::Request& r) {
    r.mutable_submit()->set_id(sixteen());
    set(*r.mutable_submit()->mutable_options());
  });
}

void check(const Problem& problem, const std::string& message) {
  CHECK(problem.code == "bad_request");
  CHECK(problem.message == message);
}

TEST_CASE("an id that is not 16 bytes is refused by the name of its field") {
  check(refused_request([](auto& r) { r.mutable_submit()->set_function("f"); }),
        "submit.id: expected 16 bytes, found nothing");
  check(refused_request([](auto& r) { r.mutable_submit()->set_id("short"); }),
        "submit.id: expected 16 bytes, found 5");
  check(refused_request([](auto& r) { r.mutable_submit()->set_id(std::string(17, 'x')); }),
        "submit.id: expected 16 bytes, found 17");
  check(refused_request([](auto& r) { r.mutable_submit()->set_id(std::string(16, '\0')); }),
        "submit.id: expected 16 bytes, found only zeros");
  check(refused_request([](auto& r) { r.mutable_hello()->set_client("x"); }),
        "hello.client: expected 16 bytes, found 1");
  check(refused_request([](auto& r) { r.mutable_watch()->set_id("x"); }),
        "watch.id: expected 16 bytes, found 1");
  check(refused_request([](auto& r) { r.mutable_cancel()->set_id("x"); }),
        "cancel.id: expected 16 bytes, found 1");
  check(refused_request([](auto& r) { r.mutable_forget()->set_id("x"); }),
        "forget.id: expected 16 bytes, found 1");
  check(refused_request([](auto& r) { r.mutable_show()->set_id("x"); }),
        "show.id: expected 16 bytes, found 1");
  check(refused_request([](auto& r) { r.mutable_list()->set_after("x"); }),
        "list.after: expected 16 bytes, found 1");
  check(refused_request([](auto& r) { r.mutable_adjust(); }), "adjust.id: expected 16 bytes, found nothing");
  check(refused_request([](auto& r) { r.mutable_remember()->set_name("n"); }),
        "remember.id: expected 16 bytes, found nothing");
  check(refused_reply([](auto& r) { r.mutable_welcome(); }),
        "welcome.daemon: expected 16 bytes, found nothing");
  check(refused_reply([](auto& r) { r.mutable_ended(); }), "ended.id: expected 16 bytes, found nothing");
  check(refused_reply([](auto& r) { r.mutable_known()->set_id("x"); }),
        "known.id: expected 16 bytes, found 1");
  check(refused_reply([](auto& r) { r.mutable_refused()->set_holder("x"); }),
        "refused.holder: expected 16 bytes, found 1");
  check(refused_reply([](auto& r) { r.mutable_jobs()->add_jobs(); }),
        "jobs.id: expected 16 bytes, found nothing");
}

TEST_CASE("a request about one job needs exactly one of id and name") {
  const std::string neither = "expected either an id or a name, found neither";
  const std::string both = "expected either an id or a name, found both";
  const auto set_both = [](auto& body) {
    body.set_id(sixteen());
    body.set_name("n");
  };
  check(refused_request([](auto& r) { r.mutable_watch(); }), "watch.id: " + neither);
  check(refused_request([&](auto& r) { set_both(*r.mutable_watch()); }), "watch.id: " + both);
  check(refused_request([](auto& r) { r.mutable_cancel(); }), "cancel.id: " + neither);
  check(refused_request([&](auto& r) { set_both(*r.mutable_cancel()); }), "cancel.id: " + both);
  check(refused_request([](auto& r) { r.mutable_forget(); }), "forget.id: " + neither);
  check(refused_request([&](auto& r) { set_both(*r.mutable_forget()); }), "forget.id: " + both);
  check(refused_request([](auto& r) { r.mutable_show(); }),
        "show.id: expected one of id, name, prefix and last, found none");
  check(refused_request([&](auto& r) {
          set_both(*r.mutable_show());
          r.mutable_show()->set_last(true);
        }),
        "show.id: expected one of id, name, prefix and last, found 3 of them");
  check(refused_request([](auto& r) { r.mutable_remember()->set_id(sixteen()); }),
        "remember.name: expected a name, found nothing");
}

TEST_CASE("Q3 a quota whose name is no text is refused") {
  check(refused_options([](auto& o) { o.add_quotas()->set_name("a\xff"); }),
        "submit.options.quotas: expected UTF-8, found byte 255 at offset 1");
}

TEST_CASE("Q1 a priority outside -100 to 100 is refused") {
  check(refused_options([](auto& o) { o.set_priority(101); }),
        "submit.options.priority: expected -100 to 100, found 101");
  check(refused_options([](auto& o) { o.set_priority(-2147483647 - 1); }),
        "submit.options.priority: expected -100 to 100, found -2147483648");
}

TEST_CASE("a number that is nothing to be done to the store is refused") {
  check(refused_request([](auto& r) { r.mutable_store_command()->set_task(3); }),
        "store_command.task: expected at most 2, found 3");
  check(refused_reply([](auto& r) { r.mutable_store_report()->set_task(3); }),
        "store_report.task: expected at most 2, found 3");
}

TEST_CASE("a number that is no state, cause, durability or way with duplicates is refused") {
  check(refused_options([](auto& o) { o.set_duplicate(4); }),
        "submit.options.duplicate: expected at most 3, found 4");
  check(refused_options([](auto& o) { o.set_durability(2); }),
        "submit.options.durability: expected at most 1, found 2");
  check(refused_request([](auto& r) {
          r.mutable_remember()->set_id(sixteen());
          r.mutable_remember()->set_name("n");
          r.mutable_remember()->set_duplicate(4294967295U);
        }),
        "remember.duplicate: expected at most 3, found 4294967295");
  check(refused_request([](auto& r) { r.mutable_list()->set_states(0x800); }),
        "list.states: expected bits of known states, at most 2047, found 2048");
  check(refused_reply([](auto& r) { r.mutable_known()->set_state(11); }),
        "known.state: expected at most 10, found 11");
  check(refused_reply([](auto& r) { r.mutable_refused()->set_state(256); }),
        "refused.state: expected at most 10, found 256");
  check(refused_reply([](auto& r) {
          r.mutable_ended()->set_id(sixteen());
          r.mutable_ended()->mutable_failure()->set_cause(12);
        }),
        "ended.failure.cause: expected at most 11, found 12");
  check(refused_request([](auto& r) {
          r.mutable_remember()->set_id(sixteen());
          r.mutable_remember()->set_name("n");
          r.mutable_remember()->mutable_outcome()->set_state(3);
        }),
        "remember.outcome.state: expected the state of a job that has ended, found running");
  check(refused_request([](auto& r) {
          r.mutable_remember()->set_id(sixteen());
          r.mutable_remember()->set_name("n");
          r.mutable_remember()->mutable_outcome()->set_state(5);
          r.mutable_remember()->mutable_outcome()->set_durability(2);
        }),
        "remember.outcome.durability: expected at most 1, found 2");
}

TEST_CASE("S6 an abandon that is none is refused, and so is an id to withdraw that is none") {
  check(refused_options([](auto& o) { o.set_abandon(2); }),
        "submit.options.abandon: expected at most 1, found 2");
  check(refused_request([](auto& r) { r.mutable_withdraw()->add_ids("short"); }),
        "withdraw.ids: expected 16 bytes, found 5");
}

TEST_CASE("A3 bits of retry_on that are none are refused, and so is a wait for ids that are none") {
  check(refused_options([](auto& o) { o.set_retry_on(2); }),
        "submit.options.retry_on: expected at most 1, found 2");
  check(refused_reply([](auto& r) {
          r.mutable_jobs()->add_jobs()->set_id(sixteen());
          r.mutable_jobs()->mutable_jobs(0)->add_waits_for("short");
        }),
        "jobs.waits_for: expected 16 bytes, found 5");
}

TEST_CASE("a duration longer than 100 years is refused, so that none overflows a clock") {
  constexpr std::uint64_t kTooLong = 3'155'760'000'001;
  check(refused_options([](auto& o) { o.set_timeout_ms(kTooLong); }),
        std::string("submit.options.timeout: ") + kDuration + "3155760000001");
  check(refused_options([](auto& o) { o.set_run_timeout_ms(kTooLong); }),
        std::string("submit.options.run_timeout: ") + kDuration + "3155760000001");
  check(refused_options([](auto& o) { o.set_lifespan_ms(std::numeric_limits<std::uint64_t>::max() - 1); }),
        std::string("submit.options.lifespan: ") + kDuration + "18446744073709551614");
  check(refused_options([](auto& o) { o.set_abandon_grace_ms(kTooLong); }),
        std::string("submit.options.abandon_grace: ") + kDuration + "3155760000001");
  check(refused_options([](auto& o) { o.set_progress_timeout_ms(kTooLong); }),
        std::string("submit.options.progress_timeout: ") + kDuration + "3155760000001");
  check(refused_options([](auto& o) { o.set_deadline_ms(kTooLong); }),
        std::string("submit.options.deadline: ") + kDuration + "3155760000001");
  check(refused_request([](auto& r) {
          r.mutable_adjust()->set_id(sixteen());
          r.mutable_adjust()->set_timeout_ms(kTooLong);
        }),
        std::string("adjust.timeout: ") + kDuration + "3155760000001");
  check(refused_request([](auto& r) {
          r.mutable_adjust()->set_id(sixteen());
          r.mutable_adjust()->set_run_timeout_ms(kTooLong);
        }),
        std::string("adjust.run_timeout: ") + kDuration + "3155760000001");
  check(refused_reply([](auto& r) { r.mutable_status()->mutable_ran()->set_p50_us(std::uint64_t{1} << 63); }),
        "status.p50: expected at most 9223372036854775807 us, found 9223372036854775808");
}

TEST_CASE("a negative duration is refused instead of becoming a long one") {
  std::string bytes;
  wire::encode(
      message::Request{1, 0, message::Submit{id(1), "f", Options{}.timeout(std::chrono::milliseconds(-1))}},
      bytes);
  const auto result = wire::decode_request(bytes);
  REQUIRE_FALSE(result.ok());
  check(result.problem(), std::string("submit.options.timeout: ") + kDuration + "18446744073709551615");
}

TEST_CASE("the longest duration there is passes") {
  const Options options = Options{}.timeout(std::chrono::milliseconds(3'155'760'000'000)).priority(100);
  const auto back = wire::decode_options(wire::encode(options));
  REQUIRE(back.ok());
  CHECK(*back == options);
}

TEST_CASE("text that programs compare must be UTF-8") {
  check(refused_request([](auto& r) {
          r.mutable_submit()->set_id(sixteen());
          r.mutable_submit()->set_function("caf\xe9");
        }),
        "submit.function: expected UTF-8, found byte 233 at offset 3");
  check(refused_options([](auto& o) { o.set_queue("\xff"); }),
        "submit.options.queue: expected UTF-8, found byte 255 at offset 0");
  check(refused_options([](auto& o) { o.set_name("a\xc0"); }),
        "submit.options.name: expected UTF-8, found byte 192 at offset 1");
  check(refused_request([](auto& r) { r.mutable_list()->set_name_prefix("\x80"); }),
        "list.name_prefix: expected UTF-8, found byte 128 at offset 0");
  check(refused_request([](auto& r) { r.mutable_store_command()->set_path("/\xff"); }),
        "store_command.path: expected UTF-8, found byte 255 at offset 1");
}

TEST_CASE("the first of several impossible fields is the one that is named") {
  check(refused_options([](auto& o) {
          o.set_priority(101);
          o.set_duplicate(9);
        }),
        "submit.options.priority: expected -100 to 100, found 101");
}

TEST_CASE("a request of a later version is refused, an empty one only acknowledges") {
  const std::string unknown_body = "\xfa\x07\x00";  // field 127, of no bytes
  const auto refused = wire::decode_request(std::string_view(unknown_body.data(), 3));
  REQUIRE_FALSE(refused.ok());
  check(
      refused.problem(),
      "the request is of a kind that this version does not know; use client and daemon of the same version");
  CHECK(wire::decode_request("").ok());
}

TEST_CASE("a reply without a body that is known is garbage") {
  const auto result = wire::decode_reply("");
  REQUIRE_FALSE(result.ok());
  CHECK(result.problem().code == "garbage");
  CHECK(result.problem().message ==
        "the reply is of no kind that this version knows; use client and daemon of the same version");
}

TEST_CASE("E1 bytes that are no message are garbage") {
  const std::string bytes = "\xff\xff\xff";
  for (const Problem& problem :
       {wire::decode_request(bytes).problem(), wire::decode_reply(bytes).problem(),
        wire::decode_options(bytes).problem(), wire::decode_failure(bytes).problem()}) {
    CHECK(problem.code == "garbage");
  }
  CHECK(wire::decode_request(bytes).problem().message == "expected a request, found 3 bytes that are none");
  CHECK(wire::decode_reply(bytes).problem().message == "expected a reply, found 3 bytes that are none");
  CHECK(wire::decode_options(bytes).problem().message == "expected options, found 3 bytes that are none");
  CHECK(wire::decode_failure(bytes).problem().message == "expected a failure, found 3 bytes that are none");
}

}  // namespace
}  // namespace promised::test
