// SPDX-License-Identifier: Apache-2.0
// The document analyser of examples/, as a worker.
#include <doctest/doctest.h>
#include <signal.h>
#include <zlib.h>

#include "examples/analyser/analysis.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/unit/pool/fixture.hpp"

using namespace promised;
using namespace promised::test;
using analyser::Analysis;
using analyser::Wishes;

namespace {

constexpr char kFunction[] = "document.analyse";

PoolSettings analysers() {
  PoolSettings settings = pool_of("basic");
  settings.program = ANALYSER;
  return settings;
}

void write_gz(const std::filesystem::path& path, const std::string& text) {
  gzFile file = gzopen(path.c_str(), "wb");
  REQUIRE(file != nullptr);
  CHECK(gzwrite(file, text.data(), static_cast<unsigned>(text.size())) == static_cast<int>(text.size()));
  REQUIRE(gzclose(file) == Z_OK);
}

}  // namespace

TEST_CASE("the analyser counts plain and compressed documents alike") {
  const TempDirectory directory;
  const std::string text = "  The Whale, the whale!\nIt's a whale; not\tan eel.\n";
  write_file(directory / "plain", text);
  write_gz(directory / "packed", text);
  PoolFixture pool(analysers());
  const WorkerId worker = pool.start_ready();
  for (const std::string name : {"plain", "packed"}) {
    CAPTURE(name);
    const std::string path = (directory / name).string();
    const auto analysis = from_value<Analysis>(pool.value_of(worker, kFunction, arguments(path)));
    CHECK(analysis.path == path);
    CHECK(analysis.compressed == (name == "packed"));
    CHECK(analysis.bytes == text.size());
    CHECK(analysis.lines == 2);
    CHECK(analysis.words == 10);
    CHECK(analysis.frequent == std::vector<std::pair<std::string, std::uint64_t>>{{"whale", 3}, {"it's", 1}});
    CHECK(analysis.checksum == "75ba3dde");
    CHECK(analysis.extract == text.substr(2));
  }
}

TEST_CASE("the analyser's wishes bound what it gives back, and never cut a character in two") {
  const TempDirectory directory;
  write_file(directory / "latin1", "b\xe4r b\xe4r wolf");
  PoolFixture pool(analysers());
  const WorkerId worker = pool.start_ready();
  const Wishes wishes{1, 2, false};
  const auto analysis = from_value<Analysis>(
      pool.value_of(worker, kFunction, arguments((directory / "latin1").string(), wishes)));
  CHECK(analysis.frequent == std::vector<std::pair<std::string, std::uint64_t>>{{"bär", 2}});
  CHECK(analysis.extract == "b");
  CHECK(analysis.bytes == 12);
}

TEST_CASE("the analyser refuses what is no text, damaged or not there, and says so") {
  const TempDirectory directory;
  const std::string at = directory.path().string();
  write_file(directory / "picture", std::string("GIF89a\0\1", 8));
  write_gz(directory / "torn", std::string(100'000, 'x'));
  std::filesystem::resize_file(directory / "torn", 60);
  PoolFixture pool(analysers());
  const WorkerId worker = pool.start_ready();
  const auto failure = [&](const std::string& path) {
    return pool.call(worker, kFunction, arguments(path)).failure;
  };
  CHECK(failure(at + "/picture").type == "analyser::NotText");
  CHECK(failure(at + "/picture").message == at + "/picture: not a text: byte 6 is zero");
  CHECK(failure(at + "/torn").message.starts_with(at + "/torn: "));
  CHECK(failure(at + "/none").message == at + "/none: No such file or directory");
  CHECK(failure(at).message == at + ": not a regular file");
}

TEST_CASE("a document that asks for trouble gets it only where that is wished") {
  const TempDirectory directory;
  const std::string path = (directory / "crash").string();
  write_file(path, "%trouble crash\n");
  PoolSettings settings = analysers();
  settings.environment["ASAN_OPTIONS"] = "handle_segv=0";
  settings.environment["TSAN_OPTIONS"] = "handle_segv=0";
  PoolFixture pool(settings);
  const WorkerId worker = pool.start_ready();
  CHECK(from_value<Analysis>(pool.value_of(worker, kFunction, arguments(path))).words == 2);
  pool.dispatch(worker, kFunction, arguments(path, Wishes{10, 200, true}));
  pool.workers().flush();
  const auto gone = pool.await<event::WorkerGone>(worker);
  CHECK(gone.signal == SIGSEGV);
  CHECK(gone.output == "following a pointer that leads nowhere\n");
}
