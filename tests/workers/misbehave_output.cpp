// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>

#include "tests/workers/misbehave.hpp"

namespace misbehave {
namespace {

constexpr int kOutputCopy = 4;  // by which the library counts what is printed

void print(std::uint64_t bytes, const std::string& last_words) {
  const std::string chunk(std::size_t{1} << 16, 'x');
  for (std::uint64_t done = 0; done < bytes; done += chunk.size()) {
    if (::write(STDOUT_FILENO, chunk.data(), chunk.size()) < 0) std::_Exit(9);
  }
  if (::write(STDERR_FILENO, last_words.data(), last_words.size()) < 0) std::_Exit(9);
}

void print_and_throw(std::uint64_t bytes, const std::string& last_words) {
  print(bytes, last_words);
  throw std::runtime_error("after printing");
}

// Left in the program's own buffer, which nobody but the library flushes.
void print_buffered_and_throw(const std::string& text) {
  std::ios::sync_with_stdio(false);
  std::cout << text;
  throw std::runtime_error("after printing");
}

void report_and_print(promised::Job& job, const std::string& words) {
  job.progress(0, "printing");
  print(0, words);
}

void print_and_sleep(const std::string& words) {
  print(0, words);
  sleep_for_ever();
}

void print_and_abort(const std::string& last_words) {
  print(0, last_words);
  abort_now();
}

}  // namespace

void define_output(promised::Worker& worker) {
  worker.define("print", print)
      .define("print_and_throw", print_and_throw)
      .define("print_buffered_and_throw", print_buffered_and_throw)
      .define("report_and_print", report_and_print)
      .define("print_and_sleep", print_and_sleep)
      .define("print_and_abort", print_and_abort)
      .define("forget_output", [] { ::close(kOutputCopy); });
}

}  // namespace misbehave
