// SPDX-License-Identifier: Apache-2.0
#include "daemon/pool/functions.hpp"

#include <string>

#include "common/function_name.hpp"
#include "common/printable.hpp"

namespace promised {
namespace {

Problem broken(const std::string& expected, const std::string& found) {
  return Problem::of("protocol", "expected " + expected + ", found " + found);
}

}  // namespace

Result<void> check_functions(const std::vector<FunctionView>& functions) {
  if (functions.size() > kMostFunctions) {
    return broken("at most " + std::to_string(kMostFunctions) + " functions",
                  std::to_string(functions.size()));
  }
  std::size_t bytes = 0;
  for (const FunctionView& function : functions) {
    const std::string& name = function.name;
    const std::string expected =
        "the name of a function, of 1 to " + std::to_string(kMostFunctionName) + " bytes of printable UTF-8";
    const NameFault fault = fault_of_function_name(name);
    if (fault == NameFault::size) return broken(expected, "one of " + std::to_string(name.size()));
    if (fault == NameFault::unprintable) return broken(expected, "'" + printable(name) + "'");
    bytes += name.size() + function.signature.size();
  }
  if (bytes <= kMostFunctionBytes) return {};
  return broken(
      "names and signatures of functions of at most " + std::to_string(kMostFunctionBytes) + " bytes in all",
      std::to_string(bytes));
}

}  // namespace promised
