// SPDX-License-Identifier: Apache-2.0
#include "bench/measure.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace promised::bench {
namespace {

constexpr std::size_t kSizes[] = {64, 1024};

using Slice = Clock::duration;

Metric metric(const std::string& key, const std::string& text, std::size_t size, const std::string& unit,
              Better better) {
  const std::string bytes = size < 1024 ? std::to_string(size) + " B" : std::to_string(size / 1024) + " KiB";
  return {key + "_" + std::to_string(size), text + ", " + bytes, unit, better};
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Values of different lengths would be cheating: every byte counts.
std::string payload_of(std::size_t size) {
  std::string payload(size, ' ');
  for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>('a' + i % 26);
  return payload;
}

void measure_round_trips(EchoSystem& system, std::size_t size, Slice slice, Figures& figures) {
  const std::string payload = payload_of(size);
  for (int i = 0; i < 20; ++i) {
    if (system.round_trip(payload) != payload)
      throw std::runtime_error(system.name() + " returns something else");
  }
  std::vector<double> micros;
  const auto end = Clock::now() + slice;
  for (auto begin = Clock::now(); begin < end; begin = Clock::now()) {
    (void)system.round_trip(payload);
    micros.push_back(seconds_since(begin) * 1e6);
  }
  std::sort(micros.begin(), micros.end());
  figures.add(metric("sync_p50", "one job at a time, round trip, p50", size, "us", Better::lower),
              system.name(), micros[micros.size() / 2]);
  figures.add(metric("sync_p99", "one job at a time, round trip, p99", size, "us", Better::lower),
              system.name(), micros[micros.size() * 99 / 100]);
}

void measure_pipeline(EchoSystem& system, std::size_t size, Slice slice, Figures& figures) {
  const std::string payload = payload_of(size);
  const auto begin = Clock::now();
  const std::uint64_t done = system.pipeline(payload, begin + slice);
  figures.add(metric("pipelined", "up to 2000 jobs under way", size, "jobs/s", Better::higher), system.name(),
              static_cast<double>(done) / seconds_since(begin));
}

void measure_acceptance(AcceptSystem& system, std::size_t size, Slice slice, Figures& figures) {
  const std::string payload = payload_of(size);
  const auto begin = Clock::now();
  const std::uint64_t accepted = system.accept(payload, begin + slice);
  figures.add(metric("accepted", "jobs accepted into durable keeping", size, "jobs/s", Better::higher),
              system.name(), static_cast<double>(accepted) / seconds_since(begin));
}

std::size_t slices_of_a_round(const Systems& systems) {
  std::size_t slices = systems.accept.size();
  for (const auto& system : systems.echo) slices += std::size(kSizes) * (system->answers() ? 2 : 1);
  return slices;
}

}  // namespace

Figures measure(const Systems& systems, std::chrono::duration<double> total, std::ostream& progress) {
  const auto slice =
      std::chrono::duration_cast<Slice>(total / (static_cast<double>(slices_of_a_round(systems)) * kRounds));
  Figures figures;
  for (int round = 1; round <= kRounds; ++round) {
    progress << "round " << round << " of " << kRounds << std::endl;
    for (const std::size_t size : kSizes) {
      for (const auto& system : systems.echo) {
        if (system->answers()) measure_round_trips(*system, size, slice, figures);
      }
      for (const auto& system : systems.echo) measure_pipeline(*system, size, slice, figures);
    }
    for (const auto& system : systems.accept) measure_acceptance(*system, kSizes[0], slice, figures);
  }
  return figures;
}

}  // namespace promised::bench
