// SPDX-License-Identifier: Apache-2.0
// Composites: jobs that are made of others (SEMANTICS C4 to C6). A composite waits, without a worker, for its
// members, which run like any other jobs, in the course that links.hpp has the rules of. It comes to the list
// of what they have come to, or to what its `then` makes of that.
#include <promised/outcome.hpp>

#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>

#include "daemon/decide/scheduler.hpp"

namespace promised {
namespace {

/// Composites in composites: what they come to nests two levels for each, and values nest 64.
constexpr std::uint32_t kMostNested = 16;

using Node = message::SubmitTree::Node;

message::Refused bad(std::string message) {
  return {.code = "bad_request", .message = std::move(message)};
}

/// Whether it has some of what a job without a worker cannot keep to.
bool is_for_calls_alone(const Options& options) {
  return options.begin_after() != WallTime() || options.delay() > Millis(0) ||
         options.begin_by() > Millis(0) || options.retries() > 0 || !options.quotas().empty() ||
         options.timeout() > Millis(0) || options.run_timeout() > Millis(0) ||
         options.progress_timeout() > Millis(0);
}

/// What is wrong with the shape of the tree; nothing: it is one.
std::optional<message::Refused> check_shape(const std::vector<Node>& nodes, std::uint64_t payload) {
  if (nodes.empty() || nodes[0].composite == Composite::none || nodes[0].follows != Follows::nothing)
    return bad("a tree begins with a composite that follows nothing");
  std::vector<std::uint32_t> depth(nodes.size());
  std::vector<bool> has_then(nodes.size());
  std::unordered_set<JobId> ids;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    const std::string which = "node " + std::to_string(i) + ": ";
    if (!ids.insert(node.id).second) return bad(which + "its id is another node's too");
    if (node.arguments_size > payload - bytes) return bad(which + "there are not as many arguments");
    bytes += node.arguments_size;
    const bool composite = node.composite != Composite::none;
    if (composite && (!node.function.empty() || node.arguments_size > 0))
      return bad(which + "a composite has neither a function nor arguments");
    if (composite && is_for_calls_alone(node.options))
      return bad(
          which +
          "a composite has no moment to begin, retries, quotas or timeout of its own; give them to its "
          "members");
    if (node.options.unique()) return bad(which + "what belongs to a composite joins no other job (unique)");
    if (i == 0) continue;
    if (node.parent >= i || nodes[node.parent].composite == Composite::none)
      return bad(which + "expected the place of a composite before it as its parent, found " +
                 std::to_string(node.parent));
    if (node.follows != Follows::member && node.follows != Follows::then)
      return bad(which + "expected 4 (member) or 5 (then), found " +
                 std::to_string(static_cast<int>(node.follows)));
    if (node.follows == Follows::then && composite) return bad(which + "only a call can be a `then`");
    if (node.follows == Follows::then && has_then[node.parent])
      return bad(which + "its parent has a `then` already");
    if (node.follows == Follows::then) has_then[node.parent] = true;
    depth[i] = depth[node.parent] + 1;
    if (composite && depth[i] >= kMostNested)
      return bad("composites nest at most " + std::to_string(kMostNested) + " deep");
    if (!node.options.name().empty() || node.options.abandon() != Abandon::go_on)
      return bad(which + "only the composite as a whole has a name, or is cancelled when its submitter goes");
  }
  if (bytes != payload) return bad("there are more arguments than the nodes have");
  return std::nullopt;
}

}  // namespace

std::optional<message::Refused> Scheduler::check_tree(const Asked& asked, const message::SubmitTree& tree) {
  const std::vector<Node>& nodes = tree.nodes;
  if (auto refused = check_shape(nodes, asked.event.payload.size())) return refused;
  const std::uint32_t most = settings_.limits.max_members;
  if (nodes.size() - 1 > most)
    return message::Refused{.code = "limit",
                            .message = "the composite has " + std::to_string(nodes.size() - 1) +
                                       " members; max_members allows " + std::to_string(most)};
  if (auto refused = accounts_.check(asked.uid(), Quantity::jobs, nodes.size())) return refused;
  if (auto refused = check_queues(nodes)) return refused;
  for (const Node& node : nodes) {
    const bool composite = node.composite != Composite::none;
    message::Submit submit{node.id, composite ? std::string(to_string(node.composite)) : node.function,
                           node.options};
    if (auto refused = check_submit(asked, submit)) return refused;
    if (&node != &nodes[0] && (jobs_.find(node.id) != nullptr || backlog_ids_.contains(node.id) ||
                               graves_.find(node.id) != nullptr))
      return id_taken(node.id);
  }
  return std::nullopt;
}

