// SPDX-License-Identifier: Apache-2.0
// A worker that is ready only when the file that it is given appears.
#include <unistd.h>
#include <promised/worker.hpp>

#include <chrono>
#include <thread>

int main(int argc, char** argv) {
  promised::Worker worker(argc, argv);
  while (argc > 1 && ::access(argv[1], F_OK) != 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  worker.define("nothing", [] {});
  return worker.run();
}
