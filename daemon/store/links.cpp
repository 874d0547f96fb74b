// SPDX-License-Identifier: Apache-2.0
// How jobs hang together (SEMANTICS C), as rows: a row of `link` for a job that hangs together with others,
// which goes with the job's.
#include <cstdint>
#include <string>

#include "daemon/store/job_row.hpp"
#include "daemon/store/store_impl.hpp"

namespace promised {
namespace {

constexpr std::string_view kLinks =
    "SELECT job, parent, follows, place, composite, on_member_failure, phase, becomes FROM link ORDER BY job";

template <class Enumeration>
std::int64_t number(Enumeration e) {
  return static_cast<std::int64_t>(e);
}

void bind_id(Statement& statement, int parameter, const JobId& id) {
  id.empty() ? statement.bind_null(parameter) : statement.bind_blob(parameter, id.view());
}

Result<JobId> read_id_or_none(std::string_view bytes) {
  if (bytes.empty()) return JobId();
  return read_id(bytes);
}

template <class Enumeration>
Result<Enumeration> read_enumeration(std::int64_t number, Enumeration last, const JobId& of) {
  if (number >= 0 && number <= static_cast<std::int64_t>(last)) return static_cast<Enumeration>(number);
  return damaged("how job " + of.text() + " hangs together with others has the impossible number " +
                 std::to_string(number));
}

Result<RecoveredLink> read_link(const Statement& row) {
  RecoveredLink found;
  PROMISED_ASSIGN(found.id, read_id(row.bytes(0)));
  Link& link = found.link;
  PROMISED_ASSIGN(link.parent, read_id_or_none(row.bytes(1)));
  PROMISED_ASSIGN(link.follows, read_enumeration(row.integer(2), Follows::then, found.id));
  link.place = static_cast<std::uint32_t>(row.integer(3));
  PROMISED_ASSIGN(link.composite, read_enumeration(row.integer(4), Composite::parallel, found.id));
  PROMISED_ASSIGN(link.on_member_failure, read_enumeration(row.integer(5), MemberFailure::stop, found.id));
  PROMISED_ASSIGN(link.phase, read_enumeration(row.integer(6), Link::Phase::passed_over, found.id));
  PROMISED_ASSIGN(link.becomes, read_id_or_none(row.bytes(7)));
  return found;
}

}  // namespace

Result<void> Store::Impl::apply(const change::LinkJob& c) {
  Statement& s = statements.link_job;
  s.bind_blob(1, c.id.view());
  bind_id(s, 2, c.link.parent);
  s.bind(3, number(c.link.follows)).bind(4, c.link.place).bind(5, number(c.link.composite));
  s.bind(6, number(c.link.on_member_failure)).bind(7, number(c.link.phase));
  bind_id(s, 8, c.link.becomes);
  return s.run();
}

Result<void> Store::Impl::apply(const change::ReadyJob& c) {
  PROMISED_TRY(statements.ready_link.bind_blob(1, c.id.view()).bind(2, number(Link::Phase::ready)).run());
  PROMISED_TRY(statements.delete_large_part.bind_blob(1, c.id.view()).bind(2, number(Part::arguments)).run());
  Statement& s = statements.ready_job;
  s.bind_blob(1, c.id.view()).bind(2, c.submitted.time_since_epoch().count());
  s.bind(3, static_cast<std::int64_t>(c.arguments.size()));
  const bool in_row = !c.arguments.empty() && c.arguments.size() <= kMostInline;
  in_row ? s.bind_blob(4, c.arguments.view()) : s.bind_null(4);
  c.due == WallTime() ? s.bind_null(5) : s.bind(5, c.due.time_since_epoch().count());
  PROMISED_TRY(s.run());
  if (database.changed() == 0) return {};  // it is not there: nothing of it is kept
  return keep_large(c.id, Part::arguments, c.arguments.view());
}

Result<void> Store::Impl::replay_links(const std::function<void(const RecoveredLink&)>& link) {
  PROMISED_ASSIGN(Statement rows, database.prepare(kLinks));
  for (;;) {
    PROMISED_ASSIGN(const bool more, rows.step());
    if (!more) return {};
    PROMISED_ASSIGN(const RecoveredLink found, read_link(rows));
    link(found);
  }
}

}  // namespace promised