/// Each queue must have room for what comes into it at once; what has its turn later waits elsewhere until
/// then. So must there be for the queues themselves, which have jobs from the beginning.
std::optional<message::Refused> Scheduler::check_queues(const std::vector<Node>& nodes) const {
  std::map<std::string_view, std::uint64_t> come;
  std::vector<bool> at_once(nodes.size()), has_member(nodes.size());
  at_once[0] = true;
  std::unordered_set<std::string_view> made;
  for (const Node& node : nodes) {
    const Queue* queue = lanes_.find_queue(node.options.queue());
    if (queue == nullptr || queue->jobs == 0) made.insert(node.options.queue());
  }
  if (auto refused = check_new_queues(made.size())) return refused;
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    const bool is_first = node.follows == Follows::member && !has_member[node.parent];
    if (is_first) has_member[node.parent] = true;
    const bool parallel =
        node.follows == Follows::member && nodes[node.parent].composite == Composite::parallel;
    at_once[i] = at_once[node.parent] && (parallel || is_first);
    if (node.composite != Composite::none) continue;
    if (auto refused = check_queue(node.options, at_once[i] ? come[node.options.queue()]++ : 0))
      return refused;
  }
  return std::nullopt;
}

void Scheduler::on(Asked& asked, message::SubmitTree& tree, Turn& t) {
  if (!tree.nodes.empty() && is_known(asked, tree.nodes[0].id, t)) return;
  if (auto refused = check_tree(asked, tree)) {
    refuse(asked.event.session, asked.number(), std::move(*refused), t);
    return;
  }
  for (const Node& node : tree.nodes) {
    if (node.composite == Composite::none && !is_offered(asked, node.function, node.options.queue(), t))
      return;
  }
  if (const auto name = name_for(asked, tree.nodes[0].options, nullptr, t))
    accept_tree(asked, tree, *name, t);
}

void Scheduler::accept_tree(Asked& asked, message::SubmitTree& tree, const std::string& name, Turn& t) {
  std::vector<Job*> jobs;
  std::size_t read = 0;
  const Options root_options = tree.nodes[0].options;
  for (Node& node : tree.nodes) {
    const std::string_view arguments = asked.event.payload.view().substr(read, node.arguments_size);
    read += arguments.size();
    jobs.push_back(&make_node(asked, node, arguments, jobs, t));
    jobs.back()->durability = root_options.durability();
  }
  accepted_ += jobs.size();
  Job& root = *jobs[0];
  for (Job* job : jobs) {
    if (Kin& kin = *job->kin(); kin.link.composite != Composite::none) start_course(kin);
  }
  if (root_options.abandon() == Abandon::cancel)
    tie(root, asked.session.tag(), root_options.abandon_grace().value_or(Millis(0)));
  if (!name.empty()) give_name(root, name, root_options.lifespan(), t);
  // Before any of them ends: a composite without members does so at once.
  for (Job* job : jobs) happened(EventKind::accepted, *job, t);
  set_going(root, {}, t);
  for (Job* job : jobs) write(*job, t);
  if (!root.durable()) tell_accepted(asked.session, asked.number(), root.id, root.durability, t);
}

/// `before`: the jobs of the nodes before it.
Job& Scheduler::make_node(const Asked& asked, Node& node, std::string_view arguments,
                          const std::vector<Job*>& before, Turn& t) {
  const bool composite = node.composite != Composite::none;
  const message::Submit submit{node.id,
                               composite ? std::string(to_string(node.composite)) : std::move(node.function),
                               std::move(node.options)};
  Job& job = make_job(asked, submit, t);
  job.arguments = Payload(arguments);
  job.arguments_size = static_cast<std::uint32_t>(arguments.size());
  accounts_.add(job.owner, Quantity::bytes, job.arguments.size());
  Link& link = kin_of(job).link;
  link.composite = node.composite;
  link.on_member_failure = node.on_member_failure;
  set_state(job, State::waiting);
  if (before.empty()) return job;
  // Its outcome goes into its parent's, and to nobody else who has not asked for it.
  job.submitter = {};
  job.submitter_tag = 0;
  job.number = 0;
  Job& parent = *before[node.parent];
  link.parent = parent.id;
  link.follows = node.follows;
  Kin& of = *parent.kin();
  link.place = static_cast<std::uint32_t>(of.members.size());
  if (node.follows == Follows::then) {
    of.then = job.id;
  } else {
    of.members.push_back(job.id);
  }
  return job;
}

