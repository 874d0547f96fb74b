// SPDX-License-Identifier: Apache-2.0
// Documents that do harm, for demonstrations: an analyser that is told to obey them crashes, hangs or takes
// all memory as one with a fault in it would. Such a document begins with one of these lines.
#pragma once

namespace analyser {

inline constexpr char kCrash[] = "%trouble crash\n";
inline constexpr char kHang[] = "%trouble hang\n";
inline constexpr char kMemory[] = "%trouble memory\n";

}  // namespace analyser
