// SPDX-License-Identifier: Apache-2.0
// What of DWARF (versions 2 to 5, dwarfstd.org) is read here: the sections, and the numbers of the standard.
// What is not known is skipped where its length is known, and else ends the reading: then the place has no
// line.
#pragma once

#include <cstdint>
#include <string_view>

namespace promised::symbols {

struct Sections {
  std::string_view info, abbrev, aranges, line, line_str, str, str_offsets, addr, ranges, rnglists;
};

namespace dwarf {

enum UnitType : std::uint8_t {
  kCompileUnit = 1,
  kTypeUnit = 2,
  kSkeletonUnit = 4,
  kSplitUnit = 5,
  kSplitTypeUnit = 6
};

enum Tag : std::uint64_t {
  kLexicalBlock = 0x0b,
  kInlinedSubroutine = 0x1d,
  kModule = 0x1e,
  kSubprogram = 0x2e,
  kNamespace = 0x39,
};

enum AttributeName : std::uint64_t {
  kSibling = 0x01,
  kName = 0x03,
  kStatementList = 0x10,
  kLowPc = 0x11,
  kHighPc = 0x12,
  kAbstractOrigin = 0x31,
  kSpecification = 0x47,
  kRanges = 0x55,
  kCallFile = 0x58,
  kCallLine = 0x59,
  kLinkageName = 0x6e,
  kStrOffsetsBase = 0x72,
  kAddrBase = 0x73,
  kRnglistsBase = 0x74,
  kMipsLinkageName = 0x2007,
};

enum Form : std::uint64_t {
  kFormAddr = 0x01,
  kFormBlock2 = 0x03,
  kFormBlock4 = 0x04,
  kFormData2 = 0x05,
  kFormData4 = 0x06,
  kFormData8 = 0x07,
  kFormString = 0x08,
  kFormBlock = 0x09,
  kFormBlock1 = 0x0a,
  kFormData1 = 0x0b,
  kFormFlag = 0x0c,
  kFormSdata = 0x0d,
  kFormStrp = 0x0e,
  kFormUdata = 0x0f,
  kFormRefAddr = 0x10,
  kFormRef1 = 0x11,
  kFormRef2 = 0x12,
  kFormRef4 = 0x13,
  kFormRef8 = 0x14,
  kFormRefUdata = 0x15,
  kFormIndirect = 0x16,
  kFormSecOffset = 0x17,
  kFormExprloc = 0x18,
  kFormFlagPresent = 0x19,
  kFormStrx = 0x1a,
  kFormAddrx = 0x1b,
  kFormRefSup4 = 0x1c,
  kFormStrpSup = 0x1d,
  kFormData16 = 0x1e,
  kFormLineStrp = 0x1f,
  kFormRefSig8 = 0x20,
  kFormImplicitConst = 0x21,
  kFormLoclistx = 0x22,
  kFormRnglistx = 0x23,
  kFormRefSup8 = 0x24,
  kFormStrx1 = 0x25,
  kFormStrx2 = 0x26,
  kFormStrx3 = 0x27,
  kFormStrx4 = 0x28,
  kFormAddrx1 = 0x29,
  kFormAddrx2 = 0x2a,
  kFormAddrx3 = 0x2b,
  kFormAddrx4 = 0x2c,
};

enum RangeEntry : std::uint8_t {
  kEndOfList = 0,
  kBaseAddressx = 1,
  kStartxEndx = 2,
  kStartxLength = 3,
  kOffsetPair = 4,
  kBaseAddress = 5,
  kStartEnd = 6,
  kStartLength = 7,
};

enum LineOpcode : std::uint8_t {
  kExtended = 0,
  kCopy = 1,
  kAdvancePc = 2,
  kAdvanceLine = 3,
  kSetFile = 4,
  kConstAddPc = 8,
  kFixedAdvancePc = 9,
};
enum ExtendedLineOpcode : std::uint8_t { kEndSequence = 1, kSetAddress = 2 };

enum LineContent : std::uint64_t { kPath = 1 };

}  // namespace dwarf
}  // namespace promised::symbols
