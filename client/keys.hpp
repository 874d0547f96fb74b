// SPDX-License-Identifier: Apache-2.0
// What a resolve and those nested in it know of their keys: which are promised, by which of them, and which
// are resolved. A key is one or the other, or neither. For one thread at a time.
#pragma once

#include <promised/future.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace promised::detail {

/// A call that has not been submitted.
struct Promise {
  std::string key;
  std::string function;
  Options options;
  Arguments arguments;
  /// The job whose result under this key was cleared: the name is to be taken from it first. Empty: none.
  JobId former = {};
};

class Keys {
 public:
  /// One resolve: the promises are apart, the results are not.
  using Who = const void*;

  [[nodiscard]] const AnyFuture* resolved(std::string_view key) const {
    const auto it = futures_.find(key);
    return it == futures_.end() ? nullptr : &it->second;
  }
  /// Null: it is not.
  [[nodiscard]] const Promise* promised(std::string_view key) const {
    const auto it = promises_.find(key);
    return it == promises_.end() ? nullptr : &it->second.back().promise;
  }
  [[nodiscard]] bool has_promises(Who who) const;

  /// Of a key that is not resolved. Replaces what `who` promised, and stands before what outer ones did,
  /// until it is taken out.
  void promise(Who who, Promise promise);
  /// Takes out what `who` promised, in the order of promising.
  [[nodiscard]] std::vector<Promise> take(Who who);
  /// Whoever promised the key, its promise is kept by that.
  void resolve(std::string key, AnyFuture future);

  // Whether there was one.
  [[nodiscard]] bool cancel(std::string_view key);
  [[nodiscard]] bool clear(std::string_view key);

 private:
  struct Standing {
    Promise promise;
    Who who = nullptr;
    std::uint64_t order = 0;
  };
  /// Never an empty list, and one of each resolve at most; the latest last.
  std::map<std::string, std::vector<Standing>, std::less<>> promises_;
  std::map<std::string, AnyFuture, std::less<>> futures_;
  std::map<std::string, JobId, std::less<>> cleared_;
  std::uint64_t next_order_ = 0;
};

}  // namespace promised::detail
