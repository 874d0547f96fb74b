// SPDX-License-Identifier: Apache-2.0
// The request for something that a job tells bit by bit, in order (its parts, its output), and what of it has
// arrived and is not read yet. It comes in under the session's pump lock; one application thread takes it
// out. After a reconnect it goes on behind the last that was taken; what had arrived beyond is fetched again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "client/exchange.hpp"
#include "client/future_state.hpp"
#include "client/wait_word.hpp"

namespace promised::detail {

/// The daemon is told of so many used bytes at a time; less than it sends unasked.
inline constexpr std::size_t kTellAfter = std::size_t{128} << 10;

class StreamFollow : public Exchange {
 public:
  /// Where a reader is: what is before `from` was read, and is of `run` if there is any.
  struct Position {
    std::uint64_t run = 0;
    std::uint64_t from = 0;
  };

  [[nodiscard]] Next answer(message::Reply& reply, Payload&& content) final;
  [[nodiscard]] Renewal renew() final;
  void poke() final { word_.poke(); }
  void give_up(const std::string& code, const std::string& message) final;

  // For the application's thread.

  struct Taken {
    enum class Kind : std::uint8_t { some, nothing_yet, all, restarted, refused };
    Kind kind = Kind::nothing_yet;
    std::string bytes;
    std::uint64_t lost = 0;  ///< how many bytes there were before these that nobody has any more
    bool anew = false;       ///< these are the first of another run
    message::Refused refusal;
    /// The daemon is to be told that so much has been used: so that more comes, or that it was all.
    bool tell = false;
  };
  [[nodiscard]] Taken take();
  [[nodiscard]] Position position() const;
  [[nodiscard]] WaitWord& word() { return word_; }
  /// The request that says how far it has been used.
  [[nodiscard]] message::Advance advance(bool stop) const;

 protected:
  StreamFollow(Ref<FutureState> state, Position position) : taken_(position), state_(std::move(state)) {}
  ~StreamFollow() override = default;
  /// To be called once, when all is constructed.
  void begin();

  // Under mutex_.

  /// The request for what comes from `at` on.
  virtual void ask(message::Follow& follow, Position at) const = 0;
  virtual void say_used(message::Advance& advance, std::uint64_t until) const = 0;
  /// Keeps what is new; `taken_` is the reader's.
  virtual void add(message::News& news, Payload&& content) = 0;
  /// Drops what has arrived and is not taken.
  virtual void forget_arrived() = 0;
  /// Moves the next into `taken`, and how many bytes that counts for; nothing: there is none.
  [[nodiscard]] virtual std::optional<std::size_t> take_next(Taken& taken) = 0;
  [[nodiscard]] virtual bool has_arrived() const = 0;

  void fail(const std::string& message);

  Position taken_;
  bool last_ = false;       ///< nothing comes after what has arrived
  bool restarted_ = false;  ///< what was read is of another run, and that is the end of it

 private:
  void encode_request();

  const Ref<FutureState> state_;
  WaitWord word_;
  mutable std::mutex mutex_;
  std::size_t untold_ = 0;  ///< bytes used since the daemon was told; under mutex_
  std::optional<message::Refused> refusal_;
};

/// Who reads it: asks, waits, says what was used, and asks again where a wait has taken long. For one thread.
class StreamReader {
 public:
  using Make = std::function<Ref<StreamFollow>(StreamFollow::Position)>;

  /// `make` makes the request for what comes from a position on.
  StreamReader(Ref<FutureState> state, Make make) : state_(std::move(state)), make_(std::move(make)) {}
  ~StreamReader() { stop(); }
  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;

  void start(StreamFollow::Position position = {});
  /// Nothing more is to come.
  void stop() noexcept;
  void drop() { follow_ = Ref<StreamFollow>(); }
  [[nodiscard]] bool started() const { return bool(follow_); }
  [[nodiscard]] StreamFollow::Position position() const { return follow_->position(); }

  /// What comes next; nothing_yet when `deadline` is over.
  [[nodiscard]] StreamFollow::Taken next(WaitWord::Deadline deadline);
  /// Throws what the refusal stands for, or why there is no such job, which is for the future to say.
  [[noreturn]] void refuse(const message::Refused& refusal);

 private:
  void advance(bool and_stop);

  const Ref<FutureState> state_;
  const Make make_;
  Ref<StreamFollow> follow_;  ///< none: there is nothing to come
};

/// A request that has no answer; lost with the connection.
[[nodiscard]] Ref<Exchange> make_one_way(decltype(message::Request::body) body);

}  // namespace promised::detail
