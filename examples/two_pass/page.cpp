// SPDX-License-Identifier: Apache-2.0
#include "examples/two_pass/page.hpp"

#include <optional>

#include "examples/two_pass/part.hpp"

namespace two_pass {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string section(const char* key, const Part& part) {
  return "<section id=\"" + std::string(key) + "\">" + escaped(part.text) + " <small>(rendered by process " +
         std::to_string(part.worker) + " in " + std::to_string(part.took_ms) + " ms)</small></section>\n";
}

std::string failed_section(const char* key, const std::string& why) {
  return "<section id=\"" + std::string(key) + "\" class=\"failed\">Not available: " + escaped(why) +
         "</section>\n";
}

std::string reason(const promised::JobFailed& e) {
  const std::string cause(to_string(e.failure().cause));
  return e.failure().message.empty() ? cause : cause + ", " + e.failure().message;
}

/// Adds the part to the page, or what stands for it. The part, once it is there.
template <class... A>
std::optional<Part> add(std::string& page, promised::Pass& pass, const char* key, const char* function,
                        const A&... arguments) {
  try {
    const Part part = pass.result_or_submit<Part>(key, Part{"…"}, function, arguments...);
    page += section(key, part);
    if (pass.is_resolved(key)) return part;
  } catch (const promised::JobFailed& e) {
    page += failed_section(key, reason(e));
  } catch (const promised::RefusedError& e) {
    page += failed_section(key, e.what());
  }
  return std::nullopt;
}

}  // namespace

std::string make_page(promised::Pass& pass, const std::string& user) {
  std::string page = "<!doctype html>\n<title>" + escaped(user) + "</title>\n";
  add(page, pass, "greeting", kGreeting, user);
  add(page, pass, "news", kNews, user);
  // What needs another part is promised once that is there.
  if (const auto prices = add(page, pass, "prices", kPrices, user)) {
    add(page, pass, "advice", kAdvice, user, prices->text);
  }
  return page + "<footer>in " + std::to_string(pass.number()) + " passes</footer>\n";
}

}  // namespace two_pass
