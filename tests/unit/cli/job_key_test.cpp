// SPDX-License-Identifier: Apache-2.0
#include "cli/job_key.hpp"

#include <doctest/doctest.h>

#include "cli/usage_error.hpp"

namespace promised::cli {
namespace {

TEST_CASE("M5 the beginning of an id is told from a name") {
  for (const char* text :
       {"0190", "01909d5e", "01909D5E", "01909d5e-", "01909d5e-7", "01909d5e-7a3b-7c4d-8e5f-0123456789a"}) {
    CAPTURE(text);
    CHECK(may_be_id_prefix(text));
  }
  for (const char* text : {"", "019", "last", "report", "0190x", "01909d5e7", "0190-", "01909d5e--",
                           "01909d5e-7a3b-7c4d-8e5f-0123456789ab"}) {
    CAPTURE(text);
    CHECK_FALSE(may_be_id_prefix(text));
  }
}

TEST_CASE("M5 a name that could not be found by is refused, with the reason") {
  const auto refusal = [](const std::string& name) -> std::string {
    try {
      (void)usable_name(name, "--name");
      return "accepted";
    } catch (const UsageError& e) {
      return e.what();
    }
  };
  CHECK(
      refusal("last") ==
      "--name: expected a name, found 'last', which always means your newest job: nobody could find this one "
      "by it; choose another");
  const std::string id = "01909d5e-7a3b-7c4d-8e5f-0123456789ab";
  CHECK(refusal(id) == "--name: expected a name, found '" + id +
                           "', which always means the job with this id: nobody could find another by it; "
                           "choose another");
  CHECK(refusal("") == "--name: expected a name, found nothing");
  for (const char* name : {"Last", "last/report", "0190", "cafe", "01909d5e-7a3b", "--name"}) {
    CAPTURE(name);
    CHECK(refusal(name) == "accepted");
  }
}

}  // namespace
}  // namespace promised::cli
