// SPDX-License-Identifier: Apache-2.0
#include "client/outage.hpp"

#include <promised/error.hpp>

#include <utility>

#include "client/endpoint.hpp"
#include "client/trouble.hpp"

namespace promised::detail {

void Outage::over() {
  announced({});
  since_.reset();
  was_seen_ = true;
  was_there_.store(true, std::memory_order_relaxed);
  answers_.store(true, std::memory_order_release);
  declared_.store(false, std::memory_order_release);
}

void Outage::begin(Instant now) {
  if (!since_) since_ = now;
  answers_.store(false, std::memory_order_release);
}

std::optional<Instant> Outage::declare_at() const {
  if (!since_ || declared()) return std::nullopt;
  return *since_ + patience();
}

bool Outage::declare(Instant now) {
  const std::optional<Instant> at = declare_at();
  if (!at || now < *at) return false;
  std::string gone = text(patience());
  {
    const std::lock_guard lock(mutex_);
    text_ = std::move(gone);
    refusal_.reset();
  }
  declared_.store(true, std::memory_order_release);
  return true;
}

void Outage::announced(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  announcement_ = reason;
}

std::string Outage::announcement() const {
  const std::lock_guard lock(mutex_);
  return announcement_;
}

void Outage::refused(message::Refused refusal) {
  {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(refusal);
  }
  declared_.store(true, std::memory_order_release);
}

void Outage::broken(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    text_ =
        "the connection to the daemon at " + endpoint_ + " cannot go on: " + reason + "; make a new Client";
    refusal_.reset();
  }
  declared_.store(true, std::memory_order_release);
}

std::string Outage::text(std::chrono::milliseconds within) const {
  const std::string why = why_nobody_answers(endpoint_);
  if (was_there_.load(std::memory_order_relaxed)) {
    const std::string last_word = announcement();
    return "the daemon at " + endpoint_ + " has been gone for more than " + duration_text(within) + ": " +
           why + (last_word.empty() ? "" : ". Before it went it said: " + last_word) +
           ". The client goes on trying; start the daemon again, or look into its log for why it ended";
  }
  return "no daemon has answered at " + endpoint_ + " within " + duration_text(within) + ": " + why +
         ". Start one (`systemctl start promised`, or `" PROMISED_DAEMON
         "` as yourself), or set PROMISED_ENDPOINT to where it is";
}

void Outage::raise() const {
  const std::lock_guard lock(mutex_);
  if (refusal_) {
    throw RefusedError(refusal_->code,
                       "the daemon at " + endpoint_ + " refuses this client: " + refusal_->message);
  }
  throw DisconnectedError(text_);
}

void Outage::raise_silence(std::chrono::milliseconds within) const {
  throw DisconnectedError(text(within));
}

}  // namespace promised::detail
