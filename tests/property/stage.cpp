// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// stage.cpp — rounds, checkpoints, children and the search for a short failing program.
#include "stage.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "../support/thread_team.hpp"
#include "accounting.hpp"
#include "actor.hpp"

namespace granary::tests {
namespace {

constexpr unsigned kForkGuardSeconds = 60;
constexpr double kShrinkBudgetSeconds = 120;
/// A failing program longer than this is first looked for in its last rounds alone.
constexpr uint64_t kMostRoundsToShrink = 64;
constexpr size_t kMostOpsToPrint = 300;

void raise_to(std::atomic<uint64_t>& peak, uint64_t value) {
    // ORDER: one writer; the parent reads after the child has ended.
    if (peak.load(std::memory_order_relaxed) < value)
        peak.store(value, std::memory_order_relaxed);
}

/// A cast of actors, one per thread of the team.
class Stage {
public:
    Stage(const Abi& abi, unsigned threads, unsigned slots, uint64_t seed, Progress& progress)
        : abi_(abi), progress_(progress), team_(threads), accounting_(abi) {
        for (unsigned i = 0; i < threads; ++i) {
            cast_.push_back(std::make_unique<Actor>(abi, cast_, slots, mix(seed) + i));
        }
    }

    void play(const Round& round) {
        progress_.rounds.fetch_add(1, std::memory_order_relaxed);
        team_.run([&](unsigned member) {
            if (member >= round.threads.size())
                return;
            for (const Op& op : round.threads[member]) cast_[member]->act(op);
        });
        for (unsigned member = 0; member < team_.size(); ++member) {
            if ((round.replaced >> member & 1) == 0)
                continue;
            team_.replace(member);
            progress_.replaced.fetch_add(1, std::memory_order_relaxed);
        }
        if (round.free_all)
            team_.run([&](unsigned member) { cast_[member]->free_all(); });
        if (round.flush)
            flush();
        checkpoint();
        if (round.fork)
            fork_and_free();
        uint64_t operations = 0;
        for (const std::vector<Op>& ops : round.threads) operations += ops.size();
        progress_.operations.fetch_add(operations, std::memory_order_relaxed);
    }

    /// Frees everything; the heap must be as empty as it was before.
    void finish() {
        team_.run([&](unsigned member) { cast_[member]->free_all(); });
        flush();
        checkpoint();
        accounting_.expect_nothing_left();
    }

private:
    void flush() {
        team_.run([&](unsigned) {
            if (!flush_thread_cache(abi_))
                diverged("thread.tcache.flush failed");
        });
    }

    void checkpoint() {
        std::vector<Region> live;
        size_t total = 0;
        for (const std::unique_ptr<Actor>& actor : cast_) {
            actor->verify_all();
            actor->for_each_region([&](const Region& region) {
                live.push_back(region);
                total += region.usable;
            });
        }
        std::sort(live.begin(), live.end(),
                  [](const Region& a, const Region& b) { return a.address < b.address; });
        for (size_t i = 1; i < live.size(); ++i) {
            if (live[i - 1].address + live[i - 1].usable > live[i].address) {
                diverged("two threads hold overlapping regions: %#zx (+%zu) and %#zx",
                         live[i - 1].address, live[i - 1].usable, live[i].address);
            }
        }
        accounting_.expect(live);  // G2
        raise_to(progress_.peak_bytes, total);
        raise_to(progress_.peak_regions, live.size());
    }

    void fork_and_free() {
        const pid_t child = fork();
        if (child < 0)
            diverged("fork failed");
        if (child == 0) {
            alarm(kForkGuardSeconds);
            for (const std::unique_ptr<Actor>& actor : cast_) actor->free_all();
            flush_thread_cache(abi_);
            accounting_.expect({});
            _exit(0);
        }
        int status = 0;
        if (waitpid(child, &status, 0) != child || status != 0) {
            diverged("a forked child that freed everything ended with status %#x",
                     static_cast<unsigned>(status));
        }
        progress_.forks.fetch_add(1, std::memory_order_relaxed);
    }

