// SPDX-License-Identifier: Apache-2.0
// The page, as a handler for promised::resolve: it is written as if its parts were there.
#pragma once

#include <promised/resolve.hpp>

#include <string>

namespace two_pass {

/// The HTML of a user's page. A part that could not be rendered says why in its place.
[[nodiscard]] std::string make_page(promised::Pass& pass, const std::string& user);

}  // namespace two_pass