void Scheduler::start_course(Kin& kin) {
  kin.course.emplace(kin.link.composite, kin.link.on_member_failure,
                     static_cast<std::uint32_t>(kin.members.size()));
}

void Scheduler::begin_course(Job& composite, Turn& t) {
  composite.queued = t.now.steady;
  watch_deadline(composite);
  take_step(composite, composite.kin()->course->begin(), t);
}

void Scheduler::take_step(Job& composite, const Course::Step& step, Turn& t) {
  const Kin& kin = *composite.kin();
  for (const std::uint32_t place : step.go) {
    Job* member = jobs_.find(kin.members[place]);
    if (member != nullptr && !member->ended()) set_going(*member, member->arguments, t);
  }
  if (step.stop) stop_members(composite, t);
  if (step.over) members_over(composite, t);
}

void Scheduler::member_ended(Job& composite, const Job& member, Turn& t) {
  take_step(composite, composite.kin()->course->ended(member.kin()->link.place, member.state), t);
}

/// SEMANTICS C5: what has not begun.
void Scheduler::stop_members(Job& composite, Turn& t) {
  withdraw_members(composite,
                   "another member of job " + composite.id.text() + " did not succeed, and it stops then", t);
}

void Scheduler::withdraw_members(const Job& composite, const std::string& why, Turn& t) {
  for (const JobId& id : composite.kin()->members) withdraw_part(id, why, t);
}

/// Unless it has begun. Of a composite that has begun its parts, down to where nothing nests any more: what
/// runs of it goes on, and what it comes to is as its own course says.
void Scheduler::withdraw_part(const JobId& id, const std::string& why, Turn& t) {
  Job* part = jobs_.find(id);
  if (part == nullptr || part->ended()) return;
  const Kin& kin = *part->kin();
  if (kin.course && kin.link.phase == Link::Phase::ready) {
    withdraw_members(*part, why, t);
    if (!kin.then.empty()) withdraw_part(kin.then, why, t);
    return;
  }
  if (!kin.link.becomes.empty() || part->state == State::running ||
      (part->state == State::waiting && part->worker != nullptr))
    return;
  withdraw(*part, why, t);
}

/// All members have ended.
void Scheduler::members_over(Job& composite, Turn& t) {
  Kin& kin = *composite.kin();
  if (composite.ended() || kin.missing > 0) return;
  if (composite.cancel_asked) {
    end_job(composite, State::cancelled, {}, composite.story().reason, {}, t);
    return;
  }
  if (kin.course->failed()) {
    end_job(composite, State::failed, member_failure(composite), {}, {}, t);
    return;
  }
  std::uint64_t bytes = 0;
  for (const JobId& id : kin.members) {
    if (const Job* member = jobs_.find(id); member != nullptr) bytes += member->result_size;
  }
  if (bytes > settings_.limits.max_result) {
    end_too_large(composite, bytes, t);
    return;
  }
  for (const JobId& id : kin.members) {
    Job* member = jobs_.find(id);
    if (member == nullptr || member->state != State::succeeded || member->result_size == 0 ||
        !member->result.empty())
      continue;
    ++kin.missing;
    want_result(*member, composite, t);
  }
  if (kin.missing == 0) have_gathered(composite, t);
}

void Scheduler::end_too_large(Job& composite, std::uint64_t bytes, Turn& t) {
  composite.kin()->gathered.clear();
  Failure failure;
  failure.cause = Cause::result_too_large;
  failure.message = "its members have come to " + std::to_string(bytes) + " bytes; max_result allows " +
                    std::to_string(settings_.limits.max_result);
  end_job(composite, State::failed, std::move(failure), {}, {}, t);
}

