// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/decide/house.hpp"

#include <algorithm>
#include <csignal>
#include <iterator>

#include "common/ids.hpp"
#include "common/wire/outcome_codec.hpp"

namespace promised::test {

Settings one_pool(std::uint32_t size) {
  Settings settings;
  settings.access.everyone = true;
  PoolSettings pool;
  pool.name = "main";
  pool.program = "/bin/true";
  pool.size = size;
  settings.pools.push_back(pool);
  return settings;
}

Settings prefetching(std::uint32_t jobs, std::uint32_t size) {
  Settings settings = one_pool(size);
  settings.pools[0].prefetch = jobs;
  return settings;
}

House::House(Settings s, const std::function<void(House&)>& recover)
    : settings(std::move(s)), scheduler(settings, around, 999, 42) {
  around.started = now.steady;
  around.new_id = new_job_id;
  around.exec_arguments = [](const std::vector<std::string>& words,
                             const std::map<std::string, std::string>& variables, const std::string& input) {
    std::string text;
    for (const std::string& word : words) text += word + " ";
    for (const auto& [name, value] : variables) text += name + "=" + value + " ";
    return Payload(text + "< " + input);
  };
  around.outcomes = {wire::encode_outcome, wire::encode_list, wire::with_first};
  load = [this](const JobId& id) -> std::optional<Payload> {
    for (const auto& end : written<change::EndJob>()) {
      if (end.id == id) return end.result;
    }
    return std::nullopt;
  };
  load_output = [this](const effect::LoadOutput& wanted) {
    std::string found;
    for (const auto& told : written<change::TellJob>()) {
      if (told.id == wanted.job) found = told.output.view().substr(wanted.from, wanted.most);
    }
    return found;
  };
  load_arguments = [this](const JobId& id) {
    for (const auto& insert : written<change::InsertJob>()) {
      if (insert.id == id) return insert.arguments;
    }
    return Payload();
  };
  if (recover) recover(*this);
  scheduler.start(now, plan);
  turn();
}

void House::handle(Event event) {
  pending_.push_back(std::move(event));
  turn();
}

void House::turn() {
  do {
    while (!pending_.empty()) {
      Event event = std::move(pending_.front());
      pending_.pop_front();
      scheduler.handle(std::move(event), now, plan);
    }
    scheduler.end_turn(now, plan);
    const bool any_changes = !plan.changes.empty();
    for (auto& change : plan.changes) changes.push_back(std::move(change));
    auto effects = std::exchange(plan.effects, {});
    auto after = std::exchange(plan.after_commit, {});
    plan.clear();
    carry_out(std::move(effects));
    if (holding_) {
      std::move(after.begin(), after.end(), std::back_inserter(held_));
    } else {
      if (any_changes) around.store.committed = ++around.submitted;
      carry_out(std::move(after));
    }
  } while (!pending_.empty());
}

void House::commit() {
  around.store.committed = ++around.submitted;
  carry_out(std::exchange(held_, {}));
  turn();
}

void House::carry_out(std::vector<Effect> effects) {
  for (Effect& effect : effects) {
    if (auto* send = std::get_if<effect::Send>(&effect)) {
      sent_[send->session].push_back({std::move(send->reply), std::string(send->payload.view())});
    } else if (const auto* start = std::get_if<effect::StartWorker>(&effect)) {
      Hand hand;
      hand.id = start->worker;
      hand.pool = start->pool;
      hands_[start->worker] = std::move(hand);
    } else if (auto* dispatch = std::get_if<effect::Dispatch>(&effect)) {
      hands_.at(dispatch->worker).channel.push_back(dispatch->run);
      dispatched_arguments.emplace_back(dispatch->arguments.view());
    } else if (const auto* revoke = std::get_if<effect::RevokeUnclaimed>(&effect)) {
      Hand& hand = hands_.at(revoke->worker);
      std::erase_if(hand.channel, [&](const message::Run& run) { return run.sequence >= hand.claimed; });
      pending_.push_back(event::Revoked{revoke->worker, hand.claimed});
    } else if (const auto* kill = std::get_if<effect::KillWorker>(&effect)) {
      hands_.at(kill->worker).signals.push_back(kill->signal);
    } else if (const auto* stop = std::get_if<effect::StopWorker>(&effect)) {
      hands_.at(stop->worker).told_to_stop = true;
    } else if (const auto* later = std::get_if<effect::LoadResult>(&effect); later != nullptr && load_later) {
      load_later(later->job);
    } else if (const auto* loading = std::get_if<effect::LoadResult>(&effect)) {
      const std::optional<Payload> found = load(loading->job);
      pending_.push_back(event::ResultLoaded{loading->job, found.has_value(), {}, found.value_or(Payload())});
    } else if (const auto* back = std::get_if<effect::LoadArguments>(&effect)) {
      pending_.push_back(
          event::ArgumentsLoaded{back->job, back->session, back->number, load_arguments(back->job)});
    } else if (const auto* later_page = std::get_if<effect::LoadBacklog>(&effect);
               later_page != nullptr && load_backlog_later) {
      load_backlog_later(*later_page);
    } else if (const auto* page = std::get_if<effect::LoadBacklog>(&effect)) {
      pending_.push_back(event::BacklogLoaded{page->queue, page->function, page->quotas, page->priority,
                                              load_backlog(*page)});
    } else if (const auto* finding = std::get_if<effect::FindInBacklog>(&effect)) {
      BacklogSearch search = finding->search;
      find_in_backlog(search);
      pending_.push_back(event::FoundInBacklog{std::move(search)});
    } else if (const auto* notes = std::get_if<effect::SendNotes>(&effect)) {
      hands_.at(notes->worker).notes.push_back(notes->notes);
    } else if (const auto* mark = std::get_if<effect::MarkCancelled>(&effect)) {
      hands_.at(mark->worker).told_cancelled = mark->sequence;
    } else if (const auto* resume = std::get_if<effect::SendResume>(&effect)) {
      hands_.at(resume->worker).resumed.push_back(resume->resume);
    } else if (const auto* parts = std::get_if<effect::LoadParts>(&effect)) {
      pending_.push_back(event::PartsLoaded{parts->job, parts->session, parts->follow, load_parts(*parts)});
    } else if (const auto* read = std::get_if<effect::ReadOutput>(&effect)) {
      hands_.at(read->worker).reads.push_back(*read);
    } else if (const auto* output = std::get_if<effect::LoadOutput>(&effect)) {
      pending_.push_back(
          event::OutputLoaded{output->job, output->session, output->follow, load_output(*output)});
    } else if (const auto* one = std::get_if<effect::LoadJob>(&effect)) {
      pending_.push_back(event::JobLoaded{one->id, load_job(one->id)});
    } else if (const auto* measure = std::get_if<effect::MeasureWorker>(&effect)) {
      if (const auto found = resident.find(measure->worker); found != resident.end())
        pending_.push_back(event::WorkerMeasured{measure->worker, found->second});
    } else if (const auto* reload = std::get_if<effect::ReadConfiguration>(&effect)) {
      reads.push_back(*reload);
    } else if (const auto* log = std::get_if<effect::Log>(&effect)) {
      logged.push_back((log->level == effect::Log::Level::warning ? "warning: " : "info: ") + log->text);
    } else if (const auto* maintain = std::get_if<effect::MaintainStore>(&effect)) {
      maintained.push_back(*maintain);
    } else if (std::holds_alternative<effect::StopMaintenance>(effect)) {
      ++maintenance_stops;
    }
  }
}

SessionId House::connect(uid_t uid, std::optional<JobId> client) {
  const SessionId session{next_session_++};
  who_[session] = {uid, uid, 4711};
  ask(session, message::Hello{message::kClientProtocol, client.value_or(new_job_id()), "test"});
  return session;
}

SessionId House::connect_from(WorkerId worker) {
  const SessionId session{next_session_++};
  const pid_t pid = hand(worker).pid;
  who_[session] = {1000, 1000, pid, pid};
  ask(session, message::Hello{message::kClientProtocol, new_job_id(), "test"});
  return session;
}

JobId House::submit(SessionId session, const std::string& function, Options options, std::string arguments) {
  const JobId id = new_job_id();
  ask(session, message::Submit{id, function, std::move(options)}, std::move(arguments));
  return id;
}

std::optional<message::Ended> House::ended(SessionId session, const JobId& id) {
  std::optional<message::Ended> found;
  for (const auto& s : sent_[session]) {
    const auto* ended = std::get_if<message::Ended>(&s.reply.body);
    if (ended != nullptr && ended->id == id) found = *ended;
  }
  return found;
}

JobView House::show(SessionId session, const JobId& id) {
  ask(session, message::Show{.key = {id, {}}});
  return last<message::Jobs>(session).jobs.at(0);
}

StatusView House::status(SessionId session) {
  ask(session, message::StatusQuery{});
  return last<message::Status>(session).view;
}

std::vector<WorkerId> House::workers() const {
  std::vector<WorkerId> ids;
  for (const auto& [id, hand] : hands_) ids.push_back(id);
  return ids;
}

void House::ready(WorkerId id, const std::vector<std::string>& functions) {
  hand(id).pid = static_cast<pid_t>(100 + static_cast<std::uint32_t>(id));
  handle(event::WorkerStarted{id, hand(id).pid});
  std::vector<FunctionView> views;
  for (const auto& name : functions) views.push_back({name, "() -> text"});
  handle(event::WorkerReady{id, views});
}

message::Run House::begin(WorkerId id) {
  Hand& hand = hands_.at(id);
  const message::Run run = hand.channel.at(0);
  hand.claimed = run.sequence + 1;
  return run;
}

JobId House::finish(WorkerId id, const std::string& result, Nanos ran, Printed printed) {
  const message::Run run = begin(id);
  hands_.at(id).channel.pop_front();
  handle(event::AttemptEnded{id, run.sequence, {}, ran, Payload(result), std::move(printed)});
  return run.id;
}

JobId House::fail(WorkerId id, Failure failure) {
  const message::Run run = begin(id);
  hands_.at(id).channel.pop_front();
  handle(event::AttemptEnded{id, run.sequence, std::move(failure), std::chrono::microseconds(5), {}});
  return run.id;
}

void House::gone(WorkerId id, int signal, int exit_code, const std::string& output, Printed printed) {
  const std::uint32_t claimed = hands_.at(id).claimed;
  hands_.erase(id);
  event::WorkerGone gone{id, claimed, signal, exit_code, 0, output, {}};
  gone.printed = std::move(printed);
  handle(std::move(gone));
}

void House::torn(WorkerId id, std::uint32_t claimed) {
  hands_.erase(id);
  handle(event::WorkerGone{id, claimed, SIGKILL, 0, 0, {}, "it stopped"});
}

void House::gone(event::WorkerGone how) {
  how.first_unclaimed = hands_.at(how.worker).claimed;
  hands_.erase(how.worker);
  handle(std::move(how));
}

void House::crashed(WorkerId id, int signal, const std::string& backtrace, bool out_of_memory,
                    std::uint64_t peak_memory) {
  event::WorkerGone how{};
  how.worker = id;
  how.signal = signal;
  how.peak_memory = peak_memory;
  how.out_of_memory = out_of_memory;
  how.backtrace = backtrace;
  gone(std::move(how));
}

void House::wait(Nanos duration) {
  now.steady += duration;
  now.wall += std::chrono::duration_cast<std::chrono::microseconds>(duration);
  turn();
}

void House::reconfigure(const std::vector<PoolSettings>& pools) {
  event::Reconfigured read;
  for (const PoolSettings& pool : pools) read.pools.push_back(std::make_shared<const PoolSettings>(pool));
  handle(std::move(read));
}

void House::jump_wall_clock(std::chrono::microseconds by) {
  now.wall += by;
  turn();
}

}  // namespace promised::test
