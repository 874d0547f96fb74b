// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/wire/same.hpp"

#include <optional>
#include <tuple>
#include <type_traits>
#include <variant>

namespace promised::test {
namespace {

auto tied(const std::monostate&) {
  return std::tuple<>();
}
auto tied(const message::StatusQuery&) {
  return std::tuple<>();
}
auto tied(const message::Bye&) {
  return std::tuple<>();
}
auto tied(const message::Reload&) {
  return std::tuple<>();
}
auto tied(const message::Stop&) {
  return std::tuple<>();
}
auto tied(const message::Hello& m) {
  const auto& [a, b, c] = m;
  return std::tie(a, b, c);
}
auto tied(const message::Submit& m) {
  const auto& [a, b, c] = m;
  return std::tie(a, b, c);
}
auto tied(const message::Cancel& m) {
  const auto& [key, c, d] = m;
  const auto& [a, b] = key;
  return std::tie(a, b, c, d);
}
auto tied(const message::Forget& m) {
  const auto& [key] = m;
  const auto& [a, b] = key;
  return std::tie(a, b);
}
auto tied(const message::RetryJob& m) {
  const auto& [key] = m;
  const auto& [a, b] = key;
  return std::tie(a, b);
}
auto tied(const message::Watch& m) {
  const auto& [key, c, d] = m;
  const auto& [a, b] = key;
  return std::tie(a, b, c, d);
}
bool operator==(const message::KnownOutcome& x, const message::KnownOutcome& y) {
  const auto& [a, b, c, d, e, f] = x;
  return std::tie(a, b, c, d, e, f) ==
         std::tie(y.function, y.state, y.failure, y.reason, y.durability, y.told);
}
// Stands in for a comparison of optionals, which looks for the operator in promised::message alone.
struct OptionalOutcome {
  const std::optional<message::KnownOutcome>& outcome;
  bool operator==(const OptionalOutcome& other) const {
    if (outcome.has_value() != other.outcome.has_value()) return false;
    return !outcome.has_value() || *outcome == *other.outcome;
  }
};
auto tied(const message::Remember& m) {
  const auto& [a, b, c, d, e] = m;
  return std::tuple(a, b, c, d, OptionalOutcome{e});
}
auto tied(const message::Adjust& m) {
  const auto& [a, b, c] = m;
  return std::tie(a, b, c);
}
auto tied(const message::Withdraw& m) {
  const auto& [a] = m;
  return std::tie(a);
}
auto tied(const message::List& m) {
  const auto& [a, b, c, d, e, f, g, h, i] = m;
  return std::tie(a, b, c, d, e, f, g, h, i);
}
auto tied(const message::Show& m) {
  const auto& [key, c, d] = m;
  const auto& [a, b] = key;
  return std::tie(a, b, c, d);
}
auto tied(const message::Welcome& m) {
  const auto& [a, b, c, d] = m;
  return std::tie(a, b, c, d);
}
auto tied(const message::Accepted& m) {
  const auto& [a] = m;
  return std::tie(a);
}
auto tied(const message::Refused& m) {
  const auto& [a, b, c, d] = m;
  return std::tie(a, b, c, d);
}
auto tied(const message::Ended& m) {
  const auto& [a, b, c, d, e] = m;
  return std::tie(a, b, c, d, e);
}
auto tied(const message::News& m) {
  const auto& [a, b, c, d, e, f, g, h, i] = m;
  return std::tie(a, b, c, d, e, f, g, h, i);
}
auto tied(const message::Follow& m) {
  const auto& [key, c, d, e, f, g, h] = m;
  const auto& [a, b] = key;
  return std::tie(a, b, c, d, e, f, g, h);
}
auto tied(const message::Advance& m) {
  const auto& [a, b, c, d, e] = m;
  return std::tie(a, b, c, d, e);
}
auto tied(const message::Subscribe& m) {
  const auto& [a, b, c, d, e] = m;
  return std::tie(a, b, c, d, e);
}
auto tied(const message::Unsubscribe& m) {
  const auto& [a] = m;
  return std::tie(a);
}
auto tied(const message::Events& m) {
  const auto& [a, b, c, d] = m;
  return std::tie(a, b, c, d);
}
auto tied(const message::SetNote& m) {
  const auto& [key, c] = m;
  const auto& [a, b] = key;
  return std::tie(a, b, c);
}
auto tied(const message::Notes& m) {
  const auto& [a, b, c, d] = m;
  return std::tie(a, b, c, d);
}
auto tied(const message::Resume& m) {
  const auto& [a, b, c] = m;
  return std::tie(a, b, c);
}
auto tied(const message::Waits& m) {
  const auto& [a, b] = m;
  return std::tie(a, b);
}
auto tied(const message::Part& m) {
  const auto& [a] = m;
  return std::tie(a);
}
auto tied(const message::WriteNote& m) {
  const auto& [a, b, c] = m;
  return std::tie(a, b, c);
}
auto tied(const message::ReadNotes& m) {
  const auto& [a, b] = m;
  return std::tie(a, b);
}
auto tied(const message::Known& m) {
  const auto& [a, b, c] = m;
  return std::tie(a, b, c);
}
auto tied(const message::Jobs& m) {
  const auto& [a, b] = m;
  return std::tie(a, b);
}
auto tied(const message::Count& m) {
  const auto& [a] = m;
  return std::tie(a);
}
auto tied(const message::Status& m) {
  const auto& [a] = m;
  return std::tie(a);
}
auto tied(const message::StoreCommand& m) {
  const auto& [a, b] = m;
  return std::tie(a, b);
}
auto tied(const message::Reloaded& m) {
  const auto& [a] = m;
  return std::tie(a);
}
auto tied(const message::SteerQueue& m) {
  const auto& [a, b, c] = m;
  return std::tie(a, b, c);
}
auto tied(const message::SteerQuota& m) {
  const auto& [a, b, c] = m;
  return std::tie(a, b, c);
}
auto tied(const message::Explain& m) {
  const auto& [key] = m;
  const auto& [a, b] = key;
  return std::tie(a, b);
}
auto tied(const message::Explained& m) {
  const auto& [a] = m;
  return std::tie(a);
}
auto tied(const message::StoreDone& m) {
  const auto& [a] = m;
  return std::tie(a);
}
auto tied(const message::WorkerWelcome& m) {
  const auto& [a, b, c, d, e, f, g] = m;
  return std::tie(a, b, c, d, e, f, g);
}
auto tied(const message::Run& m) {
  const auto& [a, b, c, d] = m;
  return std::tie(a, b, c, d);
}
auto tied(const message::Ready& m) {
  const auto& [a, b] = m;
  return std::tie(a, b);
}
auto tied(const message::AttemptEnded& m) {
  const auto& [a, b, c, d] = m;
  return std::tie(a, b, c, d);
}
auto tied(const message::AddCallback& m) {
  const auto& [key, c, d, e, f] = m;
  const auto& [a, b] = key;
  return std::tie(a, b, c, d, e, f);
}
bool operator==(const message::SubmitTree::Node& x, const message::SubmitTree::Node& y) {
  const auto& [a, b, c, d, e, f, g, h] = x;
  return std::tie(a, b, c, d, e, f, g, h) == std::tie(y.id, y.function, y.options, y.composite,
                                                      y.on_member_failure, y.follows, y.parent,
                                                      y.arguments_size);
}
// Stands in for a comparison of vectors, which looks for the operator in promised::message alone.
struct Nodes {
  const std::vector<message::SubmitTree::Node>& nodes;
  bool operator==(const Nodes& other) const {
    if (nodes.size() != other.nodes.size()) return false;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (!(nodes[i] == other.nodes[i])) return false;
    }
    return true;
  }
};
auto tied(const message::SubmitTree& m) {
  const auto& [a] = m;
  return std::tuple(Nodes{a});
}
auto tied(const message::Leaves& m) {
  const auto& [a] = m;
  return std::tie(a);
}
auto tied(const message::Progress& m) {
  const auto& [a, b, c] = m;
  return std::tie(a, b, c);
}

template <class Variant>
bool same_body(const Variant& a, const Variant& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&](const auto& body) { return tied(body) == tied(std::get<std::remove_cvref_t<decltype(body)>>(b)); },
      a);
}

}  // namespace

bool same(const message::Request& a, const message::Request& b) {
  const auto& [number, received, body] = a;
  return number == b.number && received == b.received && same_body(body, b.body);
}

bool same(const message::Reply& a, const message::Reply& b) {
  const auto& [number, delivery, body] = a;
  return number == b.number && delivery == b.delivery && same_body(body, b.body);
}

bool same(const message::ToWorker& a, const message::ToWorker& b) {
  return same_body(a, b);
}

bool same(const message::FromWorker& a, const message::FromWorker& b) {
  return same_body(a, b);
}

}  // namespace promised::test
