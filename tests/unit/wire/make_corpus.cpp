// SPDX-License-Identifier: Apache-2.0
// Writes the samples of all messages as seeds for the fuzz targets: make_corpus FOLDER (fuzz/corpus). One
// file a sample, so that a change of the wire shows as a change of these files; what fuzzers found lies
// beside them.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "common/wire/client_codec.hpp"
#include "common/wire/value_codec.hpp"
#include "common/wire/worker_codec.hpp"
#include "tests/unit/wire/samples.hpp"

namespace promised::test {
namespace {

class Corpus {
 public:
  explicit Corpus(const std::filesystem::path& folder) : folder_(folder) {
    std::filesystem::create_directories(folder_);
  }
  void add(const std::string& bytes) {
    const std::string number = std::to_string(++count_);
    const auto path = folder_ / ("sample-" + std::string(number.size() < 2 ? "0" : "") + number);
    std::ofstream file(path, std::ios::binary);
    file << bytes;
    if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
  }

 private:
  std::filesystem::path folder_;
  int count_ = 0;
};

template <class Message>
void write_frames(const std::filesystem::path& folder, const std::vector<Message>& messages) {
  Corpus corpus(folder);
  std::string all = "\x05";  // cut into pieces of 5, 10, 15, ... bytes
  for (const Message& message : messages) {
    std::string frame;
    wire::encode_frame(message, 7, frame);
    frame += "payload";
    all += frame;
    corpus.add('\x01' + frame);
  }
  corpus.add(all);
}

void write_all(const std::filesystem::path& root) {
  Corpus value_corpus(root / "values");
  for (const Value& value : values()) value_corpus.add(*wire::encode(value));
  for (const Nesting nesting : {Nesting::lists, Nesting::map_keys, Nesting::map_items}) {
    value_corpus.add(*wire::encode(nested(kMaxValueDepth, nesting)));
  }
  value_corpus.add(*wire::encode(full_arguments()));

  Corpus request_corpus(root / "requests");
  for (const message::Request& request : requests()) {
    std::string bytes;
    wire::encode(request, bytes);
    request_corpus.add(bytes);
  }
  Corpus reply_corpus(root / "replies");
  for (const message::Reply& reply : replies()) {
    std::string bytes;
    wire::encode(reply, bytes);
    reply_corpus.add(bytes);
  }
  write_frames(root / "frames_to_worker", to_worker());
  write_frames(root / "frames_from_worker", from_worker());
}

}  // namespace
}  // namespace promised::test

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_corpus FOLDER\n";
    return 2;
  }
  try {
    promised::test::write_all(argv[1]);
  } catch (const std::exception& e) {
    std::cerr << "make_corpus: " << e.what() << '\n';
    return 1;
  }
  return 0;
}
