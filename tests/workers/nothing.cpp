// SPDX-License-Identifier: Apache-2.0
// A worker that can do nothing: it defines no function.
#include <promised/worker.hpp>

int main(int argc, char** argv) {
  promised::Worker worker(argc, argv);
  return worker.run();
}
