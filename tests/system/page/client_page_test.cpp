// SPDX-License-Identifier: Apache-2.0
// The examples of docs/client.md, word for word (tests/scripts/docs_test.py sees to that), and what they do.
#include <doctest/doctest.h>
#include <promised/client.hpp>
#include <promised/resolve.hpp>

#include <coroutine>
#include <cstdlib>
#include <future>
#include <iostream>
#include <sstream>

#include "tests/support/daemon.hpp"
#include "tests/support/eventually.hpp"
#include "tests/system/page/page_types.hpp"

using namespace std::chrono_literals;
using namespace page;

namespace {

/// A daemon with the page's worker, which every client of this process finds, and std::cout in a string.
struct Page {
  Page() : daemon(config()), shown_at(std::cout.rdbuf(shown.rdbuf())) {
    ::setenv("PROMISED_ENDPOINT", daemon.endpoint().c_str(), 1);
  }
  ~Page() {
    ::unsetenv("PROMISED_ENDPOINT");
    std::cout.rdbuf(shown_at);
  }
  Page(const Page&) = delete;
  Page& operator=(const Page&) = delete;

  static promised::test::DaemonConfig config() {
    promised::test::DaemonConfig config;
    config.pool("page", PAGE_WORKER, {{"size", "2"}});
    return config;
  }

