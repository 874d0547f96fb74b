// SPDX-License-Identifier: Apache-2.0
// No worker at all: says something and exits at once, with the status that it is given.
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  std::fputs("cannot read my own configuration\n", stderr);
  return argc > 1 ? std::atoi(argv[1]) : 1;
}
