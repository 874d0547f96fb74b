// SPDX-License-Identifier: Apache-2.0
// The worker program of the benchmarks.
#include <signal.h>
#include <unistd.h>

#include <promised/worker.hpp>
#include <string>

int main(int argc, char** argv) {
  promised::Worker worker(argc, argv);
  worker.define("echo", [](std::string text) { return text; });
  // Keeps its worker busy until it is killed, so that what is submitted meanwhile only queues.
  worker.define("hold", [] {
    while (true) ::pause();
  });
  worker.define("crash", [](std::string text) {
    ::raise(SIGSEGV);
    return text;
  });
  return worker.run();
}
