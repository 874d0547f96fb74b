// SPDX-License-Identifier: Apache-2.0
// Jobs that hang together: callbacks, and composites with their members.
#include <promised/outcome.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "common/branches.hpp"
#include "tests/unit/decide/property/world.hpp"

namespace promised::test {
namespace {

using namespace std::chrono_literals;
using Node = message::SubmitTree::Node;

std::string encode(const Outcome& outcome, std::string_view result) {
  return "<" + outcome.id.text() + " " + std::string(to_string(outcome.state)) + " " + std::string(result) +
         ">";
}

std::string list(std::span<const std::string> outcomes) {
  std::string text = "[";
  for (const std::string& outcome : outcomes) text += outcome;
  return text + "]";
}

Payload with_first(std::string_view value, std::string_view arguments) {
  return Payload(std::string(value) + "|" + std::string(arguments));
}

}  // namespace

const OutcomeFormat kOutcomes{encode, list, with_first};

void World::follow(const Step& step) {
  Entry* made = new_entry(step);
  if (made == nullptr) return;
  const std::uint32_t back = 1 + static_cast<std::uint32_t>((step.detail >> 44) % 8);
  const Entry* parent = back > step.job ? nullptr : entry(step.job - back);
  if (parent == nullptr) {
    made->refused = true;
    return;
  }
  constexpr std::array<Follows, 3> kKinds{Follows::success, Follows::failure, Follows::done};
  made->follows = kKinds[(step.detail >> 48) % kKinds.size()];
  made->parent = parent->number;
  made->options.unique(false).durability(parent->options.durability());
  ++tally_.followed;
  send_kin(clients_[made->client], *made);
}

/// Nodes in a row: each hangs on the first, or on a composite among those before it.
void World::tree(const Step& step) {
  Entry* root = new_entry(step);
  if (root == nullptr) return;
  Dice dice(step.detail ^ 1);
  const auto one_in = [&](std::uint64_t n) { return dice.below(n) == 0; };
  const Options given = std::exchange(root->options, {});
  root->options.durability(given.durability()).queue(given.queue());
  if (!given.name().empty()) root->options.remember(given.name(), 1000ms, given.duplicate());
  if (one_in(6)) root->options.deadline(4000ms);
  if (one_in(8)) root->options.abandon(Abandon::cancel, 500ms);
  const auto composite = [&](Node& node) {
    node.composite = one_in(2) ? Composite::serial : Composite::parallel;
    node.on_member_failure = one_in(2) ? MemberFailure::stop : MemberFailure::go_on;
  };
  std::vector<Node> nodes(2 + dice.below(5));
  for (std::uint32_t place = 0; place < nodes.size(); ++place) {
    Node& node = nodes[place];
    if (place == 0) {
      node.id = root->id;
      node.options = root->options;
      composite(node);
      continue;
    }
    Entry& part = entries_[number_of(step.job, place)];
    part.number = number_of(step.job, place);
    part.client = root->client;
    part.made = root->made;
    part.id = make_id(IdOf::job, part.number);
    part.part = true;
    numbers_[part.id] = part.number;
    node.id = part.id;
    node.follows = Follows::member;
    if (const auto parent = static_cast<std::uint32_t>(dice.below(place));
        nodes[parent].composite != Composite::none)
      node.parent = parent;
    part.parent = entries_.at(number_of(step.job, node.parent)).number;
    if (one_in(5)) {
      composite(node);
      part.nodes.push_back(node);
    } else {
      part.function = one_in(2) ? "f" : "g";
      node.function = part.function;
      if (place + 1 == nodes.size() && one_in(2) && node.parent == 0) node.follows = Follows::then;
      choose_timing(part.options, dice);
      part.options.unique(false);
      if (one_in(8)) part.options.timeout(400ms);
      if (one_in(8)) part.options.at_most_once().retries(0);
      if (one_in(4)) part.options.quota("k1", 1);
      part.arguments = "of " + part.id.text();
    }
    node.options = part.options;
    node.arguments_size = part.arguments.size();
    part.follows = node.follows;
    part.options.durability(root->options.durability());
  }
  root->function = {};
  root->nodes = std::move(nodes);
  ++tally_.composites;
  send_kin(clients_[root->client], *root);
}

void World::send_kin(Client& client, Entry& of) {
  if (of.nodes.empty()) {
    const Entry& parent = entries_.at(of.parent);
    ask(client, &of, message::AddCallback{{parent.id, {}}, of.follows, of.id, of.function, of.options},
        of.arguments);
    return;
  }
  std::string arguments;
  for (std::uint32_t place = 1; place < of.nodes.size(); ++place)
    arguments += entries_.at(number_of(of.number, place)).arguments;
  ask(client, &of, message::SubmitTree{of.nodes}, arguments);
}

/// What succeeds does so with what a worker has said, or what its members have come to, in their order.
void World::check_result(const Entry& of, std::string_view result) {
  const std::string job = "job " + of.id.text();
  const auto wrong = [&] {
    throw Violation(job + " succeeds with what nobody has said: " + std::string(result));
  };
  if (of.became) return;
  if (of.nodes.empty()) {
    if (of.successes == 0 || !result.starts_with("result of " + of.id.text())) wrong();
    return;
  }
  const Node& last = of.nodes.back();
  if (last.follows == Follows::then) {
    const Entry& then = entry(last.id);
    if (then.became) return;
    if (then.successes == 0 || !result.starts_with("result of " + last.id.text())) wrong();
    return;
  }
  std::size_t at = 0;
  for (const Node& node : of.nodes) {
    if (node.follows != Follows::member || node.parent != 0) continue;
    at = result.find("<" + node.id.text(), at);
    if (at == std::string_view::npos) wrong();
  }
}

/// They end with its own; what they begin with is what it follows, as that has ended. A submission that has
/// joined another job is followed as that one.
void World::check_arguments(const Entry& of, std::string_view arguments) {
  const std::string job = "job " + of.id.text();
  bool right = arguments == of.arguments;
  if (of.follows == Follows::then) {
    right = arguments.starts_with("[") && arguments.ends_with("]|" + of.arguments);
  } else if (of.follows != Follows::nothing && of.follows != Follows::member) {
    const Entry& asked = entries_.at(of.parent);
    const std::optional<JobId> told =
        JobId::parse(arguments.substr(std::min<std::size_t>(1, arguments.size()), 36));
    const Entry& parent = told && asked.options.unique() && numbers_.contains(*told) ? entry(*told) : asked;
    right = parent.function == asked.function && arguments.starts_with("<" + parent.id.text() + " ") &&
            arguments.ends_with(">|" + of.arguments);
    const bool settled = parent.outcome && !parent.may_be_lost && !parent.may_run_again;
    if (settled && !is_taken(of.follows, *parent.outcome))
      throw Violation(job + " begins, and what it follows has ended as " +
                      std::string(to_string(*parent.outcome)));
  }
  if (!right)
    throw Violation(job + " is given to a worker with the arguments \"" + std::string(arguments) + "\"");
}

}  // namespace promised::test
