// SPDX-License-Identifier: Apache-2.0
#include "examples/analyser/document.hpp"

#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>

#include "examples/analyser/utf8.hpp"

namespace analyser {
namespace {

constexpr std::size_t kLargest = std::size_t{64} << 20;

struct CloseGz {
  void operator()(gzFile file) const { gzclose(file); }
};
using Gz = std::unique_ptr<gzFile_s, CloseGz>;

Gz open(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    throw std::runtime_error(path + ": " + (error ? error.message() : "not a regular file"));
  }
  Gz file(gzopen(path.c_str(), "rb"));
  if (file == nullptr) throw std::runtime_error(path + ": " + std::strerror(errno));
  return file;
}

[[noreturn]] void damaged(const std::string& path, gzFile file) {
  int code = Z_OK;
  const char* text = gzerror(file, &code);
  throw std::runtime_error(path + ": " + (code == Z_ERRNO ? std::strerror(errno) : text));
}

// No text has a zero byte; what else it may contain is between its author and its readers.
void refuse_binary(const std::string& path, std::string_view bytes, std::size_t offset) {
  const std::size_t zero = bytes.find('\0');
  if (zero == std::string_view::npos) return;
  throw NotText(path + ": not a text: byte " + std::to_string(offset + zero) + " is zero");
}

}  // namespace

Document read_document(const std::string& path, const std::function<void(double)>& progress) {
  const Gz file = open(path);
  const auto on_disk = static_cast<double>(std::max<std::uintmax_t>(std::filesystem::file_size(path), 1));
  Document document;
  std::array<char, std::size_t{64} << 10> chunk;
  for (;;) {
    const int n = gzread(file.get(), chunk.data(), static_cast<unsigned>(chunk.size()));
    if (n < 0) damaged(path, file.get());
    const std::string_view bytes(chunk.data(), static_cast<std::size_t>(n));
    refuse_binary(path, bytes, document.text.size());
    document.text += bytes;
    if (document.text.size() > kLargest) {
      throw std::runtime_error(path + ": larger than " + std::to_string(kLargest) + " bytes");
    }
    progress(100.0 * static_cast<double>(gzoffset(file.get())) / on_disk);
    if (bytes.size() < chunk.size()) break;
  }
  int code = Z_OK;
  gzerror(file.get(), &code);
  if (code != Z_OK) damaged(path, file.get());  // it ends too early
  document.compressed = gzdirect(file.get()) == 0;
  document.bytes = document.text.size();
  document.checksum = static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(document.text.data()), document.text.size()));
  if (!is_utf8(document.text)) document.text = utf8_from_latin1(document.text);
  return document;
}

}  // namespace analyser
