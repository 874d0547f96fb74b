// SPDX-License-Identifier: Apache-2.0
// A counted pointer to an object that counts itself (retain() and release()): one word to copy, and the
// object one allocation.
#pragma once

#include <utility>

namespace promised::detail {

template <class T>
class Ref {
 public:
  Ref() = default;
  /// Shares `object`.
  explicit Ref(T* object) noexcept : object_(object) {
    if (object_ != nullptr) object_->retain();
  }
  /// Takes over a reference that somebody else has counted.
  [[nodiscard]] static Ref adopt(T* object) noexcept {
    Ref r;
    r.object_ = object;
    return r;
  }
  Ref(const Ref& other) noexcept : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
  Ref(Ref<U> other) noexcept : object_(std::move(other).leak()) {}  // NOLINT(google-explicit-constructor)
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) object_->release();
  }

  [[nodiscard]] T* get() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  /// Gives up the reference without dropping it: adopt() takes it back.
  [[nodiscard]] T* leak() && noexcept { return std::exchange(object_, nullptr); }

 private:
  T* object_ = nullptr;
};

/// A new T, referenced once.
template <class T, class... A>
[[nodiscard]] Ref<T> make_ref(A&&... arguments) {
  return Ref<T>::adopt(new T(std::forward<A>(arguments)...));
}

}  // namespace promised::detail
