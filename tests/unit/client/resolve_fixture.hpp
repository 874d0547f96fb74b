// SPDX-License-Identifier: Apache-2.0
// A client whose handlers run in passes, and a fake daemon that runs what they promise.
#pragma once

#include <promised/resolve.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/wire/value_codec.hpp"
#include "tests/unit/client/fixture.hpp"

namespace promised::test {

struct Resolving : Fixture {
  Client client{options()};

  /// The functions of all submissions so far.
  [[nodiscard]] std::vector<std::string> functions() const {
    std::vector<std::string> all;
    for (const FakeDaemon::Message& m : daemon.received<message::Submit>()) {
      all.push_back(std::get<message::Submit>(m.request.body).function);
    }
    return all;
  }
  /// The first argument of each submission so far.
  [[nodiscard]] std::vector<std::string> arguments() const {
    std::vector<std::string> all;
    for (const FakeDaemon::Message& m : daemon.received<message::Submit>()) {
      all.push_back(from_value<std::string>(wire::decode_arguments(m.payload)->positional.at(0)));
    }
    return all;
  }
};

}  // namespace promised::test
