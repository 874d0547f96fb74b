// SPDX-License-Identifier: Apache-2.0
// The worker program of the document analyser.
#include <promised/worker.hpp>

#include <chrono>
#include <csignal>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "examples/analyser/analyse.hpp"
#include "examples/analyser/analysis.hpp"
#include "examples/analyser/document.hpp"
#include "examples/analyser/trouble.hpp"

namespace {

using namespace analyser;

[[noreturn]] void take_all_memory() {
  for (std::vector<std::string> all;;) all.emplace_back(std::size_t{1} << 20, 'x');
}

void make_trouble(std::string_view text) {
  if (text.starts_with(kCrash)) {
    std::cout << "following a pointer that leads nowhere\n" << std::flush;
    std::raise(SIGSEGV);
  } else if (text.starts_with(kHang)) {
    std::cout << "looking for the end of a list that has none\n" << std::flush;
    for (volatile bool found = false; !found;) {
    }
  } else if (text.starts_with(kMemory)) {
    std::cout << "believing a length that a document claims to have\n" << std::flush;
    take_all_memory();
  }
}

Analysis analyse_document(promised::Job& job, const std::string& path, std::optional<Wishes> given) {
  const auto began = std::chrono::steady_clock::now();
  const Wishes wishes = given.value_or(Wishes());
  const Document document = read_document(path, [&](double percent) { job.progress(percent, path); });
  if (wishes.obey_troublemakers) make_trouble(document.text);
  Analysis analysis = analyse(document, wishes);
  analysis.path = path;
  const auto took = std::chrono::steady_clock::now() - began;
  analysis.microseconds =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  return analysis;
}

}  // namespace

int main(int argc, char** argv) {
  promised::Worker worker(argc, argv);
  worker.define(kAnalyse, analyse_document);
  return worker.run();
}
