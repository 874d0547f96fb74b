// SPDX-License-Identifier: Apache-2.0
// The clients that are connected, and which outcomes are on their way to each (delivery.cpp).
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/decide/gate.hpp"
#include "daemon/decide/job.hpp"
#include "daemon/flow.hpp"

namespace promised {

/// An outcome that has been sent and not acknowledged; the job may be gone by now.
struct Delivery {
  std::uint64_t number;
  JobId job;
  std::uint64_t bytes;
  bool own;             ///< see Watcher
  std::uint64_t batch;  ///< of the store, that it waits for; 0: none
};
/// An outcome that waits until more of those under way have arrived: a client that does not read is not sent
/// more.
struct HeldBack {
  JobId job;
  Watcher to;
};

struct Session {
  SessionId id{};
  Identity who;
  Standing standing = Standing::nobody;
  JobId client;         ///< stays the same when the client reconnects
  std::string program;  ///< what it says that it is
  WorkerId worker{};    ///< whose process it is, or one of those that it has started; 0: none's
  std::uint64_t last_delivery = 0;
  std::deque<Delivery> under_way;
  std::uint64_t loading = 0;          ///< outcomes that come from the store before they are sent
  std::uint64_t bytes_under_way = 0;  ///< with those of them
  std::deque<HeldBack> held_back;
  std::uint64_t watches = 0;
  std::unordered_map<std::uint64_t, JobId> follows;  ///< by the number of the Follow
  std::uint64_t parts_under_way = 0;                 ///< bytes sent to them and not used yet
  bool parts_held_back = false;                      ///< some wait until that is less
  /// Submit requests whose acceptance is still to be told, with their jobs.
  std::vector<std::pair<std::uint64_t, JobId>> accepted;
  std::vector<std::uint64_t> accepted_durable;
  /// Its latest submissions that joined other jobs, with those: until it knows, it may ask by its own ids.
  std::deque<std::pair<JobId, JobId>> joined;

  void note_joined(const JobId& own, const JobId& job) {
    constexpr std::size_t kMost = 1024;
    joined.emplace_back(own, job);
    if (joined.size() > kMost) joined.pop_front();
  }
  /// The job that a submission of it has joined; the id itself if that is not known.
  [[nodiscard]] const JobId& joined_by(const JobId& own) const {
    for (auto it = joined.rbegin(); it != joined.rend(); ++it) {
      if (it->first == own) return it->second;
    }
    return own;
  }

  /// What marks a job as this client's own, also over its reconnects.
  [[nodiscard]] std::uint64_t tag() const {
    std::uint64_t tag = 0;
    // The last bytes: the first ones may be a time.
    std::memcpy(&tag, client.bytes().data() + sizeof tag, sizeof tag);
    return tag;
  }
};

/// Outcomes on their way to one client at most, and which part of max_unread they may take; the rest waits
/// here.
inline constexpr std::size_t kDeliveryWindow = 65536;
inline constexpr std::uint64_t kDeliveryPart = 4;

class Sessions {
 public:
  [[nodiscard]] Session* find(SessionId id) {
    const auto it = sessions_.find(id);
    return it == sessions_.end() ? nullptr : &it->second;
  }
  [[nodiscard]] const Session* find(SessionId id) const {
    const auto it = sessions_.find(id);
    return it == sessions_.end() ? nullptr : &it->second;
  }
  Session& open(SessionId id) {
    Session& session = sessions_[id];
    session.id = id;
    return session;
  }
  void erase(Session& session) {
    const auto it = by_client_.find(session.client);
    if (it != by_client_.end() && it->second == session.id) by_client_.erase(it);
    const auto tag = by_tag_.find(session.tag());
    if (tag != by_tag_.end() && tag->second == session.id) by_tag_.erase(tag);
    sessions_.erase(session.id);
  }
  /// The session of the same client of the same user on an earlier connection, if there is one.
  [[nodiscard]] Session* find_client(const JobId& client, uid_t uid) {
    const auto it = by_client_.find(client);
    Session* session = it == by_client_.end() ? nullptr : find(it->second);
    return session != nullptr && session->who.uid == uid ? session : nullptr;
  }
  void set_client(Session& session, const JobId& client) {
    session.client = client;
    by_client_[client] = session.id;
    by_tag_[session.tag()] = session.id;
  }
  /// The session of the client that marks its jobs so; null if it is not connected.
  [[nodiscard]] Session* find_tag(std::uint64_t tag, uid_t uid) {
    const auto it = by_tag_.find(tag);
    Session* session = it == by_tag_.end() ? nullptr : find(it->second);
    return session != nullptr && session->who.uid == uid ? session : nullptr;
  }
  [[nodiscard]] std::size_t size() const { return sessions_.size(); }
  [[nodiscard]] auto begin() { return sessions_.begin(); }
  [[nodiscard]] auto end() { return sessions_.end(); }

 private:
  std::unordered_map<SessionId, Session> sessions_;
  std::unordered_map<JobId, SessionId> by_client_;
  std::unordered_map<std::uint64_t, SessionId> by_tag_;
};

}  // namespace promised
