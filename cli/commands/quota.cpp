// SPDX-License-Identifier: Apache-2.0
#include <promised/error.hpp>

#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/status_text.hpp"
#include "cli/usage_error.hpp"
#include "cli/view_json.hpp"
#include "common/nearest.hpp"
#include "common/printable.hpp"
#include "common/units.hpp"

namespace promised::cli {
namespace {

/// Where there is none to be seen: it may be that there is, for others.
constexpr const char* kQuotasAreTold = " (only administrators are told of quotas)";

RefusedError no_quota(const std::string& name, const std::vector<std::string>& known) {
  if (known.empty()) return {"no_quota", "no quota '" + name + "' to tell of" + kQuotasAreTold};
  return {"no_quota", "there is no quota '" + name + "'" + did_you_mean(name, known)};
}

void list_quotas(Invocation& invocation) {
  std::vector<QuotaView> quotas = invocation.client().status(invocation.answer_timeout()).quotas;
  if (!invocation.words().empty()) {
    const std::string& name = invocation.words().front();
    std::vector<std::string> known;
    for (const QuotaView& quota : quotas) known.push_back(quota.name);
    std::erase_if(quotas, [&](const QuotaView& q) { return q.name != name; });
    if (quotas.empty()) throw no_quota(name, known);
  }
  if (invocation.output() == Output::json) {
    invocation.print_json({{"quotas", to_json(quotas)}});
  } else if (invocation.output() == Output::quiet) {
    for (const QuotaView& quota : quotas) std::cout << printable(quota.name) << '\n';
  } else {
    print_quotas(std::cout, quotas);
    if (quotas.empty()) std::cerr << "no quotas to tell of" << kQuotasAreTold << '\n';
  }
}

std::uint64_t parse_size(const std::string& text) {
  constexpr std::int64_t kMost = 1'000'000'000;
  const Result<std::int64_t> size = parse_integer(text, 0, kMost);
  if (!size) throw UsageError("the quota's size: " + size.problem().message);
  return static_cast<std::uint64_t>(*size);
}

/// Nothing as size: it is to be removed.
void change(Invocation& invocation, const std::string& name, std::optional<std::uint64_t> size) {
  Client& client = invocation.client();
  const auto timeout = invocation.answer_timeout();
  const std::uint64_t running =
      size ? client.set_quota(name, *size, timeout) : client.remove_quota(name, timeout);
  if (invocation.output() == Output::json) {
    const nlohmann::ordered_json shown =
        size ? nlohmann::ordered_json(*size) : nlohmann::ordered_json(nullptr);
    invocation.print_json({{"quota", valid_utf8(name)}, {"size", shown}, {"running", running}});
  } else if (invocation.output() == Output::human) {
    std::cout << "quota " << printable(name) << ": " << (size ? std::to_string(*size) : "removed") << ", "
              << running << (running == 1 ? " job holds it\n" : " jobs hold it\n");
  }
}

ExitCode quota(Invocation& invocation) {
  const auto& words = invocation.words();
  const bool remove = invocation.flag("remove");
  if (remove && words.size() != 1)
    throw UsageError("--remove is about one quota: give its name alone (see promisectl quota --help)");
  if (remove) {
    change(invocation, words.front(), std::nullopt);
  } else if (words.size() == 2) {
    change(invocation, words.front(), parse_size(words.back()));
  } else {
    list_quotas(invocation);
  }
  return ExitCode::fine;
}

}  // namespace

Command quota_command() {
  Command command{
      "quota",
      "[NAME [SIZE]]",
      "List the quotas, or give one another size",
      "With SIZE, so many of the jobs that name the quota run at once from now on; a quota that is not there "
      "is\n"
      "made. Where more run already they end, and no others begin before. It holds over restarts, until the\n"
      "configuration says something else of it. For administrators: nobody else is told of any quota.\n",
      0,
      2,
      boost::program_options::options_description("Options"),
      quota};
  add_flag(command.options, "remove", "let it bind no more; naming it in a submission is an error then");
  return command;
}

}  // namespace promised::cli
