// SPDX-License-Identifier: Apache-2.0
#include "common/event_json.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <utility>

#include "common/printable.hpp"
#include "common/units.hpp"

namespace promised {
namespace {

std::string hex(char32_t unit) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "\\u%04x", static_cast<unsigned>(unit));
  return text.data();
}

std::string quoted(std::string_view raw) {
  const std::string text = valid_utf8(raw);
  std::string out = "\"";
  for (std::string_view rest = text; !rest.empty();) {
    const CodePoint point = first_code_point(rest);
    rest.remove_prefix(point.size);
    if (point.value == U'"' || point.value == U'\\') {
      out += '\\';
      out += static_cast<char>(point.value);
    } else if (point.value >= 0x20 && point.value < 0x7f) {
      out += static_cast<char>(point.value);
    } else if (point.value < 0x10000) {
      out += hex(point.value);
    } else {
      const char32_t above = point.value - 0x10000;
      out += hex(0xd800 + (above >> 10)) + hex(0xdc00 + (above & 0x3ff));
    }
  }
  return out + '"';
}

/// Null where there is nothing.
std::string quoted_or_null(std::string_view text) {
  return text.empty() ? "null" : quoted(text);
}

std::string time_of(WallClock time) {
  if (time == WallClock()) return "null";
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  std::string text = format_time(time);
  text[10] = 'T';
  text.pop_back();
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%06dZ", static_cast<int>((time - whole).count()));
  return '"' + text + fraction.data() + '"';
}

std::string percent_of(const std::optional<double>& progress) {
  if (!progress || !std::isfinite(*progress)) return "null";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", *progress);
  return text.data();
}

template <class Duration>
std::string micros(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

using Member = std::pair<std::string_view, std::string>;

template <std::size_t N>
std::string object(const std::array<Member, N>& members) {
  std::string out = "{";
  for (const auto& [key, value] : members) {
    if (out.size() > 1) out += ", ";
    out += '"';
    out += key;
    out += "\": " + value;
  }
  return out + "}";
}

std::string failure_of(const Failure& f) {
  if (f.cause == Cause::none) return "null";
  return object(std::array<Member, 14>{{{"cause", quoted(to_string(f.cause))},
                                        {"type", quoted_or_null(f.type)},
                                        {"message", quoted(f.message)},
                                        {"limit", quoted_or_null(f.limit)},
                                        {"signal", std::to_string(f.signal)},
                                        {"exit_code", std::to_string(f.exit_code)},
                                        {"attempt", std::to_string(f.attempt)},
                                        {"pid", std::to_string(f.pid)},
                                        {"ran_us", micros(f.ran)},
                                        {"user_us", micros(f.user)},
                                        {"system_us", micros(f.system)},
                                        {"peak_memory", std::to_string(f.peak_memory)},
                                        {"output", quoted(f.output)},
                                        {"backtrace", quoted_or_null(f.backtrace)}}});
}

}  // namespace

std::string event_json(const JobEvent& event) {
  const std::string kind = quoted(to_string(event.kind));
  if (event.kind == EventKind::lost) {
    return object(std::array<Member, 3>{
        {{"format", "1"}, {"event", kind}, {"lost", event.lost == 0 ? "null" : std::to_string(event.lost)}}});
  }
  return object(std::array<Member, 13>{{{"format", "1"},
                                        {"event", kind},
                                        {"at", time_of(event.at)},
                                        {"id", quoted(event.id.text())},
                                        {"function", quoted(event.function)},
                                        {"queue", quoted(event.queue)},
                                        {"name", quoted_or_null(event.name)},
                                        {"owner", std::to_string(event.owner)},
                                        {"attempt", std::to_string(event.attempt)},
                                        {"progress", percent_of(event.progress)},
                                        {"message", quoted_or_null(event.progress_message)},
                                        {"failure", failure_of(event.failure)},
                                        {"reason", quoted_or_null(event.reason)}}});
}

}  // namespace promised
