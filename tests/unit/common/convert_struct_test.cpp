// SPDX-License-Identifier: Apache-2.0
// S10: structs with a PROMISED_STRUCT line.
#include <doctest/doctest.h>

#include <promised/convert.hpp>

namespace promised::test {
namespace {

struct Address {
  std::string street;
  std::optional<int> number;
  friend bool operator==(const Address&, const Address&) = default;
};
PROMISED_STRUCT(Address, street, number)

struct Customer {
  std::string name;
  std::uint8_t age = 0;
  std::optional<std::string> mail;
  std::vector<Address> addresses;
  std::map<std::string, double> scores;
  friend bool operator==(const Customer&, const Customer&) = default;
};
PROMISED_STRUCT(Customer, name, age, mail, addresses, scores)

struct Single {
  int only = 0;
};
PROMISED_STRUCT(Single, only)

#define EIGHT(x) x##0, x##1, x##2, x##3, x##4, x##5, x##6, x##7
struct Wide {
  int EIGHT(a), EIGHT(b), EIGHT(c), EIGHT(d), EIGHT(e), EIGHT(f), EIGHT(g), EIGHT(h);
};
PROMISED_STRUCT(Wide, EIGHT(a), EIGHT(b), EIGHT(c), EIGHT(d), EIGHT(e), EIGHT(f), EIGHT(g), EIGHT(h))

static_assert(Convertible<Customer> && Convertible<std::vector<Address>> && Convertible<Wide>);

Customer full() {
  return {"Ada", 36, "ada@example.org", {{"Main St", 7}, {"Side St", {}}}, {{"tests", 0.5}}};
}

// The map of `customer` with one entry replaced, or added if it is not there.
Value with(const std::string& field, Value item) {
  Value value = to_value(full());
  auto& map = *value.get_if<Value::Map>();
  for (auto& [key, old] : map) {
    if (key == Value(field)) {
      old = std::move(item);
      return value;
    }
  }
  map.emplace_back(Value(field), std::move(item));
  return value;
}

Value without(const std::string& field) {
  Value value = to_value(full());
  std::erase_if(*value.get_if<Value::Map>(), [&](const auto& entry) { return entry.first == Value(field); });
  return value;
}

template <class T>
std::string struct_mismatch(const Value& value) {
  try {
    (void)from_value<T>(value);
  } catch (const Mismatch& m) {
    return m.what();
  }
  return "no mismatch";
}

TEST_CASE("S10 a struct comes back as it was, with structs within") {
  CHECK(from_value<Customer>(to_value(full())) == full());
  CHECK(from_value<Customer>(to_value(Customer{})) == Customer{});
  CHECK(from_value<Single>(to_value(Single{5})).only == 5);
}

TEST_CASE("S10 a struct is a map from its field names, in their order") {
  CHECK(to_value(Address{"Main St", {}}) ==
        Value(Value::Map{{Value("street"), Value("Main St")}, {Value("number"), Value()}}));
  CHECK(type_name<Customer>() == "Customer");
  CHECK(type_name<std::vector<Address>>() == "list of Address");
}

TEST_CASE("S10 the fields of a struct may come in any order") {
  const Value value(
      Value::Map{{Value("number"), Value(std::int64_t{7})}, {Value("street"), Value("Main St")}});
  CHECK(from_value<Address>(value) == Address{"Main St", 7});
}

TEST_CASE("S10 an optional field may be missing, any other may not") {
  CHECK_FALSE(from_value<Customer>(without("mail")).mail.has_value());
  CHECK(struct_mismatch<Customer>(without("name")) == "name: expected text, given nothing");
  CHECK(struct_mismatch<Customer>(without("addresses")) ==
        "addresses: expected list of Address, given nothing");
}

TEST_CASE("S10 a field that the struct does not have is a mismatch, so that a renamed one is noticed") {
  CHECK(struct_mismatch<Customer>(with("email", Value("x"))) ==
        "email: expected no such field in Customer, given one");
  Value value = to_value(full());
  value.get_if<Value::Map>()->emplace_back(Value(1.5), Value());
  CHECK(struct_mismatch<Customer>(value) == "[key]: expected no such field in Customer, given one");
}

TEST_CASE("S10 a mismatch within a struct tells the way to it") {
  CHECK(struct_mismatch<Customer>(with("age", Value(std::int64_t{256}))) == "age: expected uint8, given 256");
  CHECK(struct_mismatch<Customer>(with("scores", Value(Value::Map{{Value("x"), Value("y")}}))) ==
        "scores[\"x\"]: expected real, given text");
  const Value address(Value::Map{{Value("street"), Value(true)}});
  CHECK(struct_mismatch<Customer>(with("addresses", Value(Value::List{to_value(Address{}), address}))) ==
        "addresses[1].street: expected text, given bool");
  CHECK(struct_mismatch<Customer>(Value("x")) == "expected Customer, given text");
}

TEST_CASE("S10 a struct may have 64 fields") {
  Wide wide{};
  wide.a0 = 1;
  wide.h7 = 64;
  const Value value = to_value(wide);
  CHECK(value.get_if<Value::Map>()->size() == 64);
  CHECK(from_value<Wide>(value).a0 == 1);
  CHECK(from_value<Wide>(value).h7 == 64);
}

}  // namespace
}  // namespace promised::test
