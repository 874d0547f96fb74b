// SPDX-License-Identifier: Apache-2.0
// The names in a backtrace as a programmer wrote them. Used where it is read: the names are a stranger's, so
// neither the crashing process nor the daemon takes them apart.
#pragma once

#include <string>
#include <string_view>

namespace promised {

/// `backtrace` (a line a frame: "#0 _Z3foov at foo.cpp:12") with every mangled C++ name readable. A name that
/// is none, that is too long, or that could unfold to something huge stays as it is; a readable name is cut
/// after 512 bytes.
[[nodiscard]] std::string readable_backtrace(std::string_view backtrace);

}  // namespace promised
