// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/store/support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

namespace promised::test {
namespace {

constexpr std::int64_t kSomeMoment = 1'790'000'000'000'000;  // microseconds since 1970

std::uint64_t jobs_in(std::uint64_t batch) {
  return 1 + batch % 5;
}
std::uint64_t job_number(std::uint64_t batch, std::uint64_t job) {
  return batch * 10 + job;
}
std::string name_of(std::uint64_t batch) {
  return "batch-" + std::to_string(batch);
}

using Jobs = std::map<JobId, const RecoveredJob*>;
using Names = std::map<std::string, State>;

bool is_whole(const Jobs& jobs, const Names& names, std::uint64_t batch, bool last) {
  for (std::uint64_t i = 0; i < jobs_in(batch); ++i) {
    const auto job = jobs.find(job_id(job_number(batch, i)));
    if (job == jobs.end() || job->second->function != name_of(batch)) return false;
    if (job->second->state != (last ? State::pending : State::succeeded)) return false;
  }
  const auto name = names.find(name_of(batch));
  return name != names.end() && name->second == (last ? State::pending : State::lapsed);
}

}  // namespace

JobId job_id(std::uint64_t number) {
  std::array<std::uint8_t, JobId::kSize> bytes{};
  for (std::size_t i = 0; i < 8; ++i) bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  return JobId(bytes);
}

WallTime moment(std::int64_t micros) {
  return WallTime(std::chrono::microseconds(kSomeMoment + micros));
}

change::InsertJob insert(std::uint64_t number, const std::string& arguments) {
  return {.id = job_id(number),
          .owner = 1000,
          .function = "report.build",
          .options = Options().queue("reports"),
          .arguments = Payload(arguments),
          .submitted = moment(static_cast<std::int64_t>(number))};
}

change::EndJob succeed(std::uint64_t number, const std::string& result) {
  return {.id = job_id(number),
          .state = State::succeeded,
          .failure = {},
          .reason = {},
          .result = Payload(result),
          .started = moment(1),
          .ended = moment(2),
          .attempts = 1};
}

change::DeleteJob remove(std::uint64_t number) {
  return {job_id(number)};
}

change::SetName set_name(const std::string& name, std::uint64_t number) {
  return {.owner = 1000, .name = name, .id = job_id(number), .lifespan = std::chrono::minutes(10)};
}

const RecoveredJob* Contents::job(std::uint64_t number) const {
  const auto found = std::find_if(jobs.begin(), jobs.end(),
                                  [id = job_id(number)](const RecoveredJob& job) { return job.id == id; });
  return found == jobs.end() ? nullptr : &*found;
}

const RecoveredName* Contents::name(const std::string& name) const {
  const auto found =
      std::find_if(names.begin(), names.end(), [&](const RecoveredName& n) { return n.name == name; });
  return found == names.end() ? nullptr : &*found;
}

std::unique_ptr<Store> open_store(const std::filesystem::path& directory) {
  auto store = Store::open(directory);
  if (!store) FAIL(store.problem().message);
  return *std::move(store);
}

void commit(Store& store, const std::vector<Change>& changes) {
  if (const auto done = store.apply(changes); !done) FAIL(done.problem().message);
}

Contents contents_of(Store& store) {
  Contents contents;
  const auto done = store.replay([&](RecoveredJob job) { contents.jobs.push_back(std::move(job)); },
                                 [&](RecoveredName name) { contents.names.push_back(std::move(name)); });
  if (!done) FAIL(done.problem().message);
  return contents;
}

Contents contents_of(const std::filesystem::path& directory) {
  return contents_of(*open_store(directory));
}

std::vector<Change> numbered_batch(std::uint64_t n, std::size_t arguments_size) {
  std::vector<Change> changes;
  for (std::uint64_t i = 0; i < jobs_in(n); ++i) {
    change::InsertJob job = insert(job_number(n, i), std::string(arguments_size, 'a'));
    job.function = name_of(n);
    changes.emplace_back(std::move(job));
  }
  changes.emplace_back(set_name(name_of(n), job_number(n, 0)));
  if (n == 0) return changes;
  for (std::uint64_t i = 0; i < jobs_in(n - 1); ++i) changes.emplace_back(succeed(job_number(n - 1, i)));
  changes.emplace_back(change::DropName{1000, name_of(n - 1), State::lapsed, moment(1'000'000)});
  return changes;
}

std::vector<Change> numbered_batches(std::uint64_t count) {
  std::vector<Change> all;
  for (std::uint64_t n = 0; n < count; ++n) {
    for (Change& change : numbered_batch(n)) all.push_back(std::move(change));
  }
  return all;
}

std::optional<std::uint64_t> whole_batches(const Contents& contents) {
  Jobs jobs;
  Names names;
  for (const RecoveredJob& job : contents.jobs) jobs[job.id] = &job;
  for (const RecoveredName& name : contents.names) names[name.name] = name.state;
  std::uint64_t batches = 0;
  for (std::size_t expected = 0; expected < contents.jobs.size();) expected += jobs_in(batches++);
  if (contents.names.size() != batches) return std::nullopt;
  for (std::uint64_t n = 0; n < batches; ++n) {
    if (!is_whole(jobs, names, n, n + 1 == batches)) return std::nullopt;
  }
  return batches;
}

}  // namespace promised::test
