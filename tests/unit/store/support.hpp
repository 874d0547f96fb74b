// SPDX-License-Identifier: Apache-2.0
// What the store's tests share: changes with plausible content, and all that a store remembers as a value.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/flow.hpp"
#include "daemon/store/store.hpp"
#include "tests/support/temp_directory.hpp"

namespace promised::test {

/// An id that sorts by `number`.
[[nodiscard]] JobId job_id(std::uint64_t number);
/// That many microseconds after some moment.
[[nodiscard]] WallTime moment(std::int64_t micros);

[[nodiscard]] change::InsertJob insert(std::uint64_t number, const std::string& arguments = "arguments");
[[nodiscard]] change::EndJob succeed(std::uint64_t number, const std::string& result = "result");
[[nodiscard]] change::DeleteJob remove(std::uint64_t number);
[[nodiscard]] change::SetName set_name(const std::string& name, std::uint64_t number);

/// Everything that replay hands over.
struct Contents {
  std::vector<RecoveredJob> jobs;
  std::vector<RecoveredName> names;

  [[nodiscard]] const RecoveredJob* job(std::uint64_t number) const;
  [[nodiscard]] const RecoveredName* name(const std::string& name) const;
};

/// Opens the store in `directory`; fails the test with the Problem's message if that is not possible.
[[nodiscard]] std::unique_ptr<Store> open_store(const std::filesystem::path& directory);
/// The same for what is not the test's subject.
void commit(Store& store, const std::vector<Change>& changes);
[[nodiscard]] Contents contents_of(Store& store);
[[nodiscard]] Contents contents_of(const std::filesystem::path& directory);

/// A sequence of batches, each different, from which one sees whether a store has the first n of them, whole:
/// batch n inserts a few jobs and a name, and ends the jobs of the batch before and drops its name.
[[nodiscard]] std::vector<Change> numbered_batch(std::uint64_t n, std::size_t arguments_size = 64);
/// The first `count` of them in one, for who needs a store of some size.
[[nodiscard]] std::vector<Change> numbered_batches(std::uint64_t count);
/// How many of the first batches there are; nothing if it is not the first n, whole, and nothing else.
[[nodiscard]] std::optional<std::uint64_t> whole_batches(const Contents& contents);

}  // namespace promised::test
