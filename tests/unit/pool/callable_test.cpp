// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <promised/worker.hpp>

#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "daemon/pool/functions.hpp"

using promised::check_functions;
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
  // A line end, a byte that is not UTF-8, a C1 control, two marks of the writing direction, a byte order
  // mark.
  for (const auto& [name, shown] :
       std::vector<std::pair<std::string, std::string>>{{"two\nlines", "two\\nlines"},
                                                        {"caf\xe9", "caf\\xe9"},
                                                        {"a\xc2\x9b", "a\\u{009b}"},
                                                        {"a\xe2\x80\xae", "a\\u{202e}"},
                                                        {"a\xe2\x81\xa7", "a\\u{2067}"},
                                                        {"\xef\xbb\xbf"
                                                         "a",
                                                         "\\u{feff}a"}}) {
    CHECK(message_of(worker, name) == "promised: the function name \"" + shown +
                                          "\" cannot be shown as it is; expected printable UTF-8, without "
                                          "control characters and marks of the "
                                          "writing direction");
    CHECK_FALSE(check_functions({{name, ""}}).ok());  // the daemon knows no others
  }
  CHECK(message_of(worker, std::string(255, 'x')).empty());
  CHECK(message_of(worker, "übung").empty());
}
