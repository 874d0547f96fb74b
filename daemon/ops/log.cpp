// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>

#include "common/nearest.hpp"
#include "common/printable.hpp"

namespace promised::log {
namespace {

struct LevelName {
  std::string_view name;
  spdlog::level::level_enum level;
  std::string_view priority;  ///< for the journal: sd-daemon(3)
};
/// The order of Level.
constexpr std::array kLevels{
    LevelName{"debug", spdlog::level::debug, "<7>"}, LevelName{"info", spdlog::level::info, "<6>"},
    LevelName{"warning", spdlog::level::warn, "<4>"}, LevelName{"error", spdlog::level::err, "<3>"}};

class Sink {
 public:
  Sink() : logger_("promised", std::make_shared<spdlog::sinks::stderr_sink_mt>()) { use(Style::plain); }

  void use(Style style) {
    style_ = style;
    logger_.set_pattern(style == Style::journal ? "%v" : "%Y-%m-%d %H:%M:%S.%e %v");
  }
  void set_level(spdlog::level::level_enum level) { logger_.set_level(level); }
  [[nodiscard]] bool enabled(Level level) const { return logger_.should_log(of(level).level); }

  void write(Level level, std::string_view message) {
    if (!enabled(level)) return;
    std::string line;
    if (style_ == Style::journal) {
      line = of(level).priority;
    } else {
      line = std::string(of(level).name) + ": ";
    }
    line += printable(message);
    logger_.log(of(level).level, spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  static const LevelName& of(Level level) { return kLevels[static_cast<std::size_t>(level)]; }

  spdlog::logger logger_;
  std::atomic<Style> style_{Style::plain};
};

Sink& sink() {
  static Sink the_sink;
  return the_sink;
}

}  // namespace

Result<void> start(const std::string& level, Style style) {
  std::vector<std::string> names;
  for (const LevelName& known : kLevels) {
    if (known.name == level) {
      sink().use(style);
      sink().set_level(known.level);
      return {};
    }
    names.emplace_back(known.name);
  }
  return Problem::of("value", "there is no log level '" + level + "'" + did_you_mean(level, names));
}

Style style_of_stderr() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat file {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &file) != 0) return Style::plain;
  const std::string mine = std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino);
  return mine == stream ? Style::journal : Style::plain;
}

void debug(std::string_view message) {
  sink().write(Level::debug, message);
}
void info(std::string_view message) {
  sink().write(Level::info, message);
}
void warning(std::string_view message) {
  sink().write(Level::warning, message);
}
void warn_of(const Result<void>& done) {
  if (!done) warning(done.problem().message);
}

void error(std::string_view message) {
  sink().write(Level::error, message);
}

bool enabled(Level level) {
  return sink().enabled(level);
}

}  // namespace promised::log
