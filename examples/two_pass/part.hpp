// SPDX-License-Identifier: Apache-2.0
// The parts of a page: all that the server and the worker program share.
#pragma once

#include <promised/convert.hpp>

#include <cstdint>
#include <string>

namespace two_pass {

// The functions of the worker program. Each takes the user whose page it is for.
inline constexpr char kGreeting[] = "render.greeting";
inline constexpr char kNews[] = "render.news";
inline constexpr char kPrices[] = "render.prices";
/// Takes, behind the user, the prices that the advice is about.
inline constexpr char kAdvice[] = "render.advice";

struct Part {
  std::string text;          ///< plain text, not HTML
  std::int64_t worker = 0;   ///< the process that rendered it
  std::int64_t took_ms = 0;  ///< and how long that took
};
PROMISED_STRUCT(Part, text, worker, took_ms)

}  // namespace two_pass
