// SPDX-License-Identifier: Apache-2.0
#include "daemon/pool/exec_arguments.hpp"

#include <promised/convert.hpp>
#include <promised/value.hpp>

#include "common/wire/value_codec.hpp"

namespace promised {

Payload exec_arguments(const std::vector<std::string>& words,
                       const std::map<std::string, std::string>& variables, const std::string& input) {
  const Arguments arguments{{to_value(words)},
                            {{"env", to_value(variables)}, {"stdin", Value(input)}, {"check", Value(true)}}};
  return Payload(wire::encode(arguments).value());  // it is not nested deep enough to be refused
}

}  // namespace promised
