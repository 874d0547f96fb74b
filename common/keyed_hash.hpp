// SPDX-License-Identifier: Apache-2.0
// A hash of 128 bits under a secret key (SipHash-2-4): who does not know the key can neither foresee it nor
// find two texts with the same.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace promised {

using Hash128 = std::array<std::uint64_t, 2>;

[[nodiscard]] Hash128 keyed_hash(const Hash128& key, std::string_view bytes);

}  // namespace promised
