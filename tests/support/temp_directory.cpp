// SPDX-License-Identifier: Apache-2.0
#include "tests/support/temp_directory.hpp"

#include <stdlib.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <system_error>

#include "tests/support/verdict.hpp"

namespace promised::test {
namespace {

void remove_tree(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) std::fprintf(stderr, "cannot remove %s: %s\n", path.c_str(), error.message().c_str());
}

}  // namespace

TempDirectory::TempDirectory() {
  const char* base = ::getenv("TMPDIR");
  std::string pattern =
      std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/promised-test-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), pattern);
  path_ = pattern;
}

TempDirectory::~TempDirectory() {
  if (!has_failed()) {
    remove_tree(path_);
    return;
  }
  at_end_of_test([path = path_](bool failed) {
    if (failed) {
      std::fprintf(stderr, "the files of this test are kept in %s\n", path.c_str());
    } else {
      remove_tree(path);
    }
  });
}

void TempDirectory::open_to_everyone() const {
  if (::chmod(path_.c_str(), 01777) != 0) throw std::system_error(errno, std::generic_category(), path_);
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) throw std::system_error(errno, std::generic_category(), path);
}

}  // namespace promised::test
