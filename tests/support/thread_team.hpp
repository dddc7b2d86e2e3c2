// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// thread_team.hpp — threads that work in phases and are parked between them.
//
// Role        A phase starts on all members at once and ends when the last one is done; in
//             between nothing runs, so that totals can be compared exactly. A member can be
//             replaced: its thread ends and a new one takes its number.
// Locking     One mutex; every phase boundary is a happens-before edge in both directions.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace granary::tests {

/// A fixed number of members, each a thread of its own.
class ThreadTeam {
public:
    using Work = std::function<void(unsigned member)>;

    explicit ThreadTeam(unsigned size) : threads_(size), retiring_(size, false) {
        for (unsigned member = 0; member < size; ++member) start(member);
    }

    ~ThreadTeam() {
        for (unsigned member = 0; member < size(); ++member) stop(member);
    }

    ThreadTeam(const ThreadTeam&) = delete;
    ThreadTeam& operator=(const ThreadTeam&) = delete;

    [[nodiscard]] unsigned size() const { return static_cast<unsigned>(threads_.size()); }

    /// Runs `work(member)` on every member and returns when all are parked again.
    void run(const Work& work) {
        std::unique_lock lock(mutex_);
        work_ = &work;
        running_ = size();
        ++phase_;
        phase_started_.notify_all();
        phase_ended_.wait(lock, [this] { return running_ == 0; });
        work_ = nullptr;
    }

    /// Ends the member's thread (its exit hooks run) and starts another in its place.
    void replace(unsigned member) {
        stop(member);
        start(member);
    }

private:
    void start(unsigned member) {
        const std::lock_guard lock(mutex_);
        retiring_[member] = false;
        threads_[member] = std::thread([this, member, seen = phase_] { serve(member, seen); });
    }

    void stop(unsigned member) {
        {
            const std::lock_guard lock(mutex_);
            retiring_[member] = true;
            phase_started_.notify_all();
        }
        threads_[member].join();
    }

    void serve(unsigned member, unsigned long seen) {
        std::unique_lock lock(mutex_);
        for (;;) {
            phase_started_.wait(lock, [&] { return phase_ != seen || retiring_[member]; });
            if (phase_ == seen)
                return;
            seen = phase_;
            const Work& work = *work_;
            lock.unlock();
            work(member);
            lock.lock();
            if (--running_ == 0)
                phase_ended_.notify_all();
        }
    }

    std::vector<std::thread> threads_;  // the owner's thread only
    // Guarded by mutex_.
    std::mutex mutex_;
    std::condition_variable phase_started_;
    std::condition_variable phase_ended_;
    std::vector<bool> retiring_;
    const Work* work_ = nullptr;
    unsigned running_ = 0;
    unsigned long phase_ = 0;
};

}  // namespace granary::tests
