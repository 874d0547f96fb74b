// SPDX-License-Identifier: Apache-2.0
// Mounts of a test's own.
#pragma once

#include <string>

#include "common/fd.hpp"

namespace promised::test {

/// Mounts that are this thread's own as long as this lives, and those of what it starts; as on most machines,
/// they are told to the namespaces that are made of it. Takes root.
class OwnMounts {
 public:
  OwnMounts();
  OwnMounts(const OwnMounts&) = delete;
  OwnMounts& operator=(const OwnMounts&) = delete;
  ~OwnMounts();

  /// A file system of this kind, as mount(8) calls it.
  void mount(const std::string& kind, const std::string& path);

 private:
  Fd outside_;
};

}  // namespace promised::test
