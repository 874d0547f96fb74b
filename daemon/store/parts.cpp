// SPDX-License-Identifier: Apache-2.0
// What jobs have told of themselves, the parts that they have streamed, and what they have printed. Parts
// that came one by one are put together to rows of a size that suits the database.
#include <utility>

#include "common/wire/client_codec.hpp"
#include "daemon/store/job_row.hpp"
#include "daemon/store/store_impl.hpp"

namespace promised {
namespace {

/// Chunks are joined while they have no more bytes than this together.
constexpr std::size_t kJoined = std::size_t{64} << 10;
constexpr std::size_t kNumber = 4;

void append(std::uint32_t number, std::string& out) {
  for (std::size_t i = 0; i < kNumber; ++i) out += static_cast<char>(number >> (8 * i));
}

std::vector<std::uint32_t> numbers(std::string_view bytes) {
  std::vector<std::uint32_t> out(bytes.size() / kNumber);
  for (std::size_t i = 0; i < out.size() * kNumber; ++i) {
    out[i / kNumber] |= std::uint32_t{static_cast<std::uint8_t>(bytes[i])} << (8 * (i % kNumber));
  }
  return out;
}

/// How many chunks from the first of `chunks` on go into one row.
std::size_t joined(std::span<const PartChunk> chunks) {
  std::size_t count = 1;
  for (std::size_t bytes = chunks.front().bytes.size(); count < chunks.size(); ++count) {
    bytes += chunks[count].bytes.size();
    if (bytes > kJoined) break;
  }
  return count;
}

}  // namespace

Result<void> Store::Impl::apply(const change::TellJob& c) {
  const std::string told = wire::encode(c.told);
  PROMISED_TRY(statements.tell_job.bind_blob(1, c.id.view()).bind_blob(2, told).run());
  if (database.changed() == 0) return {};  // it is not there: nothing of it is kept
  for (std::span<const PartChunk> rest = c.parts; !rest.empty();) {
    const auto row = rest.first(joined(rest));
    rest = rest.subspan(row.size());
    std::string sizes;
    std::string content;
    for (const PartChunk& chunk : row) {
      for (const std::uint32_t size : chunk.sizes) append(size, sizes);
      if (row.size() > 1) content += chunk.bytes.view();
    }
    PROMISED_TRY(statements.insert_part.bind_blob(1, c.id.view())
                     .bind(2, static_cast<std::int64_t>(row.front().first))
                     .bind_blob(3, sizes)
                     .bind_blob(4, row.size() > 1 ? std::string_view(content) : row.front().bytes.view())
                     .run());
  }
  return c.output.empty() ? Result<void>() : keep_output(c.id, c.output);
}

/// Small, in the job's row; else in a row of its own.
Result<void> Store::Impl::keep_output(const JobId& id, const Payload& output) {
  if (output.size() > kMostInline) return keep_large(id, Part::output, output.view());
  return statements.set_output.bind_blob(1, id.view()).bind_blob(2, output.view()).run();
}

Result<std::string> Store::Impl::load_output(const effect::LoadOutput& wanted) {
  Statement& s = statements.load_output;
  s.bind_blob(1, wanted.job.view()).bind(2, static_cast<std::int64_t>(wanted.from));
  PROMISED_ASSIGN(const bool found, s.bind(3, static_cast<std::int64_t>(wanted.most)).step());
  std::string bytes(found ? s.bytes(0) : std::string_view());
  s.reset();
  return bytes;
}

Result<std::vector<PartChunk>> Store::Impl::load_parts(const effect::LoadParts& wanted) {
  Statement& s = statements.load_parts;
  s.bind_blob(1, wanted.job.view()).bind(2, static_cast<std::int64_t>(wanted.from));
  std::vector<PartChunk> chunks;
  for (std::uint64_t bytes = 0; bytes < wanted.most;) {
    PROMISED_ASSIGN(const bool more, s.step());
    if (!more) break;
    PartChunk chunk{static_cast<std::uint64_t>(s.integer(0)), numbers(s.bytes(1)), Payload(s.bytes(2))};
    std::uint64_t size = 0;
    for (const std::uint32_t part : chunk.sizes) size += part;
    if (size != chunk.bytes.size() || chunk.sizes.empty()) {
      return damaged("parts of job " + wanted.job.text() + " have " + std::to_string(chunk.bytes.size()) +
                     " bytes instead of " + std::to_string(size));
    }
    bytes += size + chunk.sizes.size();  // there may be many without any
    chunks.push_back(std::move(chunk));
  }
  s.reset();
  return chunks;
}

}  // namespace promised
