// SPDX-License-Identifier: Apache-2.0
// An HTTP server on this machine's loopback that makes pages of parts which worker processes render, all at
// the same time. However many ask for a page, each part is rendered once in its lifespan; and a part that
// fails, crashes or hangs costs the page that part.
#include <httplib.h>
#include <promised/resolve.hpp>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <future>
#include <iostream>
#include <stdexcept>
#include <string>

#include "examples/two_pass/options.hpp"
#include "examples/two_pass/page.hpp"

namespace {

using namespace std::chrono_literals;

constexpr char kUsage[] = R"(Usage: two-pass-server [OPTION]...
Serves http://127.0.0.1:PORT/page?user=NAME until it gets SIGTERM.

  --endpoint ipc://PATH  the daemon to talk to
  --port PORT            where to listen, 0: any port that is free (default: 8080)
  --lifespan-ms TIME     how long a rendered part is used again (default: 10000)
)";
/// Requests that wait at the same time; each does so on a thread.
constexpr std::size_t kThreads = 32;
constexpr std::size_t kLongestUser = 64;

void serve_page(promised::Client& client, const two_pass::ServerOptions& options,
                const httplib::Request& request, httplib::Response& response) {
  const std::string user = request.get_param_value("user");
  if (user.empty() || user.size() > kLongestUser) {
    response.status = 400;
    response.set_content("expected /page?user=NAME with a name of 1 to 64 bytes\n", "text/plain");
    return;
  }
  try {
    const std::string page = promised::resolve(
        client, [&](promised::Pass& pass) { return two_pass::make_page(pass, user); },
        promised::remember("page/" + user + "/", options.lifespan).timeout(30s));
    response.set_content(page, "text/html; charset=utf-8");
  } catch (const promised::TimeoutError& e) {
    response.status = 504;
    response.set_content(std::string(e.what()) + "\n", "text/plain");
  } catch (const promised::Error& e) {
    response.status = 503;
    response.set_content(std::string(e.what()) + "\n", "text/plain");
  }
}

int serve(const two_pass::ServerOptions& options, const sigset_t& ending) {
  promised::ClientOptions to_daemon;
  to_daemon.endpoint = options.endpoint;
  promised::Client client(to_daemon);
  httplib::Server server;
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.Get("/page", [&](const httplib::Request& request, httplib::Response& response) {
    serve_page(client, options, request, response);
  });
  int port = options.port;
  if (port == 0) {
    port = server.bind_to_any_port("127.0.0.1");
  } else if (!server.bind_to_port("127.0.0.1", port)) {
    port = -1;
  }
  if (port < 0) throw std::runtime_error("cannot listen on port " + std::to_string(options.port));
  std::cout << "listening on http://127.0.0.1:" << port << std::endl;
  std::future<bool> served = std::async(std::launch::async, [&] {
    const bool good = server.listen_after_bind();
    ::kill(::getpid(), SIGTERM);  // for the case that it ended by itself
    return good;
  });
  int signal = 0;
  sigwait(&ending, &signal);
  do {
    server.stop();  // has no effect as long as it does not listen yet
  } while (served.wait_for(10ms) != std::future_status::ready);
  return served.get() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const two_pass::ServerOptions options = two_pass::parse_options(argc, argv);
    if (options.help) {
      std::cout << kUsage;
      return 0;
    }
    // Before there is any thread, so that none takes them but the one that waits for them.
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ending, nullptr);
    return serve(options, ending);
  } catch (const std::invalid_argument& e) {
    std::cerr << "two-pass-server: " << e.what() << "\n\n" << kUsage;
  } catch (const std::exception& e) {
    std::cerr << "two-pass-server: " << e.what() << "\n";
  }
  return 2;
}
