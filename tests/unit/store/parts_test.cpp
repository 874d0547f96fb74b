// SPDX-License-Identifier: Apache-2.0
// What jobs have told of themselves, and streamed.
#include <doctest/doctest.h>

#include "tests/unit/store/support.hpp"

namespace promised::test {
namespace {

message::Told told() {
  message::Told told;
  told.notes = {{"key", std::string("va\0lue", 6)}};
  told.progress = 42.5;
  told.progress_message = "half way";
  told.run = 0xfedcba9876543210;
  told.parts = 6;
  told.parts_size = 100'009;
  return told;
}

/// Parts 0 to 5: three small ones that came one by one, an empty one, a large one, and a last.
std::vector<PartChunk> chunks() {
  return {{0, {2}, Payload("aa")},
          {1, {2, 2}, Payload("bbcc")},
          {3, {0}, Payload()},
          {4, {100'000}, Payload(std::string(100'000, 'x'))},
          {5, {3}, Payload("end")}};
}

effect::LoadParts from(std::uint64_t part, std::uint64_t most) {
  return {job_id(1), SessionId{1}, 1, part, most};
}

/// The parts that are loaded, each as its number, size and first byte.
std::string loaded(Store& store, std::uint64_t part, std::uint64_t most) {
  auto found = store.load_parts(from(part, most));
  REQUIRE_MESSAGE(found.ok(), found.problem().message);
  std::string text;
  for (const PartChunk& chunk : *found) {
    std::size_t offset = 0;
    for (std::size_t i = 0; i < chunk.sizes.size(); ++i) {
      text += std::to_string(chunk.first + i) + ":" + std::to_string(chunk.sizes[i]);
      if (chunk.sizes[i] > 0) text += chunk.bytes.view()[offset];
      text += " ";
      offset += chunk.sizes[i];
    }
  }
  return text;
}

TEST_CASE(
    "P2 P3 what a job has told comes back after a reopening, and its parts from wherever they are asked "
    "for") {
  const TempDirectory directory;
  commit(*open_store(directory.path()),
         {insert(1), succeed(1), change::TellJob{job_id(1), told(), chunks()}});
  const Contents contents = contents_of(directory.path());
  CHECK(contents.job(1)->told == told());
  const auto store = open_store(directory.path());
  CHECK(loaded(*store, 0, 1 << 20) == "0:2a 1:2b 2:2c 3:0 4:100000x 5:3e ");
  CHECK(loaded(*store, 0, 1) == "0:2a 1:2b 2:2c 3:0 ");
  CHECK(loaded(*store, 2, 1) == "0:2a 1:2b 2:2c 3:0 ");
  CHECK(loaded(*store, 4, 1) == "4:100000x ");
  CHECK(loaded(*store, 5, 1) == "5:3e ");
}

TEST_CASE("P2 the notes of a job that has not ended are replaced by later ones") {
  const TempDirectory directory;
  message::Told first, second;
  first.notes = {{"a", "1"}};
  second.notes = {{"a", "2"}, {"b", "3"}};
  commit(*open_store(directory.path()), {insert(1), change::TellJob{job_id(1), first, {}}});
  commit(*open_store(directory.path()), {change::TellJob{job_id(1), second, {}}});
  CHECK(contents_of(directory.path()).job(1)->told == second);
}

TEST_CASE("P3 parts go with their job") {
  const TempDirectory directory;
  const auto store = open_store(directory.path());
  commit(*store, {insert(1), succeed(1), change::TellJob{job_id(1), told(), chunks()}});
  commit(*store, {change::DeleteJob{job_id(1), true}});
  CHECK(loaded(*store, 0, 1 << 20).empty());
  commit(*store, {insert(1), succeed(1), change::TellJob{job_id(1), told(), chunks()}});
}

/// What `most` bytes of the output of job 1 from number `from` on are.
std::string printed(Store& store, std::uint64_t from, std::uint64_t most) {
  auto found = store.load_output({job_id(1), SessionId{1}, 1, from, most});
  REQUIRE_MESSAGE(found.ok(), found.problem().message);
  return *found;
}

TEST_CASE(
    "P4 output of every size comes back as it was, from wherever it is asked for, and goes with its job") {
  for (const std::size_t size : {1, 512, 513, 65'536, 3'000'000}) {
    CAPTURE(size);
    std::string output(size, '\0');
    for (std::size_t i = 0; i < size; ++i) output[i] = static_cast<char>(i * 7 + i / 256);
    message::Told numbers;
    numbers.run = 7;
    numbers.output_size = size;
    numbers.output_total = size + 1;
    const TempDirectory directory;
    commit(*open_store(directory.path()),
           {insert(1), succeed(1), change::TellJob{job_id(1), numbers, {}, Payload(output)}});
    CHECK(contents_of(directory.path()).job(1)->told == numbers);
    const auto store = open_store(directory.path());
    CHECK(printed(*store, 0, size) == output);
    CHECK(printed(*store, size / 2, size) == output.substr(size / 2));
    CHECK(printed(*store, size / 2, 10) == output.substr(size / 2, 10));
    CHECK(printed(*store, size, 10).empty());
    commit(*store, {change::DeleteJob{job_id(1)}});
    CHECK(printed(*store, 0, size).empty());
    commit(*store, {insert(1)});
    CHECK(printed(*store, 0, size).empty());
  }
}

TEST_CASE("P4 nothing is kept of a job that is not there") {
  const TempDirectory directory;
  const auto store = open_store(directory.path());
  commit(*store, {change::TellJob{job_id(1), told(), chunks(), Payload(std::string(5000, 'x'))}});
  CHECK(loaded(*store, 0, 1 << 20).empty());
  commit(*store, {insert(1), succeed(1)});
  CHECK(printed(*store, 0, 5000).empty());
}

}  // namespace
}  // namespace promised::test
