// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/statements.hpp"

#include <string>
#include <string_view>
#include <utility>

#include "daemon/store/job_row.hpp"

namespace promised {
namespace {

constexpr std::string_view kInsertJob =
    "INSERT INTO job (id, submitted, owner, state, started, attempts, interruptions, arguments_size, "
    "result_size,"
    " began, ended, function, options, arguments, queue, priority, client, number, known, quotas, command, "
    "due)"
    " VALUES (?1, ?2, ?3, ?4, 0, 0, 0, ?5, 0, 0, 0, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
constexpr std::string_view kEndJob =
    "UPDATE job SET state=?2, started=0, attempts=?3, result_size=?4, began=?5, ended=?6, failure=?7, "
    "reason=?8,"
    " arguments=iif(?12, arguments, NULL), due=NULL, result=?9, queue=NULL, known=NULL, told=NULL, "
    "result_file=?10, crashes=?11"
    " WHERE id=?1";
constexpr std::string_view kSetName =
    "INSERT INTO name (owner, name, state, job, lifespan, until) VALUES (?1, ?2, 0, ?3, ?4, 0)"
    " ON CONFLICT DO UPDATE SET state=0, job=excluded.job, lifespan=excluded.lifespan, until=0";
constexpr std::string_view kDropName =
    "INSERT INTO name (owner, name, state, job, lifespan, until) VALUES (?1, ?2, ?3, NULL, 0, ?4)"
    " ON CONFLICT DO UPDATE SET state=excluded.state, job=NULL, lifespan=0, until=excluded.until";

}  // namespace

Result<Statements> Statements::prepare(Database& database) {
  Statements all;
  const std::string job_columns = "SELECT " + std::string(kJobColumns) + " FROM job ";
  const std::string load_backlog =
      job_columns +
      "INDEXED BY backlog WHERE queue=?1 AND function=?2 AND quotas IS ?6 AND priority=?3 AND submitted>?4"
      " ORDER BY submitted LIMIT ?5";
  const std::string load_job = job_columns + "WHERE id=?1 AND queue IS NOT NULL";
  const std::string find_in_backlog =
      job_columns + "WHERE id>=?1 AND id<?2 AND queue IS NOT NULL ORDER BY id DESC LIMIT ?3";
  const std::pair<Statement*, std::string_view> texts[] = {
      {&all.begin, "BEGIN IMMEDIATE"},
      {&all.commit, "COMMIT"},
      {&all.insert_job, kInsertJob},
      {&all.insert_large, "INSERT INTO large (job, part, content) VALUES (?1, ?2, ?3)"},
      {&all.start_job, "UPDATE job SET started=1, attempts=?2 WHERE id=?1"},
      {&all.requeue_job,
       "UPDATE job SET started=0, attempts=?2, interruptions=?3, crashes=?4, failure=?5, due=?6 "
       "WHERE id=?1"},
      {&all.load_options, "SELECT options FROM job WHERE id=?1"},
      {&all.set_options, "UPDATE job SET options=?2 WHERE id=?1"},
      {&all.know_job, "UPDATE job SET known=1 WHERE id=?1 AND queue IS NOT NULL"},
      {&all.cancel_job, "UPDATE job SET reason=?2 WHERE id=?1"},
      {&all.end_job, kEndJob},
      {&all.delete_job, "DELETE FROM job WHERE id=?1"},
      {&all.delete_large, "DELETE FROM large WHERE job=?1"},
      {&all.delete_large_part, "DELETE FROM large WHERE job=?1 AND part=?2"},
      {&all.set_name, kSetName},
      {&all.drop_name, kDropName},
      {&all.delete_name, "DELETE FROM name WHERE owner=?1 AND name=?2"},
      {&all.take_job, "UPDATE job SET client=?2 WHERE id=?1"},
      {&all.bury_id, "INSERT OR REPLACE INTO grave (id, owner, guard, until) VALUES (?1, ?2, ?3, ?4)"},
      {&all.delete_grave, "DELETE FROM grave WHERE id=?1"},
      {&all.link_job,
       "INSERT OR REPLACE INTO link (job, parent, follows, place, composite, on_member_failure, phase, "
       "becomes)"
       " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE EXISTS (SELECT 1 FROM job WHERE id=?1)"},
      {&all.ready_link, "UPDATE link SET phase=?2 WHERE job=?1"},
      {&all.ready_job, "UPDATE job SET submitted=?2, arguments_size=?3, arguments=?4, due=?5 WHERE id=?1"},
      {&all.delete_link, "DELETE FROM link WHERE job=?1"},
      {&all.load_result, "SELECT result_size, result, result_file FROM job WHERE id=?1 AND state=?2"},
      {&all.load_large, "SELECT content FROM large WHERE job=?1 AND part=?2"},
      {&all.load_backlog, load_backlog},
      {&all.load_job, load_job},
      {&all.find_in_backlog, find_in_backlog},
      {&all.load_arguments,
       "SELECT coalesce(content, arguments) FROM job LEFT JOIN large ON large.job=id AND part=0"
       " WHERE id=?1 AND state=?2"},
      {&all.retry_job,
       "UPDATE job SET state=?2, started=0, interruptions=0, result_size=0, began=0, ended=0,"
       " reason=NULL, client=NULL, told=NULL, output=NULL, due=?3 WHERE id=?1"},
      {&all.tell_job, "UPDATE job SET told=?2 WHERE id=?1"},
      {&all.insert_part, "INSERT INTO part (job, first, sizes, content) VALUES (?1, ?2, ?3, ?4)"},
      {&all.delete_parts, "DELETE FROM part WHERE job=?1"},
      {&all.load_parts,
       "SELECT first, sizes, content FROM part WHERE job=?1 AND first>="
       "(SELECT coalesce(max(first), 0) FROM part WHERE job=?1 AND first<=?2) ORDER BY first"},
      {&all.set_output, "UPDATE job SET output=?2 WHERE id=?1"},
      {&all.load_output,
       "SELECT substr(coalesce(content, output), ?2 + 1, ?3)"
       " FROM job LEFT JOIN large ON large.job=id AND part=2 WHERE id=?1"},
      {&all.steer_queue, "INSERT OR REPLACE INTO steered_queue (name, said, configured) VALUES (?1, ?2, ?3)"},
      {&all.leave_queue, "DELETE FROM steered_queue WHERE name=?1"},
      {&all.steer_quota, "INSERT OR REPLACE INTO steered_quota (name, size, configured) VALUES (?1, ?2, ?3)"},
      {&all.leave_quota, "DELETE FROM steered_quota WHERE name=?1"},
      {&all.free_pages, "PRAGMA freelist_count"},
      {&all.all_pages, "PRAGMA page_count"},
  };
  for (const auto& [statement, text] : texts) {
    PROMISED_ASSIGN(*statement, database.prepare(text));
  }
  return all;
}

}  // namespace promised
