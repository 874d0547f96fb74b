// SPDX-License-Identifier: Apache-2.0
#include "cli/farewell.hpp"

#include <doctest/doctest.h>

namespace promised::cli {
namespace {

const JobId kJob = *JobId::parse("01900000-0000-7000-8000-000000000001");
const std::vector<Unaccepted> kUnaccepted{{kJob, "report.build", "the daemon was stopping"}};

TEST_CASE("M5 trouble names what was not accepted, once") {
  Trouble trouble{ExitCode::no_daemon, "no_daemon", "the daemon is gone"};
  add_unaccepted(trouble, kUnaccepted);
  const std::string line =
      "the daemon is gone; report.build (job " + kJob.text() + ") was not accepted: the daemon was stopping";
  CHECK(trouble.message == line);
  add_unaccepted(trouble, kUnaccepted);
  CHECK(trouble.message == line);
}

TEST_CASE("M5 a warning does not repeat a job that was not accepted; others are told, in their order") {
  const std::vector<std::string> warnings{
      "the daemon could not read a request",
      "report.build (job " + kJob.text() + ") was not accepted, and nobody asked: the daemon was stopping",
      "the connection to the daemon broke down"};
  CHECK(other_warnings(warnings, kUnaccepted) == std::vector{warnings[0], warnings[2]});
  CHECK(other_warnings(warnings, {}) == warnings);
}

}  // namespace
}  // namespace promised::cli
