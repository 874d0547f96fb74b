// SPDX-License-Identifier: Apache-2.0
#include "common/demangle.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace promised;

TEST_CASE("a backtrace is read with the names that a programmer wrote") {
  CHECK(readable_backtrace("#0 _ZN3foo3barEi at foo.cpp:12\n#1 main at foo.cpp:3\n#2 0x12 in /lib/x") ==
        "#0 foo::bar(int) at foo.cpp:12\n#1 main at foo.cpp:3\n#2 0x12 in /lib/x");
  CHECK(readable_backtrace("_Z1fv") == "f()");
  CHECK(readable_backtrace("#0 _Z1fv\n") == "#0 f()\n");
  CHECK(readable_backtrace("").empty());
}

TEST_CASE("E1 a name that is none, or that would unfold to something huge, stays as it is") {
  for (const std::string& name : {std::string("_Z"), std::string("_Zfoo"), std::string("_ZN3foo"),
                                  "_Z1f" + std::string(2000, 'P') + "i"}) {
    CHECK(readable_backtrace(name) == name);
  }
  // Each pair stands for twice what the one before it stood for.
  std::string bomb = "_Z1fSt4pairIiiE";
  for (const char* reference : {"S_", "S0_", "S1_", "S2_", "S3_", "S4_", "S5_", "S6_", "S7_", "S8_"})
    bomb += std::string("St4pairI") + reference + reference + "E";
  CHECK(readable_backtrace(bomb) == bomb);
  const std::string cut = readable_backtrace("_Z1f" + std::string(900, 'P') + "i");
  CHECK(cut.size() == 512 + 3);
  CHECK(cut.ends_with("**..."));
}
