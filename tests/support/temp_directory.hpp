// SPDX-License-Identifier: Apache-2.0
// A fresh directory for one test: removed when the test has passed, kept (and named) when it has failed.
#pragma once

#include <filesystem>
#include <string>

namespace promised::test {

class TempDirectory {
 public:
  /// Below $TMPDIR or /tmp; throws std::system_error where that is not possible. Mode 0700.
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  /// Lets other users enter and list the directory, and make files in it.
  void open_to_everyone() const;

 private:
  std::filesystem::path path_;
};

/// The whole file; empty if there is none.
[[nodiscard]] std::string read_file(const std::filesystem::path& path);
/// Throws std::system_error where the file cannot be written.
void write_file(const std::filesystem::path& path, const std::string& text);

}  // namespace promised::test