  promised::test::TestDaemon daemon;
  std::ostringstream shown;
  std::streambuf* shown_at;
};

template <class T>
struct Task {
  struct promise_type {
    Task get_return_object() { return {result.get_future()}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_value(T value) { result.set_value(std::move(value)); }
    void unhandled_exception() { result.set_exception(std::current_exception()); }
    std::promise<T> result;
  };
  std::future<T> result;
};

std::string render(const Profile& profile, const std::vector<Order>& orders) {
  return profile.user + ": " + std::to_string(orders.at(0).amounts.size());
}

// clang-format off
Task<std::string> page(promised::Client& client, std::string user) {
  auto orders = client.submit<std::vector<Order>>("orders.of", user);
  auto profile = client.submit<Profile>("profile.of", user);             // both run
  co_return render(co_await profile, co_await orders);
}

TEST_CASE("docs/client.md: futures") {
  Page here;
  promised::Options options;
  promised::Client client;
  auto sum = client.submit<int>("add", 1, 2);                              // returns at once
  auto report = client.submit<std::string>(options, "report.build", "Jones", promised::named("year", 2026));
  CHECK(sum.result(20s) == 3);
  CHECK(report.result(20s) == "Jones 2026");
  const std::string page = "p";
  sum.cancel(promised::CancelOptions().now().reason("not needed any more"));
  client.submit(promised::Options{}.abandon(promised::Abandon::cancel), "preview.render", page);
}

TEST_CASE("docs/client.md: arguments and results") {
  Page here;
  promised::Client client;
  Customer jones{"Jones", {{"since", "1999"}}, {{"tea", {1, 2}, 0.5}}};
  Customer merged = client.submit<Customer>("customer.merge", jones, Customer{"", {}, {{"jam", {}, {}}}}).result();
  CHECK(merged.orders.size() == 2);
  CHECK(merged.orders.at(0).discount == 0.5);
  CHECK_FALSE(merged.orders.at(1).discount);
  CHECK(merged.labels.at("since") == "1999");
}

TEST_CASE("docs/client.md: waiting") {
  Page here;
  promised::Client client;
  std::vector<promised::Future<int>> futures{client.submit<int>("add", 1, 2), client.submit<int>("add", 3, 4)};
  int all = 0;
  const auto use = [&](int n) { all += n; };
  std::promise<int> printed;
  const auto print_it = [&](const promised::Future<int>& f) { printed.set_value(f.result()); };
  const promised::Future<int> future = futures[0];
  for (auto& f : promised::as_completed(futures, 30s)) use(f.result());    // in the order of their ends
  auto [done, not_done] = promised::wait(futures, 1s, promised::When::first_completed);
  future.add_done_callback(print_it);                                       // void print_it(const promised::Future<int>&)
  CHECK(all == 10);
  CHECK(done.size() == 2);
  CHECK(not_done.empty());
  CHECK(printed.get_future().get() == 3);
}

TEST_CASE("docs/client.md: callbacks and composites") {
  Page here;
  promised::Client client;
  auto order = client.submit<int>("order.total", 3, 14);
  auto mail = order.on_success<std::string>(promised::call("mail.send", "jones"));
  auto repair = order.on_failure(promised::call("mail.send", "admin"));
  std::string told = mail.result(30s);
  CHECK(told == "jones: ordered for 42");
  CHECK(repair.state() == promised::State::cancelled);
  std::vector<int> sums;
  const auto use = [&](int n) { sums.push_back(n); };
  auto all = promised::parallel(promised::call("order.total", 1, 2), promised::call("order.total", 3, 4));
  for (const auto& outcome : client.submit<std::vector<promised::Outcome>>(all).result(30s)) use(outcome.result<int>());
  CHECK(sums == std::vector<int>{2, 12});

  auto nightly = promised::serial(promised::call("order.total", 5, 6), all).on_member_failure(promised::MemberFailure::stop);
  auto sum = client.submit<int>(nightly.then(promised::call("order.sum")));
  CHECK(sum.result(30s) == 44);
}

TEST_CASE("docs/client.md: map") {
  Page here;
  promised::Client client;
  const std::vector<std::string> files{"a", "bb"}, texts{"tea", "jam"}, languages{"German", "Welsh"};
  std::size_t total = 0;
  for (const std::size_t n : client.map<std::size_t>("count_words", files)) total += n;
  for (auto& text : client.map<std::string>({.timeout = 5min, .chunk = 100}, "translate", texts, languages)) std::cout << text;
  CHECK(total == 3);
  CHECK(here.shown.str() == "tea in Germanjam in Welsh");
}

TEST_CASE("docs/client.md: coroutines") {
  Page here;
  promised::Client client;
  CHECK(page(client, "ada").result.get() == "ada: 2");
}

TEST_CASE("docs/client.md: names") {
  Page here;
  promised::Client client;
  client.submit<std::string>(promised::Options{}.remember("report/jones", 10min), "report.build", "Jones");
  auto same = client.future<std::string>("report/jones");                  // any process of the same user
  CHECK(same.failure(20s).has_value());  // the year is missing
  std::vector<std::string> again;
  const auto retry = [&](const std::string& name) { again.push_back(name); };
  auto reports = client.futures({.prefix = "report/", .states = {promised::State::failed}});
  if (reports.contains("report/jones")) std::cout << reports.at("report/jones").view().failure.message;
  for (const promised::Remembered& r : reports) retry(r.name());           // page by page, the newest first; no snapshot
  std::cout << reports.size();                                             // a number from the daemon, no list
  CHECK(again == std::vector<std::string>{"report/jones"});
  CHECK(here.shown.str().ends_with("1"));
  CHECK(here.shown.str().size() > 10);
}

TEST_CASE("docs/client.md: two passes") {
  Page here;
  promised::Client client;
  const std::string user = "ada";
  std::string page = promised::resolve(client, [&](promised::Pass& pass) {
    const auto prices = pass.result_or_submit<std::string>("prices", "…", "render.prices", user);
    const auto news = pass.result_or_submit<std::string>("news", "…", "render.news", user);
    if (!pass.is_resolved("prices")) return std::string();
    return news + prices + pass.result_or_submit<std::string>("advice", "…", "render.advice", prices);
  });
  CHECK(page == "news for adaprices for adaadvice on prices for ada");
  const auto handler = [&](promised::Pass& pass) {
    return pass.result_or_submit<std::string>("prices", "", "render.prices", user);
  };
  promised::resolve(client, handler, promised::remember("page/" + user + "/", 10min));
  CHECK(client.futures().contains("page/ada/prices"));
}

TEST_CASE("docs/client.md: progress, notes and streamed parts") {
  Page here;
  promised::Client client;
  const std::vector<std::string> files{"one", "two", "three"};
  std::vector<std::string> lines;
  const auto show = [&](const std::string& line) { lines.push_back(line); return true; };
  std::promise<void> full;
  const auto draw_bar = [&](const promised::Progress& p) { if (p.percent == 100) full.set_value(); };
  // The client, or any other process of the same user that knows the job's name or id.
  auto job = client.submit<std::int64_t>("search", "promise", files);
  job.on_progress(draw_bar);  // void draw_bar(const promised::Progress& p)
  for (const std::string& line : job.parts<std::string>(30s)) {
    if (!show(line)) job.note("stop", true);
  }
  CHECK(lines.size() == 6);
  CHECK(lines.at(0) == "one: promise");
  CHECK(job.result(20s) == 6);
  CHECK(full.get_future().wait_for(20s) == std::future_status::ready);
}

TEST_CASE("docs/client.md: what a job prints") {
  Page here;
  promised::Client client;
  auto loud = client.submit(promised::Options{}.remember("report/loud", 10min), "report.loud", "Jones");
  for (const promised::OutputPiece& piece : loud.follow_output(30s)) {
    if (piece.lost > 0) std::cout << "[" << piece.lost << " bytes are missing]";
    std::cout << piece.bytes << std::flush;
  }
  const std::string kept = loud.output();
  CHECK(kept.find("counting Jones\n") != std::string::npos);
  CHECK(kept.find("an odd number\n") != std::string::npos);
  CHECK(here.shown.str() == kept);
}

TEST_CASE("docs/client.md: events") {
  Page here;
  promised::Client client;
  promised::Events events = client.events({.function = "report.*"}, 30s);
  auto report = client.submit<std::string>("report.plain", "Jones");  // or another process of the same user does
  for (const promised::JobEvent& event : events) {
    if (event.kind == promised::EventKind::lost) std::cout << event.lost << " events are missing\n";
    if (event.kind == promised::EventKind::failed) std::cout << event.failure.message << "\n";
    if (event.kind == promised::EventKind::succeeded) break;
  }
  CHECK(report.result(20s) == "report of Jones");
  CHECK(here.shown.str().empty());
}
// clang-format on

}  // namespace
