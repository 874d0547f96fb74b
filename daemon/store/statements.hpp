// SPDX-License-Identifier: Apache-2.0
// Every statement that the store runs while it is open, prepared once. The numbers of the parameters are said
// in statements.cpp and used in apply.cpp, replay.cpp and store.cpp alone.
#pragma once

#include <cstdint>

#include "common/result.hpp"
#include "daemon/store/sqlite.hpp"

namespace promised {

/// Arguments, results and output above this many bytes have a row of their own (table `large`).
inline constexpr std::uint64_t kMostInline = 512;

/// Values of large.part.
enum class Part : std::int64_t { arguments = 0, result = 1, output = 2 };

struct Statements {
  Statement begin;
  Statement commit;
  Statement insert_job;
  Statement insert_large;
  Statement start_job;
  Statement requeue_job;
  Statement load_options;
  Statement set_options;
  Statement know_job;
  Statement load_backlog;
  Statement load_job;
  Statement load_arguments;
  Statement retry_job;
  Statement find_in_backlog;
  Statement cancel_job;
  Statement end_job;
  Statement delete_job;
  Statement delete_large;
  Statement delete_large_part;
  Statement set_name;
  Statement drop_name;
  Statement delete_name;
  Statement take_job;
  Statement bury_id;
  Statement delete_grave;
  Statement link_job;
  Statement ready_link;
  Statement ready_job;
  Statement delete_link;
  Statement load_result;
  Statement load_large;
  Statement tell_job;
  Statement insert_part;
  Statement delete_parts;
  Statement load_parts;
  Statement set_output;
  Statement load_output;
  Statement steer_queue;
  Statement leave_queue;
  Statement steer_quota;
  Statement leave_quota;
  Statement free_pages;
  Statement all_pages;

  [[nodiscard]] static Result<Statements> prepare(Database& database);
};

}  // namespace promised
