// SPDX-License-Identifier: Apache-2.0
#include "daemon/decide/held.hpp"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <variant>

#include "daemon/decide/gate.hpp"

namespace promised {

bool Held::concerns(const event::Requested& e) const {
  if (requests_.empty()) return false;
  const auto key = [&](const message::Key& k) {
    return k.name.empty() ? ids_.contains(k.id) : names_.contains({name_owner(e.who.uid, k.name), k.name});
  };
  return std::visit(
      [&](const auto& body) {
        using Body = std::remove_cvref_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, message::AddCallback>) {
          return key(body.key) || key({body.id, {}});
        } else if constexpr (std::is_same_v<Body, message::SubmitTree>) {
          return !body.nodes.empty() && key({body.nodes[0].id, {}});
        } else if constexpr (requires { body.key; }) {
          return key(body.key);
        } else if constexpr (std::is_same_v<Body, message::Submit>) {
          return key({body.id, {}}) || (!body.options.name().empty() && key({{}, body.options.name()}));
        } else if constexpr (std::is_same_v<Body, message::Remember>) {
          return key({body.id, {}}) || key({{}, body.name});
        } else if constexpr (std::is_same_v<Body, message::Adjust>) {
          return key({body.id, {}});
        } else if constexpr (std::is_same_v<Body, message::Withdraw>) {
          return std::any_of(body.ids.begin(), body.ids.end(), [&](const JobId& id) {
            return key({id, {}});
          });
        } else {
          return false;
        }
      },
      e.request.body);
}

void Held::add(event::Requested&& e) {
  index(e);
  requests_.push_back(std::move(e));
}

void Held::index(const event::Requested& e) {
  const auto note = [&](const JobId& id, const std::string& name) {
    ids_.insert(id);
    if (!name.empty()) names_.emplace(name_owner(e.who.uid, name), name);
  };
  if (const auto* submit = std::get_if<message::Submit>(&e.request.body))
    note(submit->id, submit->options.name());
  if (const auto* add = std::get_if<message::AddCallback>(&e.request.body))
    note(add->id, add->options.name());
  if (const auto* tree = std::get_if<message::SubmitTree>(&e.request.body)) {
    for (const auto& node : tree->nodes) note(node.id, node.options.name());
  }
}

std::vector<event::Requested> Held::take() {
  ids_.clear();
  names_.clear();
  return std::exchange(requests_, {});
}

std::vector<event::Requested> Held::take(SessionId session) {
  const auto others = std::stable_partition(requests_.begin(), requests_.end(),
                                            [&](const event::Requested& e) { return e.session != session; });
  std::vector<event::Requested> taken(std::make_move_iterator(others),
                                      std::make_move_iterator(requests_.end()));
  if (taken.empty()) return taken;
  requests_.erase(others, requests_.end());
  ids_.clear();
  names_.clear();
  for (const event::Requested& e : requests_) index(e);
  return taken;
}

}  // namespace promised
