// SPDX-License-Identifier: Apache-2.0
#include "examples/analyser/summary.hpp"

#include <algorithm>
#include <functional>
#include <iomanip>
#include <map>
#include <string_view>

namespace analyser {
namespace {

constexpr std::size_t kWordsShown = 10;
constexpr std::size_t kSlowestShown = 5;
constexpr std::size_t kFailuresShown = 5;  // of one cause

// The last line that says something.
std::string_view last_line(std::string_view output) {
  const std::size_t end = output.find_last_not_of(" \r\n");
  if (end == std::string_view::npos) return {};
  output = output.substr(0, end + 1);
  return output.substr(output.rfind('\n') + 1);
}

// Failures by what a reader would call them: a refusal is not a crash.
std::string heading(const promised::Failure& failure) {
  std::string text(to_string(failure.cause));
  if (!failure.type.empty() && failure.cause == promised::Cause::exception) text += " " + failure.type;
  if (failure.signal != 0) text += " by signal " + std::to_string(failure.signal);
  if (!failure.limit.empty()) text += " (" + failure.limit + ")";
  return text;
}

}  // namespace

void Summary::add(const Analysis& analysis) {
  ++analysed_;
  compressed_ += analysis.compressed ? 1 : 0;
  bytes_ += analysis.bytes;
  lines_ += analysis.lines;
  words_ += analysis.words;
  for (const auto& [word, count] : analysis.frequent) frequent_[word] += count;
  slowest_.emplace_back(analysis.microseconds, analysis.path);
  std::sort(slowest_.begin(), slowest_.end(), std::greater<>());
  if (slowest_.size() > kSlowestShown) slowest_.pop_back();
}

void Summary::add(const std::string& path, const promised::Failure& failure) {
  failures_.push_back({path, failure});
}

void Summary::add(const std::string& path, const std::string& what_happened) {
  others_.emplace_back(path, what_happened);
}

void Summary::print(std::ostream& out) const {
  out << analysed_ << " documents (" << compressed_ << " compressed): " << bytes_ << " bytes, " << lines_
      << " lines, " << words_ << " words\n";
  print_words(out);
  print_slowest(out);
  print_failures(out);
  for (const auto& [path, what_happened] : others_)
    out << "no outcome: " << path << ": " << what_happened << "\n";
}

void Summary::print_words(std::ostream& out) const {
  if (frequent_.empty()) return;
  std::vector<std::pair<std::uint64_t, std::string>> words;
  for (const auto& [word, count] : frequent_) words.emplace_back(count, word);
  const std::size_t shown = std::min(kWordsShown, words.size());
  std::partial_sort(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(shown), words.end(),
                    std::greater<>());
  out << "\nmost frequent words\n";
  for (std::size_t i = 0; i < shown; ++i)
    out << std::setw(10) << words[i].first << "  " << words[i].second << "\n";
}

void Summary::print_slowest(std::ostream& out) const {
  if (slowest_.empty()) return;
  out << "\nslowest\n" << std::fixed << std::setprecision(1);
  for (const auto& [microseconds, path] : slowest_) {
    out << std::setw(10) << static_cast<double>(microseconds) / 1000 << " ms  " << path << "\n";
  }
}

void Summary::print_failures(std::ostream& out) const {
  std::map<std::string, std::vector<const Failed*>> by_heading;
  for (const Failed& f : failures_) by_heading[heading(f.failure)].push_back(&f);
  for (const auto& [text, failures] : by_heading) {
    out << "\nfailed: " << text << ": " << failures.size() << "\n";
    for (std::size_t i = 0; i < std::min(kFailuresShown, failures.size()); ++i) {
      const Failed& f = *failures[i];
      out << "  " << f.path << "\n";
      if (!f.failure.message.empty()) out << "    " << f.failure.message << "\n";
      if (const std::string_view words = last_line(f.failure.output); !words.empty()) {
        out << "    last output: " << words << "\n";
      }
    }
    if (failures.size() > kFailuresShown) out << "  and " << failures.size() - kFailuresShown << " more\n";
  }
}

}  // namespace analyser
