// SPDX-License-Identifier: Apache-2.0
// Feeds every file of the given folders to a fuzz target, so that each compiler's ordinary tests see what the
// fuzzers found once: fuzz_NAME FOLDER...
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::size_t replay(const std::filesystem::path& folder) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file.good() && !file.eof()) throw std::runtime_error("cannot read " + entry.path().string());
    std::cerr << entry.path().string() << '\n';  // the last one named is the culprit
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    ++files;
  }
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t files = 0;
  try {
    for (int i = 1; i < argc; ++i) files += replay(argv[i]);
  } catch (const std::exception& e) {
    std::cerr << argv[0] << ": " << e.what() << '\n';
    return 1;
  }
  if (files == 0) {
    std::cerr << argv[0] << ": expected folders with a corpus, found no file in them\n";
    return 1;
  }
  std::cout << files << " inputs replayed\n";
  return 0;
}
