// SPDX-License-Identifier: Apache-2.0
#include "tests/support/verdict.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

namespace promised::test {
namespace {

std::atomic<bool> failed{false};
std::mutex later_mutex;
std::vector<std::function<void(bool)>> later;

void call_later() {
  const std::lock_guard lock(later_mutex);
  for (const auto& f : std::exchange(later, {})) f(failed);
}

struct Listener final : doctest::IReporter {
  explicit Listener(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_start(const doctest::TestCaseData&) override { failed = false; }
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override { call_later(); }
  void test_case_exception(const doctest::TestCaseException&) override { failed = true; }
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData& assertion) override {
    if (assertion.m_failed) failed = true;
  }
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};

REGISTER_LISTENER("verdict", 1, Listener);

}  // namespace

bool has_failed() {
  return failed || std::uncaught_exceptions() > 0;
}

void at_end_of_test(std::function<void(bool)> f) {
  const std::lock_guard lock(later_mutex);
  later.push_back(std::move(f));
}

}  // namespace promised::test
