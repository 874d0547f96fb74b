// SPDX-License-Identifier: Apache-2.0
// For stories of jobs that hang together: callbacks and trees in one line, and what reached a worker, read.
#pragma once

#include <promised/outcome.hpp>

#include <string>
#include <vector>

#include "common/ids.hpp"
#include "common/wire/value_codec.hpp"
#include "tests/unit/decide/house.hpp"

namespace promised::test {

inline std::string text_value(const std::string& text) {
  return wire::encode(Value(text)).value();
}

/// The arguments that were dispatched last.
inline Arguments last_arguments(House& house) {
  return wire::decode_arguments(house.dispatched_arguments.back()).value();
}
inline Outcome first_argument(House& house) {
  return from_value<Outcome>(last_arguments(house).positional.at(0));
}

inline JobId add_callback(House& house, SessionId session, const JobId& parent, Follows follows,
                          Options options = {}, const std::string& function = "g") {
  const JobId id = new_job_id();
  Arguments own;
  own.positional.emplace_back("own");
  house.ask(session, message::AddCallback{{parent, {}}, follows, id, function, std::move(options)},
            wire::encode(own).value());
  return id;
}

/// A tree that grows node by node; each with one argument, its place as text.
class Tree {
 public:
  explicit Tree(Composite kind, MemberFailure on_failure = MemberFailure::go_on, Options options = {}) {
    nodes_.push_back({new_job_id(), {}, std::move(options), kind, on_failure, Follows::nothing, 0, 0});
  }
  std::uint32_t call(std::uint32_t parent = 0, Follows follows = Follows::member, Options options = {}) {
    Arguments own;
    own.positional.emplace_back(std::to_string(nodes_.size()));
    const std::string encoded = wire::encode(own).value();
    arguments_ += encoded;
    nodes_.push_back({new_job_id(), "f", std::move(options), Composite::none, MemberFailure::go_on, follows,
                      parent, encoded.size()});
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }
  std::uint32_t composite(Composite kind, std::uint32_t parent = 0) {
    nodes_.push_back({new_job_id(), {}, {}, kind, MemberFailure::go_on, Follows::member, parent, 0});
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }
  [[nodiscard]] const JobId& id(std::uint32_t place = 0) const { return nodes_[place].id; }
  std::vector<message::SubmitTree::Node>& nodes() { return nodes_; }
  std::uint64_t submit(House& house, SessionId session) {
    return house.ask(session, message::SubmitTree{nodes_}, arguments_);
  }

 private:
  std::vector<message::SubmitTree::Node> nodes_;
  std::string arguments_;
};

inline State state(House& house, SessionId session, const JobId& id) {
  return house.show(session, id).state;
}

/// The list that a composite has come to, as it was told to this session last.
inline std::vector<Outcome> told_list(House& house, SessionId session) {
  for (auto it = house.sent(session).rbegin(); it != house.sent(session).rend(); ++it) {
    if (std::holds_alternative<message::Ended>(it->reply.body))
      return from_value<std::vector<Outcome>>(wire::decode_value(it->payload).value());
  }
  throw std::runtime_error("no end was told");
}

inline Failure an_exception(const std::string& message = "it went wrong") {
  Failure failure;
  failure.cause = Cause::exception;
  failure.message = message;
  return failure;
}

}  // namespace promised::test
