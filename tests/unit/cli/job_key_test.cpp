// SPDX-License-Identifier: Apache-2.0
#include "cli/job_key.hpp"

#include <doctest/doctest.h>

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

}  // namespace
}  // namespace promised::cli
