// SPDX-License-Identifier: Apache-2.0
// The worker of docs/client.md: the functions that its examples call.
#include "tests/system/page/page_types.hpp"

#include <promised/outcome.hpp>
#include <promised/worker.hpp>

#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace {

std::vector<std::string> lines_with(const std::string& word, const std::string& file) {
  return {file + ": " + word, file + ": another " + word};
}

// clang-format off
// The worker: parts as they are found, until the client has enough.
std::int64_t search(promised::Job& job, std::string word, std::vector<std::string> files) {
  std::int64_t found = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (job.note<bool>("stop").value_or(false)) break;
    job.progress(100.0 * i / files.size(), files[i]);
    for (const std::string& line : lines_with(word, files[i])) {
      job.emit(line);
      ++found;
    }
  }
  return found;
}

std::string send(promised::Outcome order, std::string whom) {
  return whom + (order.succeeded() ? ": ordered for " + std::to_string(order.result<int>()) : ": no order");
}

int add_up(std::vector<promised::Outcome> orders) {
  int sum = 0;
  for (const auto& order : orders.at(1).result<std::vector<promised::Outcome>>()) sum += order.result<int>();
  return sum + orders.at(0).result<int>();
}
// clang-format on

std::string build(const std::string& who, const std::map<std::string, int>& more) {
  return who + " " + std::to_string(more.at("year"));
}

}  // namespace

int main(int argc, char** argv) {
  promised::Worker worker(argc, argv);
  worker.define("add", [](int a, int b) { return a + b; })
      .define("report.build", build)
      .define("report.plain", [](const std::string& who) { return "report of " + who; })
      .define("report.loud",
              [](const std::string& who) {
                std::cout << "counting " << who << "\n";
                std::cerr << "an odd number\n";
              })
      .define("preview.render", [](const std::string& page) { return "<" + page + ">"; })
      .define("count_words", [](const std::string& text) { return std::uint64_t{text.size()}; })
      .define("translate", [](const std::string& text, const std::string& to) { return text + " in " + to; })
      .define("orders.of",
              [](const std::string& user) {
                return std::vector<page::Order>{{user, {1, 2}, {}}};
              })
      .define("profile.of",
              [](const std::string& user) {
                return page::Profile{user, true};
              })
      .define("render.prices", [](const std::string& user) { return "prices for " + user; })
      .define("render.news", [](const std::string& user) { return "news for " + user; })
      .define("render.advice", [](const std::string& prices) { return "advice on " + prices; })
      .define("customer.merge",
              [](page::Customer one, const page::Customer& other) {
                one.orders.insert(one.orders.end(), other.orders.begin(), other.orders.end());
                return one;
              })
      .define("order.total", [](int price, int count) { return price * count; })
      .define("mail.send", send)
      .define("order.sum", add_up)
      .define("search", search);
  return worker.run();
}
