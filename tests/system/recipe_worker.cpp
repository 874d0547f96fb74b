// SPDX-License-Identifier: Apache-2.0
// The functions of the recipes in docs/scheduling.md. Each writes a line into $RECIPE_LOG when it begins.
#include <promised/client.hpp>
#include <promised/outcome.hpp>
#include <promised/worker.hpp>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/night.hpp"

namespace {

using namespace std::chrono_literals;
using promised::Options;
using promised::test::day_after;
using promised::test::midnight_of;

void note(const std::string& line) {
  std::ofstream(std::getenv("RECIPE_LOG"), std::ios::app) << line + "\n" << std::flush;
}

void send_invoice(std::string invoice, std::string gate) {
  note(invoice + " begins");
  while (!std::filesystem::exists(gate)) std::this_thread::sleep_for(1ms);
  note(invoice + " sent");
}

std::string locate(std::string address) {
  return "the place of " + address;
}

// Fails in its first attempt, after it has seen to the next night.
void nightly(promised::Job& job, std::string night) {
  static promised::Client client([] {
    promised::ClientOptions options;
    options.connect_timeout = 1min;  // however busy the machine is
    return options;
  }());
  const std::string next = day_after(night);
  client
      .submit(Options{}.begin_after(midnight_of(next)).begin_by(4h).unique().retries(3), "report.nightly",
              next)
      .accepted();
  note("report of " + night);
  if (job.attempt() == 1) throw std::runtime_error("no paper");
}

int count(std::string page) {
  return static_cast<int>(page.size());
}

int add_up(std::vector<promised::Outcome> counts) {
  int sum = 0;
  for (const promised::Outcome& count : counts) sum += count.succeeded() ? count.result<int>() : 0;
  return sum;
}

void reserve(int order) {
  note("reserve " + std::to_string(order));
}

void charge(int order) {
  note("charge " + std::to_string(order));
  if (order < 0) throw promised::Permanent("no such card");
}

void send_parcel(int order) {
  note("parcel " + std::to_string(order));
}

void undo(promised::Outcome outcome, int order) {
  note("undo " + std::to_string(order) + ": " + outcome.failure.message);
}

void send_mail(promised::Outcome outcome, std::string text) {
  note("mail " + text + ": " + std::string(to_string(outcome.state)));
}

}  // namespace

int main(int argc, char** argv) {
  promised::Worker worker(argc, argv);
  worker.define("invoice.send", send_invoice)
      .define("address.locate", locate)
      .define("report.nightly", nightly)
      .define("page.count", count)
      .define("page.add_up", add_up)
      .define("stock.reserve", reserve)
      .define("card.charge", charge)
      .define("parcel.send", send_parcel)
      .define("order.undo", undo)
      .define("mail.send", send_mail);
  return worker.run();
}
