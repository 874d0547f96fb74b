// SPDX-License-Identifier: Apache-2.0
// Worker programs as a person starts them.
#include <doctest/doctest.h>

#include "tests/support/process.hpp"

using promised::test::Exit;
using promised::test::Finished;

namespace {

Finished run(std::vector<std::string> command) {
  promised::test::Program program;
  program.command = std::move(command);
  return promised::test::run(std::move(program));
}

}  // namespace

TEST_CASE("a worker program that the daemon has not started explains itself and exits 2") {
  const Finished finished = run({TEST_WORKERS "/worker_basic"});
  CHECK(finished.exit == Exit{2, 0});
  CHECK(finished.out.empty());
  CHECK(finished.err.starts_with("worker_basic: this is a worker program of promised; the daemon starts it"));
  CHECK(finished.err.find("[pool.NAME]") != std::string::npos);
}

TEST_CASE("--functions lists names and signatures, one a line") {
  const Finished finished = run({TEST_WORKERS "/worker_basic", "--functions"});
  CHECK(finished.exit == Exit{0, 0});
  CHECK(finished.err.empty());
  CHECK(
      finished.out.starts_with("echo(any) -> any\n"
                               "add(int32, int32) -> int32\n"
                               "greet(text, optional text) -> text\n"
                               "report.build(text, int32) -> text\n"));
}

TEST_CASE("a worker program without functions says what is missing and exits 2") {
  const Finished finished = run({TEST_WORKERS "/worker_nothing"});
  CHECK(finished.exit == Exit{2, 0});
  CHECK(finished.err == "worker_nothing: no function is defined: call define() before run()\n");
}
