// SPDX-License-Identifier: Apache-2.0
#include "worker/failure.hpp"

#include <cxxabi.h>
#include <promised/detail/callable.hpp>
#include <promised/worker.hpp>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include "common/wire/fields.hpp"

namespace promised::detail {
namespace {

Failure because(Cause cause, std::string type, std::string message) {
  Failure failure;
  failure.cause = cause;
  failure.type = std::move(type);
  failure.message = std::move(message);
  return failure;
}

std::string current_type() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  return type == nullptr ? "unknown" : readable_name(*type);
}

}  // namespace

std::string readable_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  if (name == nullptr) return type.name();
  // The library's own names for its types are of no use to a reader.
  std::string text = name.get();
  for (const std::string_view inner : {"std::__cxx11::", "std::filesystem::__cxx11::"}) {
    const std::size_t outer = inner.size() - std::string_view("__cxx11::").size();
    for (std::size_t at; (at = text.find(inner)) != std::string::npos;)
      text.erase(at + outer, inner.size() - outer);
  }
  return text;
}

Failure failure_from_current_exception(const std::string& function) {
  try {
    throw;
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const BadArguments& e) {
    return because(Cause::bad_arguments, {}, function + ": " + e.what());
  } catch (const Deadlock& e) {
    return because(Cause::deadlock, {}, e.what());
  } catch (const Permanent& e) {
    Failure failure = because(Cause::exception, readable_name(typeid(e)), e.what());
    failure.permanent = true;
    return failure;
  } catch (const RetryAfter& e) {
    Failure failure = because(Cause::exception, readable_name(typeid(e)), e.what());
    failure.retry_after = std::min(e.delay(), wire::kLongestDuration);
    return failure;
  } catch (const std::bad_alloc& e) {
    return because(Cause::memory, readable_name(typeid(e)), "out of memory: " + std::string(e.what()));
  } catch (const std::exception& e) {
    return because(Cause::exception, readable_name(typeid(e)), e.what());
  } catch (const std::string& text) {
    return because(Cause::exception, "std::string", text);
  } catch (const char* text) {
    return because(Cause::exception, "const char*", text == nullptr ? "" : text);
  } catch (...) {
    std::string type = current_type();
    std::string message = "threw an object of type " + type + ", which is no std::exception";
    return because(Cause::exception, std::move(type), std::move(message));
  }
}

}  // namespace promised::detail
