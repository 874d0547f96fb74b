// SPDX-License-Identifier: Apache-2.0
// The program and the libraries that this process has loaded, for a signal handler: found without the
// loader's lock.
#pragma once

#include <link.h>

#include <cstdint>
#include <string_view>

namespace promised::detail {

/// Before the first signal: what cannot be asked for in a handler.
void prepare_loaded_files();

/// The loaded file that an address lies in; null if there is none.
[[nodiscard]] const link_map* file_of(std::uintptr_t address);

[[nodiscard]] std::string_view path_of(const link_map& file);

/// To open it with: what was started, whatever its path leads to by now.
[[nodiscard]] const char* path_to_open(const link_map& file);

/// A library of the distribution, of which only the names matter.
[[nodiscard]] bool is_of_the_system(const link_map& file);

}  // namespace promised::detail