Failure Scheduler::member_failure(const Job& composite) const {
  const Kin& kin = *composite.kin();
  const std::uint32_t place = *kin.course->failed();
  Failure failure;
  failure.cause = Cause::member_failed;
  failure.message = "member " + std::to_string(place + 1) + " of " + std::to_string(kin.members.size());
  const Job* member = jobs_.find(kin.members[place]);
  if (member == nullptr) return failure;
  failure.message += " (job " + member->id.text() + ", " + member->function->name + ") has ended as " +
                     std::string(to_string(member->state));
  if (member->state == State::failed) failure.message += ": " + member->story().failure.message;
  return failure;
}

void Scheduler::gather(Job& composite, const Job& member, const Payload& result, Turn& t) {
  Kin& kin = *composite.kin();
  kin.gathered[member.id] = result;
  if (--kin.missing == 0) have_gathered(composite, t);
}

void Scheduler::have_gathered(Job& composite, Turn& t) {
  Kin& kin = *composite.kin();
  std::vector<std::string> outcomes;
  outcomes.reserve(kin.members.size());
  std::uint64_t bytes = 0;  // with what failures tell, which is more than results, and is not let grow here
  for (const JobId& id : kin.members) {
    const Job* member = jobs_.find(id);
    const auto loaded = kin.gathered.find(id);
    if (member == nullptr) continue;
    outcomes.push_back(
        encode_outcome(*member, loaded == kin.gathered.end() ? member->result : loaded->second));
    bytes += outcomes.back().size();
    if (bytes > settings_.limits.max_result) {
      end_too_large(composite, bytes, t);
      return;
    }
  }
  kin.gathered.clear();
  const std::string list = around_.outcomes.list(outcomes);
  Job* then = kin.then.empty() ? nullptr : jobs_.find(kin.then);
  if (then == nullptr) {
    end_job(composite, State::succeeded, {}, {}, Payload(list), t);
  } else if (then->ended()) {
    inherit(composite, *then, then->result, t);  // somebody has cancelled it
  } else if (list.size() + then->arguments.size() > kLargestPayload) {
    fail_too_large(*then, list.size(), t);
  } else {
    set_going(*then, around_.outcomes.with_first(list, then->arguments.view()), t);
  }
}

/// SEMANTICS C6: it ends when all that runs of it has stopped.
void Scheduler::cancel_members(Job& composite, std::string reason, Haste haste, Turn& t) {
  Kin& kin = *composite.kin();
  kin.course->halt();
  if (!std::exchange(composite.cancel_asked, true)) {
    composite.tell().reason = std::move(reason);
    if (composite.written)
      t.plan.changes.emplace_back(change::CancelJob{composite.id, composite.story().reason});
  }
  bool any = false;
  const auto cancel_one = [&](const JobId& id) {
    Job* member = jobs_.find(id);
    if (member == nullptr || member->ended()) return;
    any = true;
    cancel(*member, "job " + composite.id.text() + ", of which it is a part, was " + composite.story().reason,
           haste, t);
  };
  for (const JobId& id : kin.members) cancel_one(id);
  const Job* then = kin.then.empty() ? nullptr : jobs_.find(kin.then);
  if (then != nullptr && then->kin()->link.phase == Link::Phase::ready) cancel_one(kin.then);
  // Else the last of them ends it.
  if (!any) end_job(composite, State::cancelled, {}, composite.story().reason, {}, t);
}

/// It has ended: what has not is cancelled, and what is left of its members is not kept for it any more.
void Scheduler::leave_members(Job& composite, Turn& t) {
  Kin& kin = *composite.kin();
  kin.course->halt();
  kin.gathered.clear();
  const std::string why = "job " + composite.id.text() + ", of which it is a part, has ended as " +
                          std::string(to_string(composite.state));
  for (const JobId& id : kin.members) {
    Job* member = jobs_.find(id);
    if (member == nullptr) continue;
    if (member->ended()) {
      keep_or_release(*member, t);
    } else {
      cancel(*member, why, Haste::none, t);
    }
  }
  Job* then = kin.then.empty() ? nullptr : jobs_.find(kin.then);
  if (then == nullptr) return;
  if (then->ended()) {
    keep_or_release(*then, t);
  } else if (then->kin()->link.phase == Link::Phase::waiting) {
    pass_over(*then, why, t);
  } else {
    cancel(*then, why, Haste::none, t);
  }
}

}  // namespace promised
