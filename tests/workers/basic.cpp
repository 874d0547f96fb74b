// SPDX-License-Identifier: Apache-2.0
// A worker that does what it is told: one function for each way of taking arguments and giving results.
#include <unistd.h>
#include <promised/worker.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace {

struct Customer {
  std::string name;
  int age = 0;
  std::optional<std::string> mail;
};
PROMISED_STRUCT(Customer, name, age, mail)

std::int32_t add(std::int32_t a, std::int32_t b) {
  return a + b;
}

std::string greet(const std::string& name, std::optional<std::string> greeting) {
  return greeting.value_or("Hello") + ", " + name + "!";
}

std::string build(promised::Job& job, std::string customer, int year) {
  job.progress(50, "reading");
  return customer + " " + std::to_string(year);
}

std::string describe(promised::Job& job) {
  return job.id().text() + " " + std::to_string(job.attempt()) + " " + job.function();
}

Customer birthday(Customer customer) {
  ++customer.age;
  return customer;
}

// More reports than may leave the process, and the last of them at once before the end.
void report_often(promised::Job& job) {
  for (int i = 0; i <= 1000; ++i) job.progress(i / 10.0, "step " + std::to_string(i));
}

void report_oddly(promised::Job& job, double percent) {
  job.progress(percent, "odd");
}

std::int64_t emit(promised::Job& job, std::int64_t count, std::uint64_t size) {
  for (std::int64_t i = 0; i < count; ++i)
    job.emit(promised::Bytes(size, std::byte{static_cast<std::uint8_t>(i)}));
  return count;
}

void note(promised::Job& job, const std::string& key, promised::Value value) {
  job.note(key, value);
}

// Asks until a note with this key is there.
std::string await_note(promised::Job& job, const std::string& key) {
  for (;;) {
    if (const auto note = job.note<std::string>(key)) return *note;
  }
}

// Writes its own beside one that it reads.
std::string write_over(promised::Job& job) {
  (void)job.note("key");
  job.note("key", "worker");
  await_note(job, "go");
  return job.note<std::string>("key").value_or("none");
}

std::string variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "(not set)" : value;
}

std::map<std::string, std::int64_t> process() {
  return {{"pid", ::getpid()}, {"session", ::getsid(0)}, {"group", ::getpgid(0)}, {"uid", ::getuid()}};
}

}  // namespace

int main(int argc, char** argv) {
  promised::Worker worker(argc, argv);
  worker.define("echo", [](promised::Value value) { return value; })
      .define("add", add)
      .define("greet", greet)
      .define("report.build", build)
      .define("describe", describe)
      .define("birthday", birthday)
      .define("report_often", report_often)
      .define("report_oddly", report_oddly)
      .define("emit", emit)
      .define("note", note)
      .define("await_note", await_note)
      .define("write_over", write_over)
      .define("variable", variable)
      .define("process", process)
      .define("directory",
              [] {
                char* path = ::getcwd(nullptr, 0);
                std::string text = path == nullptr ? "" : path;
                std::free(path);
                return text;
              })
      .define("bytes", [](std::uint64_t n) { return promised::Bytes(n, std::byte{7}); })
      .define("length", [](const promised::Bytes& bytes) { return std::uint64_t{bytes.size()}; })
      .define("nothing", [] {})
      .define("multiply", std::function<double(double, double)>([](double a, double b) { return a * b; }));
  return worker.run();
}