    const Abi& abi_;
    Progress& progress_;
    Cast cast_;
    ThreadTeam team_;
    Accounting accounting_;  // after the team: its threads are there by then
};

Program make_program(const ProgramShape& shape, uint64_t first_round, uint64_t end_round) {
    Program program{
        .seed = shape.seed, .threads = shape.threads, .slots = shape.slots, .rounds = {}};
    for (uint64_t index = first_round; index < end_round; ++index) {
        program.rounds.push_back(make_round(shape, index));
    }
    return program;
}

/// To stderr if a person would read it, else to a file in the current directory.
void print_source(const Program& program) {
    if (count_ops(program) <= kMostOpsToPrint) {
        std::fputs(to_source(program).c_str(), stderr);
        return;
    }
    const char* const name = "granary_model_failure.txt";
    std::FILE* const file = std::fopen(name, "w");
    if (file == nullptr)
        return;
    std::fputs(to_source(program).c_str(), file);
    std::fclose(file);
    std::fprintf(stderr, "model: the program is in %s\n", name);
}

void shrink_and_print(const Abi& abi, const ProgramShape& shape, uint64_t rounds) {
    Progress& scratch = make_shared_progress();
    const auto fails = [&](const Program& program) {
        return !survives([&] { perform(abi, program, scratch); }, true);
    };
    const uint64_t first = rounds > kMostRoundsToShrink ? rounds - kMostRoundsToShrink : 0;
    Program program = make_program(shape, first, rounds);
    if (!fails(program) && !fails(program)) {
        std::fprintf(
            stderr, "model: rounds %llu..%llu alone do not fail again; run the whole seed\n",
            static_cast<unsigned long long>(first), static_cast<unsigned long long>(rounds));
        return;
    }
    std::fprintf(stderr, "model: shrinking %zu operations\n", count_ops(program));
    program = shrink(std::move(program), fails, kShrinkBudgetSeconds);
    std::fprintf(stderr, "model: %zu operations are enough\n", count_ops(program));
    print_source(program);
    (void)survives([&] { perform(abi, program, scratch); }, false);
}

}  // namespace

Progress& make_shared_progress() {
    void* const memory =
        mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        diverged("mmap of %zu bytes failed", sizeof(Progress));
    return *new (memory) Progress;
}

void perform(const Abi& abi, const Program& program, Progress& progress) {
    Stage stage(abi, program.threads, program.slots, program.seed, progress);
    for (const Round& round : program.rounds) stage.play(round);
    stage.finish();
}

void perform_generated(const Abi& abi, const ProgramShape& shape, uint64_t rounds,
                       Progress& progress) {
    Stage stage(abi, shape.threads, shape.slots, shape.seed, progress);
    for (uint64_t index = 0; index < rounds; ++index) stage.play(make_round(shape, index));
    stage.finish();
}

bool survives(const std::function<void()>& body, bool quiet) {
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child < 0)
        diverged("fork failed");
    if (child == 0) {
        if (quiet && std::freopen("/dev/null", "w", stderr) == nullptr)
            _exit(1);
        body();
        std::fflush(nullptr);
        _exit(0);
    }
    int status = 0;
    return waitpid(child, &status, 0) == child && status == 0;
}

bool check_shape(const Abi& abi, const ProgramShape& shape, uint64_t rounds, Progress& progress) {
    if (survives([&] { perform_generated(abi, shape, rounds, progress); }, false))
        return true;
    const uint64_t died_in = progress.rounds.load(std::memory_order_relaxed);
    std::fprintf(
        stderr,
        "model: failed in round %llu of seed %llu (%u threads, %u slots, %u operations per "
        "thread and round)\n",
        static_cast<unsigned long long>(died_in), static_cast<unsigned long long>(shape.seed),
        shape.threads, shape.slots, shape.ops_per_round);
    shrink_and_print(abi, shape, died_in);
    return false;
}

}  // namespace granary::tests
