// SPDX-License-Identifier: Apache-2.0
// The nouns that several messages share, between their plain form and proto/job.proto. Internal to
// common/wire.
#pragma once

#include <promised/types.hpp>
#include <promised/views.hpp>

#include <cstddef>
#include <string_view>

#include "common/messages.hpp"
#include "common/wire/fields.hpp"

namespace promised::proto {
class Failure;
class JobView;
class Note;
class Options;
class QueueChange;
class Rate;
class Related;
class Told;
}  // namespace promised::proto

namespace promised::wire {

// What is longer is cut when it is written, so that no message outgrows kMaxFrameMessage.
inline constexpr std::size_t kMaxFailureType = std::size_t{4} << 10;
inline constexpr std::size_t kMaxFailureMessage = std::size_t{64} << 10;
/// Of the output the end is kept: it tells most about a crash.
inline constexpr std::size_t kMaxFailureOutput = std::size_t{1} << 20;
inline constexpr std::size_t kMaxFailureBacktrace = std::size_t{64} << 10;

void fill(const Options& options, proto::Options& out);
void fill(const Failure& failure, proto::Failure& out);
void fill(const NoteView& note, proto::Note& out);
void fill(const message::Told& told, proto::Told& out);
void fill(const RelatedView& view, proto::Related& out);
void fill(const JobView& view, proto::JobView& out);
void fill(const Rate& rate, proto::Rate& out);
void fill(const QueueChange& change, proto::QueueChange& out);

// These move the text out of `in`. Fields are named as "options.priority".
[[nodiscard]] Options take(proto::Options& in, Fields& fields);
[[nodiscard]] Failure take(proto::Failure& in, Fields& fields);
[[nodiscard]] NoteView take(proto::Note& in, Fields& fields);
[[nodiscard]] message::Told take(proto::Told& in, Fields& fields);
[[nodiscard]] RelatedView take(proto::Related& in, Fields& fields);
[[nodiscard]] JobView take(proto::JobView& in, Fields& fields);
[[nodiscard]] Rate take(const proto::Rate& in, Fields& fields);
[[nodiscard]] QueueChange take(proto::QueueChange& in, Fields& fields);

/// For an unset submessage.
[[nodiscard]] bool is_default(const Options& options);
[[nodiscard]] bool is_default(const Failure& failure);

}  // namespace promised::wire
