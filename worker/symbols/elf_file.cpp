// SPDX-License-Identifier: Apache-2.0
#include "worker/symbols/elf_file.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "worker/symbols/cursor.hpp"

namespace promised::symbols {
namespace {

constexpr unsigned char kByteOrder = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
constexpr unsigned char kClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;

bool is_of_this_machine(const ElfW(Ehdr) & header) {
  return std::equal(header.e_ident, header.e_ident + SELFMAG, ELFMAG) && header.e_ident[EI_CLASS] == kClass &&
         header.e_ident[EI_DATA] == kByteOrder && header.e_shentsize == sizeof(ElfW(Shdr));
}

bool is_function(const ElfW(Sym) & symbol) {
  const unsigned type = symbol.st_info & 0xfU;
  return (type == STT_FUNC || type == STT_GNU_IFUNC) && symbol.st_shndx != SHN_UNDEF && symbol.st_size > 0;
}

}  // namespace

Mapping::Mapping(const Fd& file, std::uint64_t file_size, std::uint64_t offset, std::uint64_t size) {
  if (size == 0 || offset > file_size || size > file_size - offset) return;
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t before = offset % page;
  void* const memory = ::mmap(nullptr, static_cast<std::size_t>(before + size), PROT_READ, MAP_PRIVATE,
                              file.get(), static_cast<off_t>(offset - before));
  if (memory == MAP_FAILED) return;
  memory_ = memory;
  mapped_ = static_cast<std::size_t>(before + size);
  bytes_ = {static_cast<const char*>(memory) + before, static_cast<std::size_t>(size)};
}

Mapping::~Mapping() {
  if (memory_ != nullptr) ::munmap(memory_, mapped_);
}

// Of a pipe that stands in the place of a file nobody waits for the other end.
ElfFile::ElfFile(const char* path) : file_(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  struct stat about {};
  ElfW(Ehdr) start{};
  if (!file_.valid() || ::fstat(file_.get(), &about) != 0 || !S_ISREG(about.st_mode)) return;
  if (::pread(file_.get(), &start, sizeof start, 0) != ssize_t{sizeof start} || !is_of_this_machine(start))
    return;
  size_ = static_cast<std::uint64_t>(about.st_size);
  headers_ = Mapping(file_, size_, start.e_shoff, std::uint64_t{start.e_shnum} * sizeof(Header));
  if (start.e_shstrndx < sections()) names_ = bytes_of(header(start.e_shstrndx));
}

ElfFile::Header ElfFile::header(std::size_t index) const {
  return Cursor(headers_.bytes(), index * sizeof(Header)).get<Header>();
}

std::string_view ElfFile::bytes_of(const Header& header) {
  if (header.sh_type == SHT_NOBITS || (header.sh_flags & SHF_COMPRESSED) != 0) return {};
  if (mapped_count_ == mapped_.size()) return {};
  mapped_[mapped_count_] = Mapping(file_, size_, header.sh_offset, header.sh_size);
  return mapped_[mapped_count_++].bytes();
}

std::string_view ElfFile::section(std::string_view name) {
  for (std::size_t i = 0; i < sections(); ++i) {
    const Header found = header(i);
    if (text_at(names_, found.sh_name) == name) return bytes_of(found);
  }
  return {};
}

void ElfFile::name_functions(std::span<const std::uintptr_t> addresses, std::span<std::string_view> names) {
  const std::string_view all = section(".symtab");
  const std::string_view symbols = all.empty() ? section(".dynsym") : all;
  const std::string_view texts = section(all.empty() ? ".dynstr" : ".strtab");
  // There may be a million symbols: each is held against few addresses.
  std::array<std::uint8_t, kMostAddresses> order{};
  const auto wanted = std::span(order).first(std::min(addresses.size(), order.size()));
  std::iota(wanted.begin(), wanted.end(), std::uint8_t{0});
  const auto address = [&](std::uint8_t index) { return addresses[index]; };
  std::ranges::sort(wanted, {}, address);
  for (Cursor cursor(symbols); !cursor.at_end();) {
    const auto symbol = cursor.get<ElfW(Sym)>();
    if (!cursor.ok() || !is_function(symbol)) continue;
    auto inside = std::ranges::lower_bound(wanted, symbol.st_value, {}, address);
    for (; inside != wanted.end() && address(*inside) - symbol.st_value < symbol.st_size; ++inside)
      names[*inside] = text_at(texts, symbol.st_name);
  }
}

}  // namespace promised::symbols
