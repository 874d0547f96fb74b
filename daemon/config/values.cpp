// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/values.hpp"

#include <algorithm>
#include <charconv>

#include "common/ipc_path.hpp"
#include "common/nearest.hpp"

namespace promised::config {
namespace {

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Takes words off a text, one character at a time.
class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  Result<std::vector<std::string>> run() {
    while (i_ < text_.size()) PROMISED_TRY(step());
    finish_word();
    return std::move(words_);
  }

 private:
  Result<void> step() {
    const char c = text_[i_++];
    if (c == ' ' || c == '\t') {
      finish_word();
    } else if (c == '\'' || c == '"') {
      PROMISED_TRY(quoted(c));
    } else if (c == '\\') {
      PROMISED_TRY(escaped());
    } else {
      add(c);
    }
    return {};
  }

  Result<void> quoted(char quote) {
    in_word_ = true;
    while (i_ < text_.size()) {
      const char c = text_[i_++];
      if (c == quote) return {};
      if (c == '\\' && quote == '"' && i_ < text_.size() && (text_[i_] == '"' || text_[i_] == '\\')) {
        word_ += text_[i_++];
      } else {
        word_ += c;
      }
    }
    return Problem::of("value", std::string("the quote ") + quote + " is not closed");
  }

  Result<void> escaped() {
    if (i_ == text_.size())
      return Problem::of("value", "a backslash stands at the end, with nothing to protect");
    add(text_[i_++]);
    return {};
  }

  void add(char c) {
    word_ += c;
    in_word_ = true;
  }
  void finish_word() {
    if (in_word_) words_.push_back(std::move(word_));
    word_.clear();
    in_word_ = false;
  }

  std::string_view text_;
  std::size_t i_ = 0;
  std::vector<std::string> words_;
  std::string word_;
  bool in_word_ = false;
};

}  // namespace

Problem expected(std::string_view what, std::string_view text) {
  return Problem::of("value", "expected " + std::string(what) + ", found '" + std::string(text) + "'");
}

Result<bool> parse_bool(std::string_view text) {
  if (text == "yes" || text == "true" || text == "on" || text == "1") return true;
  if (text == "no" || text == "false" || text == "off" || text == "0") return false;
  return expected("yes or no", text);
}

Result<mode_t> parse_mode(std::string_view text) {
  mode_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || text.size() < 3 || mode > 0777 || (mode & 0600) != 0600) {
    return expected("permissions in octal that let the owner read and write, such as 0600 or 0666", text);
  }
  return mode;
}

Result<std::string> parse_path(std::string_view text) {
  if (text.empty() || text.front() != '/') return expected("an absolute path", text);
  return std::string(text);
}

Result<std::string> parse_endpoint(std::string_view text) {
  PROMISED_TRY(ipc_path(text));
  return std::string(text);
}

Result<std::string> parse_log_level(std::string_view text) {
  const std::vector<std::string> levels{"debug", "info", "warning", "error"};
  if (std::find(levels.begin(), levels.end(), text) != levels.end()) return std::string(text);
  Problem p = expected("debug, info, warning or error", text);
  p.message += did_you_mean(text, levels);
  return p;
}

std::vector<std::string> parse_list(std::string_view text) {
  constexpr std::string_view kBetween = ", \t";
  std::vector<std::string> words;
  while (true) {
    const auto first = text.find_first_not_of(kBetween);
    if (first == std::string_view::npos) return words;
    const auto end = std::min(text.find_first_of(kBetween, first), text.size());
    words.emplace_back(text.substr(first, end - first));
    text.remove_prefix(end);
  }
}

Result<std::vector<std::string>> split_words(std::string_view text) {
  return Splitter(text).run();
}

Result<std::string> parse_pool_name(std::string_view text) {
  const bool fits = !text.empty() && text.size() <= 64 && is_alnum(text.front()) &&
                    std::all_of(text.begin(), text.end(),
                                [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
  if (!fits) return expected("a pool's name of 1 to 64 letters, digits, '-', '_' and '.'", text);
  return std::string(text);
}

Result<std::string> parse_variable_name(std::string_view text) {
  const bool fits = !text.empty() && !(text.front() >= '0' && text.front() <= '9') &&
                    std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || c == '_'; });
  if (!fits) return expected("the name of an environment variable", text);
  return std::string(text);
}

}  // namespace promised::config
