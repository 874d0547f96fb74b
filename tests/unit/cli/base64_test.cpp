// SPDX-License-Identifier: Apache-2.0
#include "cli/base64.hpp"

#include <doctest/doctest.h>

#include <utility>

namespace promised::cli {
namespace {

TEST_CASE("the test vectors of RFC 4648 hold both ways") {
  const std::vector<std::pair<std::string, std::string>> vectors{{"", ""},
                                                                 {"f", "Zg=="},
                                                                 {"fo", "Zm8="},
                                                                 {"foo", "Zm9v"},
                                                                 {"foob", "Zm9vYg=="},
                                                                 {"fooba", "Zm9vYmE="},
                                                                 {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    CHECK(base64(plain) == coded);
    CHECK(from_base64(coded) == plain);
  }
}

TEST_CASE("every byte survives") {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (std::size_t length = 253; length <= 256; ++length) {
    CHECK(from_base64(base64(all.substr(0, length))) == all.substr(0, length));
  }
}

TEST_CASE("what is not the canonical form of any bytes is refused") {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg===", "====", "=", "Z===", "Zh==", "Zm9=", "Zm 9", "Zm9v\n", "Z=9v", "Zm-_"}) {
    CAPTURE(text);
    CHECK_FALSE(from_base64(text).has_value());
  }
}

}  // namespace
}  // namespace promised::cli
