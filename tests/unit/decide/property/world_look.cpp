// SPDX-License-Identifier: Apache-2.0
// Who asks why a job does not run, and what the world itself knows of that. The rest is for the audit.
#include <algorithm>
#include <utility>

#include "tests/unit/decide/property/world.hpp"

namespace promised::test {

/// A job, or a member of a composite; asked by whom it belongs to, or by somebody else.
void World::explain(Client& client, const Step& step) {
  const std::uint32_t place = static_cast<std::uint32_t>((step.detail >> 8) % 4);
  const Entry* about = entry(number_of(step.job, place));
  // Sooner one that has not ended.
  for (std::uint32_t back = 0; back < 8 && back <= step.job && (about == nullptr || about->outcome); ++back)
    about = entry(step.job - back);
  if (about == nullptr) return;
  Client& owner = clients_[about->client];
  ask(step.detail % 2 == 0 && owner.session ? owner : client, about, message::Explain{{about->id, {}}});
}

/// What was answered with the effects from the first one on.
void World::check_explained(std::size_t first, Audit::Moment moment) {
  for (; first < plan_.effects.size(); ++first) {
    const auto* send = std::get_if<effect::Send>(&plan_.effects[first]);
    const auto* explained = send == nullptr ? nullptr : std::get_if<message::Explained>(&send->reply.body);
    if (explained == nullptr) continue;
    const auto asker = sessions_.find(send->session);
    if (asker == sessions_.end()) continue;
    const Explanation& said = explained->explanation;
    Audit(*scheduler_, settings_, now_).explains(said, clients_[asker->second].uid, moment);
    check_explained(entry(said.id), said);
  }
}

void World::check_explained(const Entry& of, const Explanation& said) {
  const std::string job = "job " + said.id.text();
  const bool may_begin_anew = of.may_be_lost || of.may_run_again;
  if (of.outcome && !may_begin_anew && said.state != *of.outcome)
    throw Violation(job + " has ended as " + std::string(to_string(*of.outcome)) + ", and is told to be " +
                    std::string(to_string(said.state)));
  tally_.explained += is_ended(said.state) || said.state == State::running ? 0 : 1;
  for (const WaitReason& reason : said.reasons) {
    const WallTime moment_of = std::max(of.options.begin_after(), of.made + of.options.delay());
    if (reason.code == "scheduled" && reason.until < moment_of)
      throw Violation(job + " is told to begin before its moment");
    if (reason.code == "ended" && reason.text.find(to_string(said.state)) == std::string::npos)
      throw Violation(job + " is not told how it has ended: " + reason.text);
  }
}

}  // namespace promised::test
