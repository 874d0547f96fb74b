// SPDX-License-Identifier: Apache-2.0
// Are two messages equal, field by field? A field that is added to a message does not compile here until it
// is compared.
#pragma once

#include "common/messages.hpp"

namespace promised::test {

[[nodiscard]] bool same(const message::Request& a, const message::Request& b);
[[nodiscard]] bool same(const message::Reply& a, const message::Reply& b);
[[nodiscard]] bool same(const message::ToWorker& a, const message::ToWorker& b);
[[nodiscard]] bool same(const message::FromWorker& a, const message::FromWorker& b);

}  // namespace promised::test
