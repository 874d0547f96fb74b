// SPDX-License-Identifier: Apache-2.0
// No worker either: writes the file that it is given to its channel, as it is, and waits.
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  std::ifstream file(argv[1], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = ::send(3, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n < 0) return 1;
    sent += static_cast<std::size_t>(n);
  }
  for (;;) ::pause();
}
