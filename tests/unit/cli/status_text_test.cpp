// SPDX-License-Identifier: Apache-2.0
#include "cli/status_text.hpp"

#include <doctest/doctest.h>

#include <sstream>

#include "tests/unit/cli/sample_status.hpp"

namespace promised::cli {
namespace {

std::string printed(const StatusView& status) {
  std::ostringstream out;
  print_status(out, status, kSampleNow);
  return out.str();
}

TEST_CASE("M1 the status is one glance, aligned and escaped") {
  CHECK(printed(sample_status()) ==
        "promised 1.2.3: degraded, up 2.0 h, pid 4711\n"
        "  ! pool bad is failing\n"
        "endpoint     ipc:///run/p.sock, 1 client\n"
        "store        /var/lib/p, 1.5 KiB, last commit 3.2 s ago; backup, 43 %\n"
        "             the store failed at 2026-01-31 10:00:00Z: disk\\x1b error\n"
        "workers      held by rlimit\n"
        "jobs         1 scheduled, 2 pending, 3 running, 5 succeeded, 6 failed; 4 remembered\n"
        "last minute  1.2 jobs/s; waited p50 1.0 ms, p95 20 ms; ran -\n"
        "since start  20 accepted, 11 finished, 8 refused, 7 garbage messages, 9 stale reports\n"
        "\n"
        "POOL  STATE    WORKERS                       BUSY  CRASHES  FINISHED  FUNCTIONS\n"
        "docs  ready    2/1..8, 2 waiting, 3 leaving     1        3      1234  doc.count, doc.\\nfake\n"
        "bad   failing  0/1                              0        0         0\n"
        "    /no/such: No such file or directory\\x1b[2J; next try in 4.0 s\n"
        "\n"
        "QUEUE    LENGTH  RUNNING  OLDEST  SERVED\n"
        "default       2        0  3.2 s\n"
        "\\xff          0        0  -\n"
        "mail          7        3  1.0 h   paused, draining, weight 5, rate 10/s burst 20, next in 1.5 s, "
        "ageing "
        "10min, max_length 1000, hold\n"
        "\n"
        "QUOTA       SIZE  RUNNING\n"
        "mailserver     4        5\n"
        "\\xff           0        0\n"
        "\n"
        "LIMIT NEAR  USED  MOST\n"
        "max_jobs      81   100\n");
}

TEST_CASE("M1 of many functions their number and the first are shown") {
  StatusView s = sample_status();
  const auto line = [&](const std::vector<std::string>& names) {
    s.pools[0].functions.clear();
    for (const std::string& name : names) s.pools[0].functions.push_back({name, ""});
    const std::string text = printed(s);
    const auto at = text.find("  1234  ") + 8;
    return text.substr(at, text.find('\n', at) - at);
  };
  CHECK(line({"a", "b", "c", "d"}) == "a, b, c, d");
  CHECK(line({"a", "b", "c", "d", "e"}) == "5: a, b, c, d, ...");
  const std::string name(22, 'x');
  CHECK(line({name, name, name}) == "3: " + name + ", " + name + ", ...");
  const std::string whole(60, 'x');
  CHECK(line({whole}) == whole);
  CHECK(line({whole, "a"}) == "2: " + whole + ", ...");
}

TEST_CASE("M1 a daemon that has nothing to do says so in a few lines") {
  StatusView s;
  s.version = "1.2.3";
  s.health = "ok";
  s.endpoint = "ipc:///run/p.sock";
  s.state_dir = "/var/lib/p";
  s.jobs_by_state.assign(11, 0);
  CHECK(printed(s) ==
        "promised 1.2.3: ok, up 0 us, pid 0\n"
        "endpoint     ipc:///run/p.sock, 0 clients\n"
        "store        /var/lib/p, 0 B, last commit never\n"
        "jobs         0 pending, 0 running\n"
        "last minute  0.0 jobs/s; waited -; ran -\n"
        "since start  0 accepted, 0 finished\n"
        "\n"
        "no pools: every submission is refused\n");
}

}  // namespace
}  // namespace promised::cli
