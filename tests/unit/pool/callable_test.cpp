// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <promised/worker.hpp>

#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using promised::Worker;
using promised::detail::Callable;

namespace {

int plain(std::string, int) {
  return 0;
}
void with_job(promised::Job&, const std::vector<double>&) {}
bool unfailing(bool b) noexcept {
  return b;
}

template <class F>
std::string signature_of(F) {
  return Callable<F>::signature();
}

std::string message_of(Worker& worker, const std::string& name) {
  try {
    worker.define(name, [] {});
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a function's signature is read from its type") {
  CHECK(signature_of(plain) == "(text, int32) -> int32");
  CHECK(signature_of(with_job) == "(list of real) -> null");
  CHECK(signature_of(unfailing) == "(bool) -> bool");
  CHECK(signature_of([] { return "literal"; }) == "() -> text");
  CHECK(signature_of([n = 0](std::uint8_t i) mutable { return n += i; }) == "(uint8) -> int32");
  CHECK(signature_of(std::function<void(std::map<std::string, long>)>()) == "(map of text to int64) -> null");
  CHECK(signature_of([](promised::Job&, std::optional<std::string>) { return promised::Value(); }) ==
        "(optional text) -> any");
}

TEST_CASE("a function name is 1 to 255 bytes of printable UTF-8, and defined once") {
  Worker worker(0, nullptr);
  worker.define("taken", [] {});
  CHECK(message_of(worker, "taken") == "promised: the function name \"taken\" is defined already");
  CHECK(message_of(worker, "") == "promised: the function name \"\" has 0 bytes; expected 1 to 255");
  CHECK(message_of(worker, std::string(256, 'x')).ends_with("has 256 bytes; expected 1 to 255"));
  CHECK(message_of(worker, "two\nlines").ends_with("has bytes that are not printable UTF-8"));
  CHECK(message_of(worker, "caf\xe9") ==
        "promised: the function name \"caf\xef\xbf\xbd\" has bytes that are not printable UTF-8");
  CHECK(message_of(worker, std::string(255, 'x')).empty());
  CHECK(message_of(worker, "übung").empty());
}
