// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <optional>
#include <sstream>

#include "common/fd.hpp"

namespace promised::config {
namespace {

namespace po = boost::program_options;

constexpr std::string_view kSpace = " \t\r\f\v";

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

Result<std::string> read_all(const std::string& path) {
  constexpr std::size_t kMost = std::size_t{4} << 20;
  constexpr int kPatienceWithPipe = 1000;  // milliseconds
  const auto failed = [&] {
    const Problem p = Problem::system(path + ": cannot read the configuration");
    return Problem::of("config", p.message);
  };
  // It may be a pipe, as of a shell's <(...). A daemon that reads it anew must not wait for ever for whoever
  // may write into that.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat file {};
  if (!fd.valid() || ::fstat(fd.get(), &file) != 0) return failed();
  const bool is_pipe = S_ISFIFO(file.st_mode);
  std::string text;
  std::array<char, 16384> buffer{};
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      pollfd more{fd.get(), POLLIN, 0};
      if (::poll(&more, 1, kPatienceWithPipe) == 1) continue;
    } else if (n < 0) {
      return failed();
    }
    if (n < 0 || (n == 0 && is_pipe && text.empty()))
      return Problem::of("config", path + ": nothing comes out of this pipe");
    if (n == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(n));
    if (text.size() > kMost)
      return Problem::of("config", path + ": longer than 4 MiB; is this a configuration file?");
  }
}

/// The name in `[name]`, or a Problem where the brackets do not fit.
Result<std::string> section_name(std::string_view line, const Place& place) {
  const auto comment = line.find('#');
  const auto header = trim(line.substr(0, comment));
  if (header.size() < 3 || header.back() != ']' || trim(header.substr(1, header.size() - 2)).empty()) {
    return place.problem("expected a section such as [daemon] or [pool.NAME], found '" + std::string(header) +
                         "'");
  }
  return std::string(trim(header.substr(1, header.size() - 2)));
}

/// One `key = value` line; nothing if there is only a comment. Boost does the parsing, a line at a time,
/// because it does not tell lines otherwise.
Result<std::optional<Entry>> parse_entry(std::string_view line, const Place& place) {
  const auto comment = line.find('#');
  if (comment != std::string_view::npos && comment > 0 &&
      kSpace.find(line[comment - 1]) == std::string_view::npos) {
    return place.problem("a # begins a comment and cannot be part of a value; put a space before it");
  }
  std::istringstream stream{std::string(line) + "\n"};
  try {
    const auto parsed = po::parse_config_file(stream, po::options_description(), true);
    if (parsed.options.empty()) return std::optional<Entry>();
    const auto& option = parsed.options.front();
    if (option.string_key.empty()) return place.problem("expected KEY = VALUE, found no key");
    return std::optional<Entry>({option.string_key, option.value.empty() ? "" : option.value.front(), place});
  } catch (const po::error&) {
    return place.problem("expected KEY = VALUE, found '" + std::string(trim(line)) + "'");
  }
}

Result<void> begin_section(std::string_view line, const Place& place, std::vector<Section>& sections) {
  PROMISED_ASSIGN(std::string name, section_name(line, place));
  const auto same =
      std::find_if(sections.begin(), sections.end(), [&](const Section& s) { return s.name == name; });
  if (same != sections.end()) {
    return place.problem("section [" + name + "] begins a second time; the first is on line " +
                         std::to_string(same->place.line));
  }
  sections.push_back({std::move(name), place, {}});
  return {};
}

}  // namespace

Result<std::vector<Section>> parse_text(std::string_view text, const std::string& file) {
  std::vector<Section> sections;
  Place place{file, 0};
  while (!text.empty()) {
    ++place.line;
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find('\0') != std::string_view::npos)
      return place.problem("a zero byte; is this a configuration file?");
    if (!line.empty() && line.front() == '[') {
      PROMISED_TRY(begin_section(line, place, sections));
      continue;
    }
    PROMISED_ASSIGN(auto entry, parse_entry(line, place));
    if (!entry) continue;
    if (sections.empty()) return place.problem("'" + entry->key + "' stands before the first [section]");
    sections.back().entries.push_back(std::move(*entry));
  }
  return sections;
}

Result<std::vector<Section>> parse_file(const std::string& path) {
  PROMISED_ASSIGN(const std::string text, read_all(path));
  return parse_text(text, path);
}

}  // namespace promised::config
